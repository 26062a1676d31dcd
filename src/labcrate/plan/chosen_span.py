"""The span that was chosen with ``--from`` and ``--to``: the zone that it is read in, and what it leaves."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from labcrate.errors import UsageError
from labcrate.lab.instants import in_zone
from labcrate.model.bound import Bound
from labcrate.model.message import Message
from labcrate.model.session import Session
from labcrate.model.timespan import NO_TIME, TimeSpan, format_instant
from labcrate.plan.options import ENDS_BEFORE, Only, Options


def in_utc(options: Options, zone: str | None) -> Options:
    """The options with a span in UTC: its times without a zone are read in the IANA zone ``zone``, else as UTC.

    Raises UsageError for a span that then ends before it starts, or leaves the calendar.
    """
    span = options.span
    if not any(_without_zone(options)):
        return options
    try:
        start, end = (None if at is None else in_zone(at, zone).instant for at in (span.start, span.end))
    except OverflowError:
        raise UsageError("The chosen time lies, in UTC, before the year 1 or after 9999.") from None
    if start and end and end < start:
        raise UsageError(ENDS_BEFORE)
    return replace(options, span=TimeSpan(start, end))


def zone_said(asked: Options, read: Options, zone: str | None) -> Iterator[str]:
    """Say in which zone the times of the span were read that named none; as UTC where none is known."""
    for name, without, at in zip(("from", "to"), _without_zone(asked), (read.span.start, read.span.end), strict=True):
        if without and at:
            yield (
                Message("span.in_zone", name=name, zone=zone, at=format_instant(at))
                if zone
                else Message("span.no_zone", name=name, at=format_instant(at))
            )


def refuse_nothing(options: Options, session: Session, bound: Bound, window: TimeSpan, recordings: int | None) -> None:
    """Raise UsageError where a chosen span leaves nothing of the session's time, naming that.

    ``recordings`` is how many of those touch the span, None while that is not known: they may have been made outside
    the session's time, and are taken where only recordings are wanted.
    """
    if options.span == TimeSpan() or window == NO_TIME or window.start is None or window.end is None:
        return
    if window.start <= window.end or (options.only is Only.RECORDINGS and recordings != 0):
        return
    start, end = ((own or at) for own, at in zip(_sides(bound.span), _sides(session.span), strict=True))
    if start and end:
        raise UsageError(
            f"Session {session.id} lasted from {format_instant(start)} to {format_instant(end)}, and the chosen time "
            "lies outside; choose 'from' and 'to' within."
        )
    raise UsageError(
        f"Session {session.id} began at {format_instant(start or window.start)}, and the chosen time lies outside; "
        "choose a later 'to'."
    )


def _sides(span: TimeSpan | None) -> tuple[datetime | None, datetime | None]:
    return (span.start, span.end) if span else (None, None)


def _without_zone(options: Options) -> tuple[bool, bool]:
    def without(at: datetime | None) -> bool:
        return at is not None and at.tzinfo is None

    return without(options.span.start), without(options.span.end)
