"""Roles, the sessions that a user may see, and the names that users, tokens and studies may have."""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, Self

from msgspec import Struct

from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import normalize_id


class Role(StrEnum):
    """What a user may do. Each role includes the ones before it.

    A viewer sees sessions, plots and plans, but no recordings. An operator also plays recordings, exports, and links
    near misses. An administrator also sees users and the export log.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Return whether this role is, or includes, the needed one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class SessionScope(Struct, frozen=True):
    """The sessions that a user sees and exports; ``sessions`` are ids (Unicode NFC), or None for all sessions."""

    sessions: frozenset[str] | None

    @classmethod
    def all(cls) -> Self:
        """Return the scope of all sessions."""
        return cls(None)

    @classmethod
    def of(cls, sessions: Iterable[str]) -> Self:
        """Return the scope of these sessions only, of none if there are none."""
        return cls(frozenset(map(normalize_id, sessions)))

    @property
    def is_limited(self) -> bool:
        """Return whether studies limit the scope, however many sessions they have."""
        return self.sessions is not None

    def __contains__(self, session: str) -> bool:
        return self.sessions is None or session in self.sessions


_MAX_LENGTH = 64
MAX_TYPED_LENGTH = 4 * _MAX_LENGTH
"""The most characters of a name as it is typed, where each accent may be a character of its own."""


def clean_name(text: str, kind: Literal["user", "token", "study"]) -> str:
    """Return a name as it is stored: in Unicode NFC, without space around it. Raises UsageError for an invalid one."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _MAX_LENGTH or not name.isprintable():
        shown = printable(name[: _MAX_LENGTH + 1])
        raise UsageError(Message(f"{kind}.invalid_name", name=shown, most=_MAX_LENGTH))
    return name


def name_key(name: str) -> str:
    """Return the form of a name for comparison: without regard to case and to forms that look alike (NFKC)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).strip()
