"""The monitoring session, what a researcher started and stopped, and session ids (docs/reference/lab-folder.md)."""

import re
import unicodedata
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from labcrate.model.timespan import TimeSpan

MAX_ID_LENGTH = 64
ID_RULE = (
    "an id has 1 to 64 letters, digits, spaces, '.', '_' or '-', begins with a letter or digit, "
    "and does not end in a space or dot; a number has no leading zero"
)

_ID = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
_LEADING_ZERO = re.compile(r"0[0-9]+", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_SHORTCUT = re.compile(r"(?i:session)(.+)|[sS](0|[1-9][0-9]*)")
# JSON numbers beyond 2**53 lose digits in JavaScript and in R, so longer ids stay texts there.
_JSON_DIGITS = 15


def normalize_id(text: str) -> str:
    """Return the form in which ids are compared: Unicode NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_session_id(text: str) -> bool:
    """Return whether a text (in NFC) may be a session's id. Digits with a leading zero are none."""
    return _ID.fullmatch(text) is not None and not has_leading_zero(text)


def has_leading_zero(text: str) -> bool:
    """Return whether a text is a number with a leading zero: a near miss of that number, never an id."""
    return _LEADING_ZERO.fullmatch(text) is not None


def is_numeric_id(text: str) -> bool:
    """Return whether an id is a number, so that it may follow the short marker ``s`` in a file name."""
    return _NUMBER.fullmatch(text) is not None


def id_sort_key(session_id: str) -> tuple[int, int, str]:
    """Return a key that sorts numbers by value, before all other ids by their text."""
    return (len(session_id), 0, session_id) if is_numeric_id(session_id) else (MAX_ID_LENGTH + 1, 1, session_id)


def json_id(session_id: str) -> int | str:
    """Return an id as JSON has it: a number where it is one of at most 15 digits, else the text."""
    return int(session_id) if is_numeric_id(session_id) and len(session_id) <= _JSON_DIGITS else session_id


def resolve_id(text: str, known: Container[str]) -> str:
    """Return the known id that a text means: the text itself, else ``42`` for ``Session42`` or ``s42``.

    The text comes back as it is where it means none of them, so that a message can quote it.
    """
    if text not in known and (found := _SHORTCUT.fullmatch(text)):
        session_id: str = found[1] or found[2]
        return session_id if session_id in known else text
    return text


ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class SelectedCamera:
    """A camera that the session was started with; ``raw_name`` is its name as written, for prefixes made of it."""

    id: str
    name: str | None = None
    prefix: str | None = None
    raw_name: str | None = None


@dataclass(frozen=True, slots=True)
class SelectedSensor:
    """A sensor that the session was started with, named by ``id`` or ``name``, or by its whole ``topic``."""

    id: str
    name: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class SelectedDevice:
    """Something that the session was started with, without saying whether it is a camera or a sensor."""

    id: str
    name: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One session as the lab describes it; everything but the id may be missing.

    ``described`` is the whole description as the lab has it, unknown fields included, secrets
    excluded; ``removed_keys`` names what was excluded. ``described_in`` names the files it was read
    from (relative to the lab folder, the strongest first): none for a session that only its folder or a recording's
    name tells of. ``user`` is the user whose session it is (``2`` of ``data/user_2``). ``unsorted`` are selected
    devices of no known type, until they are looked up. ``warnings`` are about those files.
    """

    id: str
    name: str | None = None
    description: str | None = None
    span: TimeSpan = TimeSpan()
    status: str | None = None
    cameras: tuple[SelectedCamera, ...] = ()
    sensors: tuple[SelectedSensor, ...] = ()
    notes: str | None = None
    tags: tuple[str, ...] = ()
    time_zone: str | None = None
    all_fields: Mapping[str, Any] = field(default_factory=dict)
    description_files: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    user: str | None = None
    untyped_devices: tuple[SelectedDevice, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether the session is still running."""
        return self.status == ACTIVE

    @property
    def researcher(self) -> str | None:
        """Who held the session, where its description or its metadata say so."""
        metadata = self.all_fields.get("metadata")
        for place in (metadata, self.all_fields):
            name = place.get("researcher") if isinstance(place, Mapping) else None
            if isinstance(name, str) and name:
                return name
        return None

    @property
    def title(self) -> str:
        """The name, or ``Session 42`` when it has none."""
        return self.name or f"Session {self.id}"
