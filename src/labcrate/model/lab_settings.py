"""The settings in ``labcrate.toml`` as frozen, checked values (docs/reference/labcrate-toml.md)."""

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, field

CONFIRM_DAYS = 30
"""After how many days a file's bytes are compared with their checksum again."""


class SessionDefaults(Struct, frozen=True):
    """The defaults of options for all sessions; ``pad`` is added to the readings' window on both sides."""

    pad: timedelta = timedelta()


class CameraSettings(Struct, frozen=True):
    """Additional settings of a camera, by its id.

    ``offset_s`` (seconds) is added to every time that the camera wrote. ``name_pattern`` is the pattern of its file
    names without their extension (``labcrate.lab.path_pattern``).
    """

    id: str
    name: str | None = None
    prefix: str | None = None
    time_zone: str | None = None
    offset_s: float = 0.0
    name_pattern: str | None = None


class Recorder(Struct, frozen=True):
    """A video recorder that records without sessions: its folder, and the pattern of the paths of its files.

    ``folder`` is as written (relative to the lab, absolute, or beginning with ``~``) and is never displayed.
    ``time_zone`` is the IANA zone of the times in its paths. No file is longer than ``longest``. ``cameras`` maps the
    recorder's name of a camera to the camera's id in the lab.
    """

    name: str
    folder: str
    pattern: str
    time_zone: str
    longest: timedelta
    type: str | None = None
    cameras: Mapping[str, str] = field(default_factory=dict)

    def camera_id(self, word: str) -> str | None:
        """Return the lab's id of the camera with the recorder's name ``word``, or None if it is not in the settings."""
        return self.cameras.get(word)


class LabSettings(Struct, frozen=True):
    """All settings of ``labcrate.toml``, with the defaults of a lab without one.

    ``time_zone`` is the IANA zone of times without a zone; ``date_formats`` are strptime formats of readings' times;
    ``exclude`` are gitignore patterns from the lab's root; ``confirm_days`` is after how many days the bytes of
    recordings are compared with their checksums again.
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
