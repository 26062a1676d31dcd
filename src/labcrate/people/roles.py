"""Roles, the sessions that somebody sees, and the names that users and tokens may have."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from labcrate.errors import UsageError
from labcrate.messages.text import printable
from labcrate.model.session import normalize_id


class Role(StrEnum):
    """Each role may do all that those before it may.

    A viewer sees sessions, plots and plans, and no recording. An operator also plays recordings,
    exports and links near misses. An administrator also sees people and the export log.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class SessionScope:
    """The sessions that a user sees and exports; ``sessions`` are ids (Unicode NFC), None for all there are."""

    sessions: frozenset[str] | None

    @classmethod
    def all(cls) -> Self:
        """Make the scope of who sees every session."""
        return cls(None)

    @classmethod
    def of(cls, sessions: Iterable[str]) -> Self:
        """Make the scope of who sees these sessions alone, be they none."""
        return cls(frozenset(map(normalize_id, sessions)))

    @property
    def is_limited(self) -> bool:
        """Whether it is that of studies, however many sessions they have."""
        return self.sessions is not None

    def __contains__(self, session: str) -> bool:
        return self.sessions is None or session in self.sessions


_MAX_LENGTH = 64
MAX_TYPED_LENGTH = 4 * _MAX_LENGTH
"""More characters than anybody's name has, also with each accent as a character of its own."""


def clean_name(text: str, what: str) -> str:
    """A name as it is kept: Unicode NFC, no space around it. Raises UsageError for one that nobody could read."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _MAX_LENGTH or not name.isprintable():
        shown = printable(name[: _MAX_LENGTH + 1])
        raise UsageError(
            f"'{shown}' is no name for a {what}: it takes 1 to {_MAX_LENGTH} letters, digits, signs and spaces, "
            "and nothing that cannot be seen."
        )
    return name


def name_key(name: str) -> str:
    """A name as it is compared: without regard to case and to forms that look alike (NFKC)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).strip()
