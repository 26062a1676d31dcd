"""The page of the export log: which of its lines somebody wants to see."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from multidict import MultiMapping

from labcrate.errors import UsageError
from labcrate.lab.text import visible
from labcrate.people.exports import ExportLog, Line, Outcome

LINES = 100
_READ_AT_ONCE = 1000
_MOST_READ = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines of a session, of a user (part of the name, any case), with an outcome; numbered below ``before``."""

    session: int | None = None
    who: str = ""
    outcome: Outcome | None = None
    before: int | None = None

    @property
    def filtered(self) -> bool:
        """Whether some lines are left out."""
        return bool(self.session is not None or self.who or self.outcome)

    def takes(self, line: Line) -> bool:
        """Whether a line is wanted."""
        return self.who in line.who.casefold() and self.outcome in (None, line.outcome)


def wanted_lines(query: MultiMapping[str]) -> Wanted:
    """Read a query. Raises UsageError."""
    outcome = query.get("outcome") or None
    if outcome is not None and outcome not in list(Outcome):
        raise UsageError(f"outcome is {visible(outcome)!r}; it is {', '.join(Outcome)}.")
    return Wanted(
        _number(query, "session"),
        query.get("who", "").strip().casefold(),
        Outcome(outcome) if outcome else None,
        _number(query, "before"),
    )


def _number(query: MultiMapping[str], name: str) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UsageError(f"{name} is {visible(text)!r}; it is a whole number.")
    return int(text)


def find_lines(log: ExportLog, wanted: Wanted) -> tuple[list[Line], bool]:
    """A page of lines, the newest first, and whether there are more. Raises PeopleError."""
    found = list(islice(_lines(log, wanted), LINES + 1))
    return found[:LINES], len(found) > LINES


def _lines(log: ExportLog, wanted: Wanted) -> Iterator[Line]:
    before, read = wanted.before, 0
    while read < _MOST_READ:
        piece = log.lines(session=wanted.session, limit=_READ_AT_ONCE, before=before)
        yield from filter(wanted.takes, piece)
        if len(piece) < _READ_AT_ONCE:
            return
        before, read = piece[-1].number, read + len(piece)
