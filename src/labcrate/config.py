"""What the user decided, in one frozen object: options first, then environment variables, then defaults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from labcrate.errors import NoLabError, UsageError
from labcrate.lab.folder import Lab

LAB_VARIABLE = "LABCRATE_LAB"
BASE_TOPIC_VARIABLE = "LABCRATE_BASE_TOPIC"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|min|h)?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, None: 1}
_SESSION = re.compile(r"(?:session|s)?(\d{1,18})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Which lab, how answers are written, and how many workers index it (None: one per core)."""

    lab_folder: Path
    as_json: bool = False
    workers: int | None = None

    def lab(self) -> Lab:
        """Open the lab. Raises NoLabError."""
        return Lab(self.lab_folder)


def lab_folder(option: str | None, environment: Mapping[str, str], current: Path) -> Path:
    """The lab folder: the option, the environment, or the current folder. Raises NoLabError for an empty name."""
    named = option if option is not None else environment.get(LAB_VARIABLE)
    if named == "":
        raise NoLabError(f"The lab folder's name is empty; name it with --lab DIR or {LAB_VARIABLE}.")
    return Path(named).expanduser() if named else current


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``1h``, ``500ms`` or plain seconds. Raises UsageError."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r} is no length of time; write it like 30s, 5m or 1h.")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise UsageError(f"{text!r} is longer than any calendar; write it like 30s, 5m or 1h.") from None


def parse_session(text: str) -> int:
    """Read a session's number: ``42``, also ``s42`` or ``Session42``. Raises UsageError."""
    match = _SESSION.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r} is no session number; 'labcrate sessions' lists them.")
    return int(match[1])
