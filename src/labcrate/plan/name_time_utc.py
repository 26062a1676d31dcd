"""Convert the time in a recording's name to UTC, by the zone in the name or a known one."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from labcrate.model.recording import ClockNote
from labcrate.video.name_time import MINUTE_S, SECOND_S, NameTime

# Zones are between UTC-12 and UTC+14.
NO_ZONE_S = 14 * 3600.0
# A time in an hour that occurs twice, or not at all, is wrong by an hour at most.
CLOCK_CHANGE_S = 3600.0


class NameTimeUtc(Struct, frozen=True):
    """The start, and perhaps the end, in a name, in UTC.

    ``starts`` has two instants for a time that occurs twice; ``rounding_s`` is 60 for a name in minutes, else 0;
    ``zoned`` says that the name has its zone; ``zone`` is a zone known from elsewhere.
    """

    starts: tuple[datetime, ...]
    end: datetime | None
    rounding_s: float
    zoned: bool
    zone: ZoneInfo | None
    note: ClockNote | None = None

    @property
    def has_zone(self) -> bool:
        """Return whether the zone of the time is known."""
        return self.zoned or self.zone is not None

    @property
    def uncertainty_s(self) -> float:
        """Return by how much the start may be wrong, in seconds."""
        if not self.has_zone:
            return NO_ZONE_S + self.rounding_s
        return CLOCK_CHANGE_S + self.rounding_s if self.note else self.rounding_s or SECOND_S

    def nearest(self, instant: datetime, within_s: float) -> "NameTimeUtc":
        """Return the time with only the start that is near ``instant``, if it has two."""
        if len(self.starts) == 1:
            return self
        matching = [s for s in self.starts if -within_s <= (instant - s).total_seconds() <= within_s + self.rounding_s]
        return replace(self, starts=(matching[0],), note=None) if matching else self


def name_time_in_utc(
    shown: NameTime, zone: ZoneInfo | None, offset: timedelta = timedelta(), *, shows_zone: bool = False
) -> NameTimeUtc:
    """Return a name's time in UTC: converted by its own zone, else by ``zone``, else read as UTC; plus ``offset``.

    ``shows_zone`` says that ``zone`` is as certain as one in the name.
    """
    starts, note = _instants(shown.start, zone), None
    if len(starts) == 2:
        note = ClockNote.REPEATED_HOUR
    elif (
        zone
        and not shown.has_zone
        and zone.key != "UTC"
        and starts[0].astimezone(zone).replace(tzinfo=None) != shown.start
    ):
        note = ClockNote.SKIPPED_HOUR
    return NameTimeUtc(
        starts=tuple(start + offset for start in starts),
        end=_instants(shown.end, zone)[-1] + offset if shown.end else None,
        rounding_s=MINUTE_S if shown.precision_s == MINUTE_S else 0.0,
        zoned=shown.has_zone or shows_zone,
        zone=zone,
        note=note,
    )


def _instants(shown: datetime, zone: ZoneInfo | None) -> tuple[datetime, ...]:
    """Return the instants at which a clock shows this time: two when clocks go back, the earlier one first."""
    if shown.tzinfo is not None:
        return (shown.astimezone(UTC),)
    if zone is None or zone.key == "UTC":
        return (shown.replace(tzinfo=UTC),)
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    # A skipped time is read with the offset before the change (PEP 495), which moves it past the gap.
    return (first, second) if first < second else (first,)


def strip_session(path: str, session_id: str | None, prefix: str | None) -> str:
    """Return a path without the camera's prefix and the session's marker and id in its name, which are not times."""
    folder, slash, name = unicodedata.normalize("NFC", path).rpartition("/")
    if prefix:
        prefix = unicodedata.normalize("NFC", prefix)
        if name[: len(prefix)].casefold() == prefix.casefold():
            name = name[len(prefix) :]
    return f"{folder}{slash}{_session_marker_pattern(session_id).sub('', name, count=1)}"


@lru_cache(maxsize=256)
def _session_marker_pattern(session_id: str | None) -> re.Pattern[str]:
    """Return a pattern for ``session42``, ``s42`` and markers of other sessions, which files in the folder may have."""
    own = rf"(?:session|s){re.escape(session_id)}" if session_id else "(?!)"
    return re.compile(rf"(?:(?<=[_-])|\A)(?:{own}|session[0-9]+|(?<=[_-])s[0-9]+)(?=[_.-]|\Z)", re.IGNORECASE)
