"""The prefixes that recordings' names begin with, and the cameras that have them.

A camera has one prefix: its configured ``recordingPrefix``; else its name in lower case with white space as ``-``;
else ``cam{id}``: as the reference platform names its files.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice

from labcrate.linking.filename import SEPARATOR, fold
from labcrate.linking.ids import SessionIds

_WHITE_SPACE = re.compile(r"\s+")
_BETWEEN = re.compile(r"[\s_-]+")


class PrefixRank(IntEnum):
    """Where a prefix comes from; where cameras share one, the lower rank has it."""

    CONFIGURED = 0
    NAME = 1
    NUMBER = 2


@dataclass(frozen=True, slots=True)
class CameraNames:
    """What a camera may be called in file names. ``key`` is the caller's own, and is given back with a verdict.

    Two with one ``id`` and one prefix are one camera, whatever their keys: the first key is given back.
    """

    key: str
    id: str
    name: str | None = None
    recording_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix with the cameras that have it at its best rank; ``ids`` are those of every rank."""

    text: str
    rank: PrefixRank
    cameras: tuple[CameraNames, ...]
    ids: frozenset[str]

    @property
    def camera(self) -> str | None:
        """The key of the camera, when it is only one."""
        return self.cameras[0].key if len(self.cameras) == 1 else None

    def merge(self, other: "Prefix") -> "Prefix":
        """Return the prefix with the cameras of both; of the same camera the first mention stays."""
        ids = self.ids | other.ids
        best = self if self.rank <= other.rank else other
        if self.rank is not other.rank:
            return Prefix(best.text, best.rank, best.cameras, ids)
        cameras = {camera.id: camera for camera in (*reversed(other.cameras), *reversed(self.cameras))}
        return Prefix(self.text, self.rank, tuple(reversed(cameras.values())), ids)


_PrefixTable = Mapping[str, Prefix]


@dataclass(frozen=True, slots=True)
class SessionPrefixes:
    """The prefixes that count for names of one session: the lab's, and those of the session's own selection."""

    lab: _PrefixTable
    selection: _PrefixTable
    max_separators: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The prefixes as they are shown: the lab's first, each group in the order it was given."""
        own = (prefix.text for folded, prefix in self.selection.items() if folded not in self.lab)
        return (*(prefix.text for prefix in self.lab.values()), *own)

    def get(self, text: str) -> Prefix | None:
        """The prefix that ``text`` is, without regard to case; None when it is none."""
        folded = fold(text)
        lab, own = self.lab.get(folded), self.selection.get(folded)
        return own.merge(lab) if own and lab else own or lab

    def camera_called(self, text: str) -> tuple[CameraNames, str] | None:
        """Return the only camera whose name or prefix ``text`` is but for case, blanks and dashes, with its prefix."""
        plain = _comparison_form(text)
        found = {
            camera.id: (camera, prefix.text)
            for prefix in (*self.selection.values(), *self.lab.values())
            for camera in prefix.cameras
            if plain in (_comparison_form(prefix.text), _comparison_form(camera.name or ""))
        }
        return next(iter(found.values())) if plain and len(found) == 1 else None

    def prefix_ends(self, stem: str) -> list[int]:
        """The indexes of all separators in ``stem`` that a prefix stands before, ascending."""
        return [
            at
            for at, folded in _name_starts(stem, self.max_separators)
            if folded in self.lab or folded in self.selection
        ]

    def longest_in(self, stem: str) -> Prefix | None:
        """The longest prefix that a name (without extension) begins with or consists of."""
        if whole := self.get(stem):
            return whole
        ends = self.prefix_ends(stem)
        return self.get(stem[: ends[-1]]) if ends else None


@dataclass(frozen=True, slots=True)
class Prefixes:
    """All prefixes of a lab: those of its cameras, and those of each session's selection.

    ``configured`` says whether a ``recordingPrefix`` is configured anywhere; without one, any prefix is accepted.
    """

    configured: bool = False
    lab: _PrefixTable = field(default_factory=dict)
    selections: Mapping[str, _PrefixTable] = field(default_factory=dict)
    all_selected: frozenset[str] = frozenset()
    max_separators: int = 1

    @classmethod
    def build(
        cls,
        cameras: Iterable[CameraNames],
        selections: Mapping[str, Iterable[CameraNames]],
        ids: SessionIds,
        *,
        configured: bool = False,
    ) -> "Prefixes":
        """Give each camera its prefix. ``configured`` is for prefixes that stand where they cannot be read."""
        lab = _prefix_table(cameras, ids)
        chosen = {session: _prefix_table(of_session, ids) for session, of_session in selections.items()}
        tables = [lab, *chosen.values()]
        return cls(
            configured or any(p.rank is PrefixRank.CONFIGURED for table in tables for p in table.values()),
            lab,
            chosen,
            frozenset(folded for table in chosen.values() for folded in table),
            # A prefix with n separators of its own can end only at a name's separator n + 1.
            1 + max((len(SEPARATOR.findall(folded)) for table in tables for folded in table), default=0),
        )

    def of_session(self, session_id: str) -> SessionPrefixes:
        """The prefixes that count for names of a session."""
        return SessionPrefixes(self.lab, self.selections.get(session_id, {}), self.max_separators)

    def prefixes_in(self, stem: str) -> list[tuple[int, str]]:
        """Each separator in ``stem`` that a prefix of anybody stands before, ascending, with that prefix folded."""
        return [
            (at, folded)
            for at, folded in _name_starts(stem, self.max_separators)
            if folded in self.lab or folded in self.all_selected
        ]

    def is_selected_for(self, session_id: str, folded: str) -> bool:
        """Whether a camera of the session's own selection has that (folded) prefix."""
        return folded in self.selections.get(session_id, {})


def prefix_of(camera: CameraNames, ids: SessionIds) -> tuple[PrefixRank, str] | None:
    """Return a camera's prefix and its rank; None for a camera that has none.

    A camera whose name holds a session's marker after a separator has none: its files would name that session. Nor
    does it go by ``cam{id}``, which the platform writes for cameras without a name alone.
    """
    if camera.recording_prefix and not camera.recording_prefix.isspace():
        return PrefixRank.CONFIGURED, camera.recording_prefix
    if camera.name and not camera.name.isspace():
        named = _WHITE_SPACE.sub("-", camera.name.lower())
        return None if ids.contains_id(named) else (PrefixRank.NAME, named)
    return (PrefixRank.NUMBER, f"cam{camera.id}") if camera.id else None


def _comparison_form(text: str) -> str:
    return _BETWEEN.sub("-", fold(text)).strip("-")


def _prefix_table(cameras: Iterable[CameraNames], ids: SessionIds) -> dict[str, Prefix]:
    table: dict[str, Prefix] = {}
    for camera in cameras:
        if found := prefix_of(camera, ids):
            rank, text = found
            prefix = Prefix(text, rank, (camera,), frozenset((camera.id,)))
            folded = fold(text)
            table[folded] = table[folded].merge(prefix) if folded in table else prefix
    return table


def _name_starts(stem: str, depth: int) -> Iterator[tuple[int, str]]:
    """The first separators of a name, each with what stands before it, folded."""
    lower = stem.lower() if stem.isascii() else None
    for separator in islice(SEPARATOR.finditer(stem), depth):
        at = separator.start()
        yield at, lower[:at] if lower is not None else fold(stem[:at])
