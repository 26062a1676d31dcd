"""How a lab's times are read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeRules:
    """What a lab says of its times.

    ``zone``: the IANA zone of times without one, None if it is not known (they are read as UTC); ``date_formats``: the
    lab's own formats, as of strptime.
    """

    zone: str | None = None
    date_formats: tuple[str, ...] = ()
