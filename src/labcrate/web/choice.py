"""What somebody ticked in the export form of a page, as options: the same words as a query of the API has.

Only times differ: a form's are those of the session's clocks, a query's without a zone are read as the lab's own.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from multidict import MultiMapping

from labcrate.config import export_options
from labcrate.errors import UsageError
from labcrate.export.contents import Only, Options
from labcrate.lab.text import visible


def chosen(query: MultiMapping[str], zone: str, base_topic: str | None) -> Options:
    """The options that a form's fields mean. Raises UsageError for a field that cannot be meant.

    Boxes of cameras that stay ticked beside "only sensor data" mean nothing, nor do those of sensors beside "only
    recordings".
    """
    only = query.get("only") or Only.ALL
    return export_options(
        pad=query.get("pad") or None,
        readings=query.get("readings") or "session",
        base_topic=base_topic,
        only=only,
        cameras=query.getall("camera", []) if only != Only.SENSORS else (),
        sensors=query.getall("sensor", []) if only != Only.RECORDINGS else (),
        start=_instant("from", query.get("from"), zone),
        end=_instant("to", query.get("to"), zone),
        time_zone=query.get("time_zone") or None,
        redact=query.get("redact") == "1",
        allow_secrets=query.get("allow_secrets") == "1",
    )


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
