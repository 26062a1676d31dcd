"""A recording: one video file of a camera."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look into an MP4 tells. ``problem`` says why nothing can be told; then all else is None."""

    problem: str | None = None
    duration_s: float | None = None
    video_codec: str | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    audio_codec: str | None = None
    creation_time: datetime | None = None

    @property
    def readable(self) -> bool:
        """Whether a player could open it."""
        return self.problem is None
