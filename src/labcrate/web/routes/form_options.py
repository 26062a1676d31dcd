"""What somebody ticked in the export form of a page, as options: the same words as a query of the API has.

Only times differ: a form's are those of the session's clocks, a query's without a zone are read as the lab's own.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from multidict import MultiMapping

from labcrate.errors import UsageError
from labcrate.lab.text import visible
from labcrate.plan.options import Only, Options, parse_options


def chosen(query: MultiMapping[str], zone: str, base_topic: str | None) -> Options:
    """The options that a form's fields mean. Raises UsageError for a field that cannot be meant.

    Boxes of cameras that stay ticked beside "only sensor data" mean nothing, nor do those of sensors beside "only
    recordings".
    """
    given: dict[str, object] = {name: filled for name in query if (filled := [*filter(None, query.getall(name))])}
    only = query.get("only")
    if only in (Only.SENSORS, Only.RECORDINGS):
        given.pop("camera" if only == Only.SENSORS else "sensor", None)
    times = {name: _instant(name, query.get(name), zone) for name in ("from", "to")}
    return parse_options(given | times | {"base_topic": base_topic})


def _instant(name: str, text: str | None, zone: str) -> datetime | None:
    if not text or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{name} is {visible(text)!r}, which is no date and time; write it like 2025-05-02T10:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
