"""What a query asks for: the same words as the command line's options."""

import re

from aiohttp import web

from labcrate.config import as_query, export_options
from labcrate.errors import NoSessionError, UsageError
from labcrate.export.contents import Only, Options
from labcrate.lab.text import visible
from labcrate.model.session_id import RULE, is_session_id, normalized_id
from labcrate.web.site import SETTINGS

_ONE = ("pad", "readings", "only", "from", "to", "time_zone", "allow_incomplete")
_MANY = ("camera", "sensor")
# A query's + is a space: before a zone's hours it cannot have been meant as one.
_LOST_PLUS = re.compile(r":\d\d(\.\d+)? \d\d(:?\d\d)?")

__all__ = ["as_query", "incomplete_allowed", "session_id_of", "wanted"]


def wanted(request: web.Request) -> Options:
    """The options of a request's query. Raises UsageError for one that cannot be meant."""
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
    return export_options(
        pad=query.get("pad"),
        readings=query.get("readings", "session"),
        base_topic=request.app[SETTINGS].base_topic,
        only=query.get("only", Only.ALL),
        cameras=query.getall("camera", []),
        sensors=query.getall("sensor", []),
        start=query.get("from"),
        end=query.get("to"),
        time_zone=query.get("time_zone"),
    )


def incomplete_allowed(request: web.Request) -> bool:
    """Whether the rest is wanted when something is missing. Raises UsageError."""
    value = request.query.get("allow_incomplete", "0")
    if value not in ("0", "1", "true", "false"):
        raise UsageError(f"allow_incomplete is {visible(value)!r}; it is 1 or 0.")
    return value in ("1", "true")


def session_id_of(request: web.Request) -> str:
    """The session's id in a request's path ``{id}``. Raises NoSessionError for a text that no session can have."""
    session_id = normalized_id(request.match_info["id"])
    if not is_session_id(session_id):
        raise NoSessionError(f"There is no session {visible(session_id[:100])!r}: {RULE}.")
    return session_id
