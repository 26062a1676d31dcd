"""Remove the secrets of one lab from what is read from its files: texts, JSON values, names, messages."""

from dataclasses import dataclass, field
from typing import Any, overload

import msgspec
from msgspec.structs import replace

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
    """Removes the secrets of one lab from texts. A quick search finds the few texts that may hold any."""

    matcher: Matcher = field(default_factory=lambda: Matcher(Secrets()))
    _needles: Needles = field(init=False)
    _long: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        needles = Cleaner(self.matcher.secrets, self.matcher).needles()
        object.__setattr__(self, "_needles", Needles(needle.encode("utf-8", "surrogatepass") for needle in needles))

    def __repr__(self) -> str:
        return f"LabCleaner({self.matcher.secrets!r})"

    @overload
    def text(self, text: Message) -> Message: ...
    @overload
    def text(self, text: str) -> str: ...
    def text(self, text: str) -> str:
        """Return a text without secrets and absolute paths; the same text if it has none."""
        if not self._may_hold_secret(text):
            return text
        if isinstance(text, Message):
            return text.replace_texts(self.text)
        return self._cleaner().clean_text(text)

    def name(self, name: str) -> str:
        """Return a name of a file or camera, or a path below the lab folder, with ``_`` for each secret."""
        if not self._may_hold_secret(name):
            return name
        return name.replace_texts(self.name) if isinstance(name, Message) else self._cleaner().clean_name(name)

    def value(self, value: Any, places: list[str]) -> Any:
        """Return a JSON value without secrets; their places are added to ``places``, each once."""
        try:
            may_hold_secret = self._may_hold_secret(msgspec.json.encode(value).decode())
        except (TypeError, ValueError, UnicodeError):  # halves of surrogate pairs: the texts are cleaned one by one
            may_hold_secret = True
        return self._clean_json(value, places) if may_hold_secret else value

    def camera(self, value: Any, places: list[str]) -> Any:
        """Return the JSON value of a camera without secrets, as ``value`` does; its ``user`` is a login."""
        return self._clean_json(value, places, camera=True)

    def error(self, error: DocumentError) -> DocumentError:
        """Return an error about a file without the secrets that it quotes."""
        cleaned = self.name(error.file), self.text(error.where), self.text(error.problem)
        return error if cleaned == (error.file, error.where, error.problem) else DocumentError(*cleaned)

    def needles(self) -> tuple[str, ...]:
        """Return texts: each sensor message that ``payload`` changes has one of them."""
        return self._cleaner().needles()

    def payload(self, topic: str, payload: str) -> str:
        """Return the payload of a sensor message without secrets; that of a bridge's message is emptied."""
        return self._cleaner().clean_payload(topic, payload)

    @property
    def document_cleaning(self) -> Cleaning:
        """Return how sessions and devices are cleaned while they are read."""
        return Cleaning(self.text, self.value)

    @property
    def camera_cleaning(self) -> Cleaning:
        """Return how cameras are cleaned while they are read."""
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
    """Return all sessions with the warnings and errors about their files, without the secrets quoted in those."""
    sessions = {}
    for session_id, session in book.sessions.items():
        warnings = tuple(warning.replace_texts(cleaner.text) for warning in session.warnings)
        sessions[session_id] = session if warnings == session.warnings else replace(session, warnings=warnings)
    broken = {session_id: cleaner.error(error) for session_id, error in book.broken.items()}
    return replace(book, sessions=sessions, broken=broken, problems=tuple(map(cleaner.error, book.problems)))
