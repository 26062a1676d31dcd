"""The rules for reading a lab's times."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeRules:
    """The configuration of a lab's times.

    ``zone``: the IANA zone of times without one, None if it is not known (they are read as UTC); ``date_formats``: the
    lab's own formats for strptime.
    """

    zone: str | None = None
    date_formats: tuple[str, ...] = ()
