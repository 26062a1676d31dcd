"""Keeps the secrets of one lab out of all that is taken from its files: texts, JSON values, names, messages."""

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.sessions import LabSessions
from labcrate.lab.text import Cleaning
from labcrate.messages.message import Message
from labcrate.secrets.cleaner import Cleaner
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.needles import Needles
from labcrate.secrets.values import Secrets


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LabCleaner:
    """Blanks the secrets of one lab. Most texts hold nothing of the kind, which a quick search tells."""

    matcher: Matcher = field(default_factory=lambda: Matcher(Secrets()))
    _needles: Needles = field(init=False)
    _long: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        needles = Cleaner(self.matcher.secrets, self.matcher).needles()
        object.__setattr__(self, "_needles", Needles(needle.encode("utf-8", "surrogatepass") for needle in needles))

    def __repr__(self) -> str:
        return f"LabCleaner({self.matcher.secrets!r})"

    def text(self, text: str) -> str:
        """Return a text without secrets and absolute paths; the same text where it has none."""
        if not self._may_hold_secret(text):
            return text
        if isinstance(text, Message):
            return text.replace_texts(self.text)
        return self._cleaner().clean_text(text)

    def name(self, name: str) -> str:
        """Return a file's or a camera's name, or a path below the lab folder, with ``_`` for each secret."""
        return self._cleaner().clean_name(name) if self._may_hold_secret(name) else name

    def value(self, value: Any, places: list[str]) -> Any:
        """Return a JSON value without secrets; where they stood is added to ``places``, each place once."""
        try:
            may_hold_secret = self._may_hold_secret(msgspec.json.encode(value).decode())
        except (TypeError, ValueError, UnicodeError):  # lone surrogates: they are cleaned one by one
            may_hold_secret = True
        return self._clean_json(value, places) if may_hold_secret else value

    def camera(self, value: Any, places: list[str]) -> Any:
        """Return what a file says of a camera, where ``user`` is a login, as ``value`` does."""
        return self._clean_json(value, places, camera=True)

    def error(self, error: DocumentError) -> DocumentError:
        """Return an error about a file that quotes no secret of it."""
        cleaned = self.name(error.file), self.text(error.where), self.text(error.problem)
        return error if cleaned == (error.file, error.where, error.problem) else DocumentError(*cleaned)

    def needles(self) -> tuple[str, ...]:
        """Return texts one of which every message has that is changed by ``payload``."""
        return self._cleaner().needles()

    def payload(self, topic: str, payload: str) -> str:
        """Return a sensor's message without secrets; of the bridge's none is left."""
        return self._cleaner().clean_payload(topic, payload)

    @property
    def document_cleaning(self) -> Cleaning:
        """How sessions and devices are cleaned while they are read."""
        return Cleaning(self.text, self.value)

    @property
    def camera_cleaning(self) -> Cleaning:
        """How cameras are cleaned while they are read."""
        return Cleaning(self.text, self.camera)

    def _clean_json(self, value: Any, places: list[str], *, camera: bool = False) -> Any:
        cleaner = self._cleaner()
        cleaned = cleaner.clean_json(value, camera=camera)
        places[:] = sorted({*places, *cleaner.places})
        return cleaned

    def _cleaner(self) -> Cleaner:
        return Cleaner(self.matcher.secrets, self.matcher, self._long)

    def _may_hold_secret(self, text: str) -> bool:
        return bool(self._needles.positions(text.encode("utf-8", "surrogatepass").lower()))


def clean_session_book(book: LabSessions, cleaner: LabCleaner) -> LabSessions:
    """Return all sessions with what was said of their files while they were read, without the secrets quoted in it."""
    sessions = {}
    for session_id, session in book.sessions.items():
        warnings = tuple(warning.replace_texts(cleaner.text) for warning in session.warnings)
        sessions[session_id] = session if warnings == session.warnings else replace(session, warnings=warnings)
    broken = {session_id: cleaner.error(error) for session_id, error in book.broken.items()}
    return replace(book, sessions=sessions, broken=broken, problems=tuple(map(cleaner.error, book.problems)))
