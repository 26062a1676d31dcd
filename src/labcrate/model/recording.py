"""A recording: one video file of a camera."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look into an MP4 tells. ``problem`` says why nothing can be told; then all else is None."""

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
        """Whether a player could open it."""
        return self.problem is None


# Cameras whose clock was never set count from 1904 (QuickTime), 1970 (Unix) or 2000, and go on counting for as long
# as they have power. MP4 was published in 2001 (ISO/IEC 14496-1:2001), so no earlier time can be a recording's.
FIRST_CREDIBLE_TIME = datetime(2001, 1, 1, tzinfo=UTC)

# A clock that was set to a wrong year can be corrected, a slip of the pen cannot leave the calendar.
MAX_OFFSET_S = 3652 * 86_400.0


class TimeSource(StrEnum):
    """Where a recording's start comes from."""

    REGISTER = "recording register"
    NAME = "file name"
    CONTAINER = "MP4 creation time"
    CONTAINER_END = "MP4 creation time, written at the end"
    MODIFIED = "file modification time"


class ClockNote(Enum):
    """What is odd about a recording's times."""

    LOCAL_TIME = "the container holds local time as if it were UTC"
    NO_ZONE = "the name shows no time zone, none is known, and no better source agrees"
    REPEATED_HOUR = "the name's time occurs twice, when clocks go back"
    SKIPPED_HOUR = "the name's time does not occur, because clocks went forward"


@dataclass(frozen=True, slots=True)
class StartCandidate:
    """What one source says of a recording's start, at most so many seconds wrong."""

    source: TimeSource
    start: datetime
    uncertainty_s: float
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class RecordingTime:
    """A recording's span with every source's claim, the best source first; exactly one claim is taken.

    ``apart_s`` is the largest difference in seconds between the start and what another source says; 0 where they
    agree. ``offset_s`` is what was added to the camera's own times.
    """

    span: TimeSpan
    candidates: tuple[StartCandidate, ...]
    notes: frozenset[ClockNote] = frozenset()
    max_difference_s: float = 0.0
    offset_s: float = 0.0

    @property
    def chosen(self) -> StartCandidate:
        """Return the claim that the span's start comes from."""
        return next(claim for claim in self.candidates if claim.is_chosen)

    @property
    def other_candidates(self) -> tuple[StartCandidate, ...]:
        """Return the claims that were not taken."""
        return tuple(claim for claim in self.candidates if not claim.is_chosen)


@dataclass(frozen=True, slots=True)
class CameraClock:
    """What a lab knows of one camera's clock.

    ``time_zone`` is the IANA zone of the times in its file names; ``offset_s`` (seconds) is added to the times in
    its names and containers: positive for a clock that is slow. ``name_pattern`` describes the names of its files
    (``labcrate.lab.path_pattern``). Raises ValueError for an offset of more than ten years.
    """

    time_zone: str | None = None
    offset_s: float = 0.0
    name_pattern: str | None = None

    def __post_init__(self) -> None:
        if not abs(self.offset_s) <= MAX_OFFSET_S:
            raise ValueError(f"A camera's clock is off by at most {MAX_OFFSET_S:.0f} seconds (ten years).")
