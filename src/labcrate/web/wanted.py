"""What a query asks for: the same words as the command line's options."""

import re
from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from labcrate.config import as_query, export_options
from labcrate.errors import NoSessionError, NotAllowedError, UsageError
from labcrate.export.contents import Only, Options
from labcrate.export.within_study import leaves_span
from labcrate.lab.text import visible
from labcrate.model.session_id import RULE, is_session_id, normalized_id
from labcrate.model.timespan import TimeSpan
from labcrate.people.roles import Role
from labcrate.web.access import Caller, caller
from labcrate.web.archives.plan_queue import PlanQueue

_ONE = ("pad", "readings", "only", "from", "to", "time_zone", "allow_incomplete", "redact", "allow_secrets")
_MANY = ("camera", "sensor")
# What takes the readings' window, or others' readings into it, beyond a session's own time.
_BEYOND = (
    "pad reaches beyond the session, and people of a study see no more than its own time; leave it out.",
    "readings=all takes readings of other sessions, and people of a study see no more than their own; leave it out.",
    "time_zone can move readings of other sessions into this one, so people of a study choose none; leave it out.",
)
# A query's + is a space: before a zone's hours it cannot have been meant as one.
_LOST_PLUS = re.compile(r":\d\d(\.\d+)? \d\d(:?\d\d)?")

__all__ = ["as_query", "decided", "incomplete_allowed", "session_id_of", "wanted", "whole_of", "within_span"]


async def wanted(request: web.Request, plans: PlanQueue) -> Options:
    """The options of a request's query. Raises UsageError for one that cannot be meant.

    Raises NotAllowedError for what who asks may not decide, as ``decided`` and ``within_span`` have it.
    """
    query = request.query
    for name in query:
        if name not in (*_ONE, *_MANY):
            raise UsageError(f"There is no option {visible(name)!r}; there are {', '.join((*_ONE, *_MANY))}.")
    for name in _ONE:
        if len(query.getall(name, [])) > 1:
            raise UsageError(f"The option {name!r} is given more than once.")
    for name in ("from", "to"):
        if _LOST_PLUS.search(query.get(name, "")):
            raise UsageError(f"{name} is {visible(query[name])!r}; write its + as %2B, for in a URL + is a space.")
    options = export_options(
        pad=query.get("pad"),
        readings=query.get("readings", "session"),
        base_topic=plans.whole().base_topic,
        only=query.get("only", Only.ALL),
        cameras=query.getall("camera", []),
        sensors=query.getall("sensor", []),
        start=query.get("from"),
        end=query.get("to"),
        time_zone=query.get("time_zone"),
        redact=_is_on(request, "redact"),
        allow_secrets=_is_on(request, "allow_secrets"),
    )
    options = decided(caller(request), options)
    await within_span(request, plans, session_id_of(request), options)
    return options


def whole_of(request: web.Request, plans: PlanQueue) -> Options:
    """The options of a whole session, as who asks may have it."""
    return decided(caller(request), plans.whole())


async def within_span(request: web.Request, plans: PlanQueue, session_id: str, options: Options) -> None:
    """Raise NotAllowedError where somebody of a study chose a time beyond the session's own.

    Raises what ``PlanQueue.plan`` does.
    """
    asking = caller(request)
    if asking.scope.limited and options.span != TimeSpan():
        planned = await plans.plan(session_id, whole_of(request, plans), asking.name, for_people=False)
        if leaves_span(planned.plan, options):
            raise NotAllowedError(
                f"'from' and 'to' reach beyond the time of session {session_id}, and people of a study see no more "
                "than that; choose them within."
            )


def incomplete_allowed(request: web.Request) -> bool:
    """Whether the rest is wanted when something is missing. Raises UsageError."""
    return _is_on(request, "allow_incomplete")


def decided(asking: Caller, options: Options) -> Options:
    """Return the options as somebody may have them: for people of a study, whatever the lab's pad is, none.

    Raises NotAllowedError where they may not decide about secrets so (operators may redact, administrators allow), and
    where they are of a study and the readings' window would leave the session's own time.
    """
    if options.allow_secrets and not asking.may(Role.ADMIN):
        raise NotAllowedError("Only an administrator may have files packed with the lab's secrets in them.")
    if options.redact and not asking.may(Role.OPERATOR):
        raise NotAllowedError("Redacting files needs the role operator.")
    if not asking.scope.limited:
        return options
    for message, chosen in zip(_BEYOND, (options.pad, options.all_readings, options.time_zone), strict=True):
        if chosen:
            raise NotAllowedError(message)
    return replace(options, pad=timedelta())


def _is_on(request: web.Request, name: str) -> bool:
    """Whether a switch of a request's query is on. Raises UsageError."""
    value = request.query.get(name, "0")
    if value not in ("0", "1", "true", "false"):
        raise UsageError(f"{name} is {visible(value)!r}; it is 1 or 0.")
    return value in ("1", "true")


def session_id_of(request: web.Request) -> str:
    """The session's id in a request's path ``{id}``. Raises NoSessionError for a text that no session can have."""
    session_id = normalized_id(request.match_info["id"])
    if not is_session_id(session_id):
        raise NoSessionError(f"There is no session {visible(session_id[:100])!r}: {RULE}.")
    return session_id
