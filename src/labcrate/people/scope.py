"""Which sessions somebody sees: all of the lab, or those of their studies alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from labcrate.model.session_id import normalized_id


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
        return cls(frozenset(map(normalized_id, sessions)))

    @property
    def limited(self) -> bool:
        """Whether it is that of studies, however many sessions they have."""
        return self.sessions is not None

    def __contains__(self, session: str) -> bool:
        return self.sessions is None or session in self.sessions
