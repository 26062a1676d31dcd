"""The prefixes of recordings' names, and the cameras that have them.

A camera has one prefix: its configured ``recordingPrefix``; else its name in lower case with ``-`` for white space;
else ``cam{id}``. The reference platform names its files so.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import islice

from msgspec import Struct, field

from labcrate.linking.filename import SEPARATOR, fold
from labcrate.linking.ids import SessionIds

_WHITE_SPACE = re.compile(r"\s+")
_BETWEEN = re.compile(r"[\s_-]+")


class PrefixRank(IntEnum):
    """The source of a prefix; if cameras share a prefix, those with the lowest rank have it."""

    CONFIGURED = 0
    NAME = 1
    NUMBER = 2


class CameraNames(Struct, frozen=True):
    """The names of a camera in file names. ``key`` is the caller's own, and returned with a verdict.

    Two with one ``id`` and one prefix are one camera, whatever their keys: the first key is returned.
    """

    key: str
    id: str
    name: str | None = None
    recording_prefix: str | None = None


class Prefix(Struct, frozen=True):
    """A prefix with the cameras that have it at its lowest rank; ``ids`` are those of every rank."""

    text: str
    rank: PrefixRank
    cameras: tuple[CameraNames, ...]
    ids: frozenset[str]

    @property
    def camera(self) -> str | None:
        """Return the key of the camera if there is only one."""
        return self.cameras[0].key if len(self.cameras) == 1 else None

    def merge(self, other: "Prefix") -> "Prefix":
        """Return the prefix with the cameras of both; of the same camera the first mention counts."""
        ids = self.ids | other.ids
        best = self if self.rank <= other.rank else other
        if self.rank is not other.rank:
            return Prefix(best.text, best.rank, best.cameras, ids)
        cameras = {camera.id: camera for camera in (*reversed(other.cameras), *reversed(self.cameras))}
        return Prefix(self.text, self.rank, tuple(reversed(cameras.values())), ids)


_PrefixTable = Mapping[str, Prefix]


class SessionPrefixes(Struct, frozen=True):
    """The prefixes for names of one session: the lab's, and those of the session's own selection."""

    lab: _PrefixTable
    selection: _PrefixTable
    max_separators: int

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the prefixes as written: the lab's first, each group in its given order."""
        own = (prefix.text for folded, prefix in self.selection.items() if folded not in self.lab)
        return (*(prefix.text for prefix in self.lab.values()), *own)

    def get(self, text: str) -> Prefix | None:
        """Return the prefix that equals ``text`` without regard to case, or None."""
        folded = fold(text)
        lab, own = self.lab.get(folded), self.selection.get(folded)
        return own.merge(lab) if own and lab else own or lab

    def camera_called(self, text: str) -> tuple[CameraNames, str] | None:
        """Return the only camera whose name or prefix is ``text`` but for case, blanks and dashes, with its prefix."""
        plain = _comparison_form(text)
        found = {
            camera.id: (camera, prefix.text)
            for prefix in (*self.selection.values(), *self.lab.values())
            for camera in prefix.cameras
            if plain in (_comparison_form(prefix.text), _comparison_form(camera.name or ""))
        }
        return next(iter(found.values())) if plain and len(found) == 1 else None

    def prefix_ends(self, stem: str) -> list[int]:
        """Return the indexes of all separators in ``stem`` that follow a prefix, ascending."""
        return [
            at
            for at, folded in _name_starts(stem, self.max_separators)
            if folded in self.lab or folded in self.selection
        ]

    def longest_in(self, stem: str) -> Prefix | None:
        """Return the longest prefix that a name (without extension) begins with or equals."""
        if whole := self.get(stem):
            return whole
        ends = self.prefix_ends(stem)
        return self.get(stem[: ends[-1]]) if ends else None


class Prefixes(Struct, frozen=True):
    """All prefixes of a lab: those of its cameras, and those of each session's selection.

    ``configured`` means that a ``recordingPrefix`` is configured anywhere; without one, any prefix is accepted.
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
        """Give each camera its prefix. ``configured`` means that there are prefixes that cannot be read."""
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
        """Return the prefixes for names of a session."""
        return SessionPrefixes(self.lab, self.selections.get(session_id, {}), self.max_separators)

    def prefixes_in(self, stem: str) -> list[tuple[int, str]]:
        """Return each separator in ``stem`` that follows any prefix, ascending, with that prefix folded."""
        return [
            (at, folded)
            for at, folded in _name_starts(stem, self.max_separators)
            if folded in self.lab or folded in self.all_selected
        ]

    def is_selected_for(self, session_id: str, folded: str) -> bool:
        """Return whether a camera of the session's own selection has that (folded) prefix."""
        return folded in self.selections.get(session_id, {})


def prefix_of(camera: CameraNames, ids: SessionIds) -> tuple[PrefixRank, str] | None:
    """Return a camera's prefix and its rank; None for a camera without one.

    A camera whose name contains a session's marker after a separator has none: its files would name that session. It
    does not get ``cam{id}`` either, which the platform writes only for cameras without a name.
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
    """Yield the first separators of a name, each with the folded text before it."""
    lower = stem.lower() if stem.isascii() else None
    for separator in islice(SEPARATOR.finditer(stem), depth):
        at = separator.start()
        yield at, lower[:at] if lower is not None else fold(stem[:at])
