"""What ``labcrate.toml`` says about a lab, checked, as frozen values (docs/reference/labcrate-toml.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

CONFIRM_DAYS = 30
"""How old the last confirmation of a file's bytes may be, in days, before they are confirmed again."""


@dataclass(frozen=True, slots=True)
class SessionDefaults:
    """What holds for every session unless the command says otherwise; ``pad`` widens the readings' window."""

    pad: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What the lab's files do not say about a camera, by its id.

    ``offset_s`` is added to every time that the camera wrote, in seconds. ``name_pattern`` is the pattern of its
    files' names without their extension (``labcrate.lab.path_pattern``).
    """

    id: str
    name: str | None = None
    prefix: str | None = None
    time_zone: str | None = None
    offset_s: float = 0.0
    name_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recorder that knows no sessions: where its files lie and how their paths tell camera and start.

    ``folder`` is as written: relative to the lab, absolute, or beginning with ``~``; never shown. ``time_zone`` is
    the IANA zone of the times in its paths. No file is longer than ``longest``. ``cameras`` maps the recorder's
    word for a camera to that camera's id in the lab.
    """

    name: str
    folder: str
    pattern: str
    time_zone: str
    longest: timedelta
    type: str | None = None
    cameras: Mapping[str, str] = field(default_factory=dict)

    def camera_id(self, word: str) -> str | None:
        """Return the lab's id of a camera that the recorder calls ``word``; None where the file does not say it."""
        return self.cameras.get(word)


@dataclass(frozen=True, slots=True)
class LabSettings:
    """The whole of ``labcrate.toml``; a lab without one has the values given here.

    ``time_zone`` is the IANA zone of times that carry none; ``date_formats`` are strptime formats of readings'
    times; ``exclude`` are gitignore patterns from the lab's root; ``confirm_days`` is after how many days the bytes of
    recordings are confirmed again.
    """

    lab_id: str | None = None
    time_zone: str | None = None
    base_topic: str | None = None
    date_formats: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    confirm_days: int = CONFIRM_DAYS
    session: SessionDefaults = SessionDefaults()
    cameras: Mapping[str, CameraSettings] = field(default_factory=dict)
    recorders: tuple[Recorder, ...] = ()
