"""Read the options of a request's query: the same words as the command line's options."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from multidict import MultiMapping

from labcrate.errors import NoSessionError, NotAllowedError, UsageError
from labcrate.export.plan_views import exceeds_session_time
from labcrate.messages.message import Message
from labcrate.model.session import ID_RULE, is_session_id, normalize_id
from labcrate.model.timespan import TimeSpan
from labcrate.people.roles import Role
from labcrate.plan.options import OPTION_FIELDS, DataKind, OptionField, Options, parse_options, parse_switch
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.auth.require_role import Caller, caller

_INCOMPLETE = OptionField("allow_incomplete", "allow_incomplete", parse_switch)
# Options that include readings outside a session's own time.
_BEYOND_SESSION = (
    Message("query.pad"),
    Message("query.all_readings"),
    Message("query.time_zone"),
)
# In a query, + is a space; before the hours of an offset it must have been a +.
_LOST_PLUS = re.compile(r":\d\d(\.\d+)? \d\d(:?\d\d)?")

# The fields of the export form that have no meaning with a choice of data.
_IGNORED_FIELDS: Mapping[str, tuple[str, ...]] = {
    DataKind.SENSORS: ("camera",),
    DataKind.RECORDINGS: ("sensor", "with", "without"),
}

# The names of all options of a query, in the order of messages.
_SINGLE_NAMES = [field.name for field in OPTION_FIELDS if field.write and not field.many]
_SINGLE_NAMES.insert(_SINGLE_NAMES.index("redact"), _INCOMPLETE.name)
QUERY_NAMES = (*_SINGLE_NAMES, *(field.name for field in OPTION_FIELDS if field.many))


def query_options(query: MultiMapping[str], base_topic: str | None) -> Options:
    """Return the options of a query; ``base_topic`` is the server's. Raises UsageError."""
    for name in query:
        if name not in QUERY_NAMES:
            raise UsageError(Message("query.unknown_option", name=name, names=", ".join(QUERY_NAMES)))
    for name in ("from", "to"):
        if _LOST_PLUS.search(query.get(name, "")):
            raise UsageError(Message("query.lost_plus", name=name, value=query[name]))
    return parse_options({name: query.getall(name) for name in query} | {"base_topic": base_topic})


async def read_options(request: web.Request, plans: PlanQueue) -> Options:
    """Return the options of a request's query. Raises UsageError for an invalid one.

    Raises NotAllowedError as ``permitted_options`` and ``check_session_time`` do.
    """
    options = query_options(request.query, plans.whole_session_options().base_topic)
    options = permitted_options(caller(request), options)
    await check_session_time(request, plans, session_id_of(request), options)
    return options


def whole_session_options(request: web.Request, plans: PlanQueue) -> Options:
    """Return the options of a whole session, limited to what the caller may export."""
    return permitted_options(caller(request), plans.whole_session_options())


async def check_session_time(request: web.Request, plans: PlanQueue, session_id: str, options: Options) -> None:
    """Check that a user with studies chose a time within the session. Raises NotAllowedError.

    Raises what ``PlanQueue.outline`` does.
    """
    requester = caller(request)
    if requester.scope.is_limited and options.span != TimeSpan():
        outline = await plans.outline(session_id, whole_session_options(request, plans), requester.name)
        if exceeds_session_time(outline, options):
            raise NotAllowedError(Message("query.outside_session", session=session_id))


def allows_incomplete(request: web.Request) -> bool:
    """Return whether a query accepts an incomplete archive. Raises UsageError."""
    return bool(_INCOMPLETE.read(request.query.getall(_INCOMPLETE.name, ["0"])))


def permitted_options(requester: Caller, options: Options) -> Options:
    """Return the options if the caller may use them, without padding for users with studies.

    Raises NotAllowedError for options on secrets that need a higher role (operators may redact, administrators may
    allow), and for users with studies where readings outside the session's time would be included.
    """
    if options.allow_secrets and not requester.may(Role.ADMIN):
        raise NotAllowedError(Message("query.allow_secrets"))
    if options.redact and not requester.may(Role.OPERATOR):
        raise NotAllowedError(Message("query.redact"))
    if not requester.scope.is_limited:
        return options
    for message, is_chosen in zip(_BEYOND_SESSION, (options.pad, options.all_readings, options.time_zone), strict=True):
        if is_chosen:
            raise NotAllowedError(message)
    return replace(options, pad=timedelta())


def session_id_of(request: web.Request) -> str:
    """Return the session ID in a request's path ``{id}``. Raises NoSessionError for an invalid ID."""
    session_id = normalize_id(request.match_info["id"])
    if not is_session_id(session_id):
        raise NoSessionError(Message("query.session_id", id=session_id[:100], rule=ID_RULE))
    return session_id


def form_options(query: MultiMapping[str], zone: str, base_topic: str | None) -> Options:
    """Return the options of the export form's fields. Raises UsageError for an invalid one.

    Ticked cameras are ignored with "only sensor data", and ticked sensors and tables with "only recordings".
    """
    given: dict[str, object] = {name: values for name in query if (values := [*filter(None, query.getall(name))])}
    only = query.get("only")
    for name in _IGNORED_FIELDS.get(only or "", ()):
        given.pop(name, None)
    times = {name: _instant(name, query.get(name), zone) for name in ("from", "to")}
    return parse_options(given | times | {"base_topic": base_topic})


def _instant(name: str, text: str | None, zone: str) -> datetime | None:
    if not text or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(Message("query.instant", name=name, value=text, example="2025-05-02T10:00")) from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
