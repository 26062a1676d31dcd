"""What a query asks for: the same words as the command line's options."""

import re

from aiohttp import web

from labcrate.config import as_query, export_options
from labcrate.errors import NoSessionError, NotAllowedError, UsageError
from labcrate.export.contents import Only, Options
from labcrate.lab.text import visible
from labcrate.model.session_id import RULE, is_session_id, normalized_id
from labcrate.people.roles import Role
from labcrate.web.access import Caller, caller
from labcrate.web.site import SETTINGS

_ONE = ("pad", "readings", "only", "from", "to", "time_zone", "allow_incomplete", "redact", "allow_secrets")
_MANY = ("camera", "sensor")
# A query's + is a space: before a zone's hours it cannot have been meant as one.
_LOST_PLUS = re.compile(r":\d\d(\.\d+)? \d\d(:?\d\d)?")

__all__ = ["as_query", "incomplete_allowed", "may_decide", "session_id_of", "wanted"]


def wanted(request: web.Request) -> Options:
    """The options of a request's query. Raises UsageError for one that cannot be meant.

    Raises NotAllowedError where who asks may not redact (operators may), or not allow secrets (administrators may).
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
        base_topic=request.app[SETTINGS].base_topic,
        only=query.get("only", Only.ALL),
        cameras=query.getall("camera", []),
        sensors=query.getall("sensor", []),
        start=query.get("from"),
        end=query.get("to"),
        time_zone=query.get("time_zone"),
        redact=_is_on(request, "redact"),
        allow_secrets=_is_on(request, "allow_secrets"),
    )
    may_decide(caller(request), options)
    return options


def incomplete_allowed(request: web.Request) -> bool:
    """Whether the rest is wanted when something is missing. Raises UsageError."""
    return _is_on(request, "allow_incomplete")


def may_decide(asking: Caller, options: Options) -> None:
    """Raise NotAllowedError where somebody may not decide what these options decide about secrets."""
    if options.allow_secrets and not asking.may(Role.ADMIN):
        raise NotAllowedError("Only an administrator may have files packed with the lab's secrets in them.")
    if options.redact and not asking.may(Role.OPERATOR):
        raise NotAllowedError("Redacting files needs the role operator.")


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
