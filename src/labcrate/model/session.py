"""The monitoring session, which a researcher starts and stops, and session ids (docs/reference/lab-folder.md)."""

import re
import unicodedata
from collections.abc import Container, Mapping
from typing import Any

from msgspec import Struct, field

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan

MAX_ID_LENGTH = 64
ID_RULE = Message("session.id_rule")

_ID = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
_LEADING_ZERO = re.compile(r"0[0-9]+", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_SHORTCUT = re.compile(r"(?i:session)(.+)|[sS](0|[1-9][0-9]*)")
# JavaScript and R lose digits of JSON numbers beyond 2**53, so longer ids are texts in JSON.
_JSON_DIGITS = 15


def normalize_id(text: str) -> str:
    """Return an id in the form for comparison: Unicode NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_session_id(text: str) -> bool:
    """Return whether a text (in NFC) is a valid session id. A number with a leading zero is not."""
    return _ID.fullmatch(text) is not None and not has_leading_zero(text)


def has_leading_zero(text: str) -> bool:
    """Return whether a text is a number with a leading zero, which is a near miss of that number but never an id."""
    return _LEADING_ZERO.fullmatch(text) is not None


def is_numeric_id(text: str) -> bool:
    """Return whether an id is a number, so that it may follow the short marker ``s`` in a file name."""
    return _NUMBER.fullmatch(text) is not None


def id_sort_key(session_id: str) -> tuple[int, int, str]:
    """Return a sort key for ids: numbers by value, then all other ids by text."""
    return (len(session_id), 0, session_id) if is_numeric_id(session_id) else (MAX_ID_LENGTH + 1, 1, session_id)


def json_id(session_id: str) -> int | str:
    """Return an id for JSON: a number if it is one of at most 15 digits, else the text."""
    return int(session_id) if is_numeric_id(session_id) and len(session_id) <= _JSON_DIGITS else session_id


def resolve_id(text: str, known: Container[str]) -> str:
    """Return the known id for a text: the text itself, else ``42`` for ``Session42`` or ``s42``.

    Return the text unchanged if it stands for none of the known ids, so that a message can quote it.
    """
    if text not in known and (found := _SHORTCUT.fullmatch(text)):
        session_id: str = found[1] or found[2]
        return session_id if session_id in known else text
    return text


ACTIVE = "active"


class SelectedCamera(Struct, frozen=True):
    """A camera that the session selects; ``raw_name`` is its name as written, for prefixes made from it."""

    id: str
    name: str | None = None
    prefix: str | None = None
    raw_name: str | None = None


class SelectedSensor(Struct, frozen=True):
    """A sensor that the session selects, by ``id`` or ``name``, or by its whole ``topic``."""

    id: str
    name: str | None = None
    topic: str | None = None


class SelectedDevice(Struct, frozen=True):
    """A device that the session selects, of unknown type: a camera or a sensor."""

    id: str
    name: str | None = None
    type: str | None = None


class Session(Struct, frozen=True):
    """One session as the lab describes it; everything but the id may be missing.

    ``all_fields`` is the whole description, with unknown fields and without secrets; ``removed_keys`` are the keys of
    the removed secrets. ``description_files`` are the files of the description, relative to the lab folder and in order
    of precedence; a session known by its folder or by a recording's name alone has none. ``user`` is the user who owns
    the session (``2`` of ``data/user_2``). ``untyped_devices`` are selected devices of unknown type, until they are
    resolved. ``warnings`` are about the description.
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
    warnings: tuple[Message, ...] = ()
    user: str | None = None
    untyped_devices: tuple[SelectedDevice, ...] = ()

    @property
    def is_active(self) -> bool:
        """Return whether the session is still running."""
        return self.status == ACTIVE

    @property
    def researcher(self) -> str | None:
        """Return the name of the researcher in the description or its metadata, or None."""
        metadata = self.all_fields.get("metadata")
        for place in (metadata, self.all_fields):
            name = place.get("researcher") if isinstance(place, Mapping) else None
            if isinstance(name, str) and name:
                return name
        return None

    @property
    def title(self) -> str:
        """Return the name, or ``Session 42`` if it has none."""
        return self.name or f"Session {self.id}"

    @property
    def active(self) -> bool:
        """Return ``is_active``, by its earlier name."""
        return self.is_active

    @property
    def described(self) -> Mapping[str, Any]:
        """Return ``all_fields``, by its earlier name."""
        return self.all_fields

    @property
    def described_in(self) -> tuple[str, ...]:
        """Return ``description_files``, by its earlier name."""
        return self.description_files

    @property
    def unsorted(self) -> tuple[SelectedDevice, ...]:
        """Return ``untyped_devices``, by its earlier name."""
        return self.untyped_devices
