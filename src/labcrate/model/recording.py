"""A recording: one video file of a camera."""

from datetime import UTC, datetime
from enum import Enum, StrEnum

from msgspec import Struct

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan


class Probe(Struct, frozen=True):
    """The properties of an MP4. ``problem`` is why the file cannot be read; then all else is None."""

    problem: Message | None = None
    duration_s: float | None = None
    video_codec: str | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    audio_codec: str | None = None
    creation_time: datetime | None = None

    @property
    def is_readable(self) -> bool:
        """Return whether the file can be read, so that a player could open it."""
        return self.problem is None


# The clock of a camera that was never set begins at 1904 (QuickTime), 1970 (Unix) or 2000 and runs while it has power.
# MP4 was published in 2001 (ISO/IEC 14496-1:2001), so no recording can be older.
FIRST_CREDIBLE_TIME = datetime(2001, 1, 1, tzinfo=UTC)

# Enough for a clock that was set to a wrong year; larger offsets are typing errors.
MAX_OFFSET_S = 3652 * 86_400.0


class TimeSource(StrEnum):
    """The source of a recording's start."""

    REGISTER = "recording register"
    NAME = "file name"
    CONTAINER = "MP4 creation time"
    CONTAINER_END = "MP4 creation time, written at the end"
    MODIFIED = "file modification time"


class ClockNote(Enum):
    """A possible error in a recording's times."""

    LOCAL_TIME = "the container holds local time as if it were UTC"
    NO_ZONE = "the name shows no time zone, none is known, and no better source agrees"
    REPEATED_HOUR = "the name's time occurs twice, when clocks go back"
    SKIPPED_HOUR = "the name's time does not occur, because clocks went forward"


class StartCandidate(Struct, frozen=True):
    """A recording's start from one source, with its uncertainty in seconds."""

    source: TimeSource
    start: datetime
    uncertainty_s: float
    is_chosen: bool = False


class RecordingTime(Struct, frozen=True):
    """A recording's span with the start from every source, the best source first; exactly one is chosen.

    ``max_difference_s`` is the largest difference in seconds between the chosen start and another candidate; 0 if they
    agree. ``offset_s`` was added to the camera's own times.
    """

    span: TimeSpan
    candidates: tuple[StartCandidate, ...]
    notes: frozenset[ClockNote] = frozenset()
    max_difference_s: float = 0.0
    offset_s: float = 0.0

    @property
    def chosen(self) -> StartCandidate:
        """Return the candidate that is the start of the span."""
        return next(claim for claim in self.candidates if claim.is_chosen)

    @property
    def other_candidates(self) -> tuple[StartCandidate, ...]:
        """Return the candidates that were not chosen."""
        return tuple(claim for claim in self.candidates if not claim.is_chosen)


class CameraClock(Struct, frozen=True):
    """The settings of one camera's clock.

    ``time_zone`` is the IANA zone of the times in its file names; ``offset_s`` (seconds) is added to the times in its
    file names and containers, and is positive for a slow clock. ``name_pattern`` is the pattern of its file names
    (``labcrate.lab.path_pattern``). Raises ValueError for an offset of more than ten years.
    """

    time_zone: str | None = None
    offset_s: float = 0.0
    name_pattern: str | None = None

    def __post_init__(self) -> None:
        if not abs(self.offset_s) <= MAX_OFFSET_S:
            raise ValueError(f"A camera's offset is at most {MAX_OFFSET_S:.0f} seconds (ten years).")
