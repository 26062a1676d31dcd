"""What is known of a session when its page is requested: everything, or all but its readings."""

from dataclasses import dataclass

from aiohttp import web

from labcrate.errors import LabcrateError, NoSessionError, NotReadyError
from labcrate.export.assemble import Assembly
from labcrate.export.plan_views import limit_plan_to_study, limit_to_study
from labcrate.model.session import Session
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.web.archives import page_waits
from labcrate.web.archives.reading_meter import ReadingState
from labcrate.web.auth.require_role import caller
from labcrate.web.http.problems import problem_of_error
from labcrate.web.resources import ServerResources, resources


@dataclass(frozen=True, slots=True)
class SessionView:
    """The plan of a whole session for its page.

    ``assembly`` is None if its sensor messages are not read: ``problem`` is why they cannot be, or None while they are
    being read; ``reading`` is how much of them was read, None while they wait for earlier requests.
    """

    plan: Plan
    assembly: Assembly | None = None
    problem: str | None = None
    reading: ReadingState | None = None

    @property
    def is_waiting(self) -> bool:
        """Return whether the rest will be known later."""
        return self.assembly is None and self.problem is None

    def limited_to_study(self) -> "SessionView":
        """Return the view without anything of other sessions."""
        if self.assembly is None:
            return SessionView(limit_plan_to_study(self.plan), None, self.problem, self.reading)
        assembly = limit_to_study(self.assembly)
        return SessionView(assembly.plan, assembly)


async def read_view(request: web.Request, session_id: str, options: Options) -> SessionView | None:
    """Return what is known of a session after a short wait; None if that is only its description.

    Planning continues. Raises NoSessionError, NotReadyError, and what ``PlanQueue.outline`` does.
    """
    plans, user = resources(request).plans, caller(request).name
    if planned := await plans.find_for_page(session_id, options):
        return SessionView(planned.plan, planned)
    outline = await plans.outline_for_page(session_id, options, user)
    if outline is None:
        return None
    try:
        planned = await plans.plan_for_page(session_id, options, user, page_waits.READINGS_WAIT_S)
    except (NoSessionError, NotReadyError):
        raise
    except LabcrateError as error:
        return SessionView(outline, problem=problem_of_error(error).detail)
    if planned:
        return SessionView(planned.plan, planned)
    return SessionView(outline, reading=plans.reading_state(session_id, options))


def find_session(server: ServerResources, session_id: str) -> Session:
    """Return a session as the lab describes it. Raises NoSessionError."""
    return server.inventories.inventory().session(session_id)


def zone_of(request: web.Request, session: Session) -> str:
    """Return the IANA zone of the times of a session's page."""
    return session.time_zone or resources(request).settings.time_zone
