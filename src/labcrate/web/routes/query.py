"""What a query asks for: the same words as the command line's options."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from multidict import MultiMapping

from labcrate.errors import NoSessionError, NotAllowedError, UsageError
from labcrate.export.plan_views import exceeds_session_time
from labcrate.messages.text import printable
from labcrate.model.session import ID_RULE, is_session_id, normalize_id
from labcrate.model.timespan import TimeSpan
from labcrate.people.roles import Role
from labcrate.plan.options import OPTION_FIELDS, DataKind, OptionField, Options, parse_options, parse_switch
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.auth.require_role import Caller, caller

_INCOMPLETE = OptionField("allow_incomplete", "allow_incomplete", parse_switch)
# What takes the readings' window, or others' readings into it, beyond a session's own time.
_BEYOND_SESSION = (
    "pad reaches beyond the session, and people of a study see no more than its own time; leave it out.",
    "readings=all takes readings of other sessions, and people of a study see no more than their own; leave it out.",
    "time_zone can move readings of other sessions into this one, so people of a study choose none; leave it out.",
)
# A query's + is a space: before a zone's hours it cannot have been meant as one.
_LOST_PLUS = re.compile(r":\d\d(\.\d+)? \d\d(:?\d\d)?")

# The names of all options that a query may have, as a message lists them.
_SINGLE_NAMES = [word.name for word in OPTION_FIELDS if word.write and not word.many]
_SINGLE_NAMES.insert(_SINGLE_NAMES.index("redact"), _INCOMPLETE.name)
QUERY_NAMES = (*_SINGLE_NAMES, *(word.name for word in OPTION_FIELDS if word.many))


def query_options(query: MultiMapping[str], base_topic: str | None) -> Options:
    """Return the options that a query asks for; ``base_topic`` is the server's. Raises UsageError."""
    for name in query:
        if name not in QUERY_NAMES:
            raise UsageError(f"There is no option {printable(name)!r}; there are {', '.join(QUERY_NAMES)}.")
    for name in ("from", "to"):
        if _LOST_PLUS.search(query.get(name, "")):
            raise UsageError(f"{name} is {printable(query[name])!r}; write its + as %2B, for in a URL + is a space.")
    return parse_options({name: query.getall(name) for name in query} | {"base_topic": base_topic})


async def read_options(request: web.Request, plans: PlanQueue) -> Options:
    """The options of a request's query. Raises UsageError for one that cannot be meant.

    Raises NotAllowedError as ``permitted_options`` and ``check_session_time`` do.
    """
    options = query_options(request.query, plans.whole_session_options().base_topic)
    options = permitted_options(caller(request), options)
    await check_session_time(request, plans, session_id_of(request), options)
    return options


def whole_session_options(request: web.Request, plans: PlanQueue) -> Options:
    """The options of a whole session, as who asks may have it."""
    return permitted_options(caller(request), plans.whole_session_options())


async def check_session_time(request: web.Request, plans: PlanQueue, session_id: str, options: Options) -> None:
    """Raise NotAllowedError where somebody of a study chose a time beyond the session's own.

    Raises what ``PlanQueue.plan`` does.
    """
    requester = caller(request)
    if requester.scope.is_limited and options.span != TimeSpan():
        planned = await plans.plan(session_id, whole_session_options(request, plans), requester.name, whole_plan=False)
        if exceeds_session_time(planned.plan, options):
            raise NotAllowedError(
                f"'from' and 'to' reach beyond the time of session {session_id}, and people of a study see no more "
                "than that; choose them within."
            )


def allows_incomplete(request: web.Request) -> bool:
    """Whether the rest is wanted when something is missing. Raises UsageError."""
    return bool(_INCOMPLETE.read(request.query.getall(_INCOMPLETE.name, ["0"])))


def permitted_options(requester: Caller, options: Options) -> Options:
    """Return the options as somebody may have them: for people of a study, whatever the lab's pad is, none.

    Raises NotAllowedError where they may not decide about secrets so (operators may redact, administrators allow), and
    where they are of a study and the readings' window would leave the session's own time.
    """
    if options.allow_secrets and not requester.may(Role.ADMIN):
        raise NotAllowedError("Only an administrator may have files packed with the lab's secrets in them.")
    if options.redact and not requester.may(Role.OPERATOR):
        raise NotAllowedError("Redacting files needs the role operator.")
    if not requester.scope.is_limited:
        return options
    for message, is_chosen in zip(_BEYOND_SESSION, (options.pad, options.all_readings, options.time_zone), strict=True):
        if is_chosen:
            raise NotAllowedError(message)
    return replace(options, pad=timedelta())


def session_id_of(request: web.Request) -> str:
    """The session's id in a request's path ``{id}``. Raises NoSessionError for a text that no session can have."""
    session_id = normalize_id(request.match_info["id"])
    if not is_session_id(session_id):
        raise NoSessionError(f"There is no session {printable(session_id[:100])!r}: {ID_RULE}.")
    return session_id


def form_options(query: MultiMapping[str], zone: str, base_topic: str | None) -> Options:
    """The options that a form's fields mean. Raises UsageError for a field that cannot be meant.

    Boxes of cameras that stay ticked beside "only sensor data" mean nothing, nor do those of sensors beside "only
    recordings".
    """
    given: dict[str, object] = {name: values for name in query if (values := [*filter(None, query.getall(name))])}
    only = query.get("only")
    if only in (DataKind.SENSORS, DataKind.RECORDINGS):
        given.pop("camera" if only == DataKind.SENSORS else "sensor", None)
    times = {name: _instant(name, query.get(name), zone) for name in ("from", "to")}
    return parse_options(given | times | {"base_topic": base_topic})


def _instant(name: str, text: str | None, zone: str) -> datetime | None:
    if not text or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{name} is {printable(text)!r}, which is no date and time; write it like 2025-05-02T10:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
