"""A quick search for byte strings: the places where one of many may begin, at several gigabytes a second.

Up to about 60 patterns, aho-corasick's leftmost search runs on vector instructions (Teddy), ten times as fast as
its automata. So needles are short, shared where possible, and searched for in groups.
"""

from collections.abc import Iterable
from itertools import product

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

GROUP_SIZE = 48
"""Needles in one search by vector instructions."""

MAX_GROUPS = 10
"""With more groups, one automaton is faster."""

NEEDLE_LENGTH = 8
"""Characters of a needle, if the value has that many."""

_CASELESS_LENGTH = 4


class Needles:
    """A set of short byte strings that are searched for together."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        unique = sorted(set(needles))
        self._searches: list[BytesAhoCorasick] = []
        self._groups = [unique] if unique else []
        if len(unique) > GROUP_SIZE * MAX_GROUPS:
            self._searches = [BytesAhoCorasick(unique, MatchKind.LeftmostLongest, Implementation.DFA)]
        elif unique:
            count = -(-len(unique) // GROUP_SIZE)
            # Similar needles go to different groups: many with one beginning slow the vector search down.
            self._groups = [unique[first::count] for first in range(count)]
            self._searches = [BytesAhoCorasick(group, MatchKind.LeftmostLongest) for group in self._groups]

    def found(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the sorted places where needles begin, with the needle; of overlapping needles, return one."""
        places: list[tuple[int, bytes]] = []
        for search, group in zip(self._searches, self._groups, strict=True):
            places.extend((start, group[which]) for which, start, _ in search.find_matches_as_indexes(data))
        return sorted(places)

    def positions(self, data: bytes | memoryview) -> list[int]:
        """Return the sorted places where needles begin; of overlapping needles, return one."""
        found: list[int] = []
        for search in self._searches:
            found.extend(start for _, start, _ in search.find_matches_as_indexes(data))
        return sorted(found) if len(self._searches) > 1 else found


def needle_for(pattern: bytes, wide: bool) -> bytes:
    """Return the beginning of a pattern; ``wide``: every second byte is 0."""
    return pattern[: 2 * NEEDLE_LENGTH - 1 if wide else NEEDLE_LENGTH]


def caseless_needles(pattern: bytes, wide: bool) -> tuple[set[bytes], int]:
    """Return a short part of an ASCII pattern in every mixture of upper and lower case, and its offset."""
    step = 2 if wide else 1
    text = pattern[::step]
    length = min(_CASELESS_LENGTH, len(text))
    offset = min(range(len(text) - length + 1), key=lambda at: sum(c in _LETTERS for c in text[at : at + length]))
    part = text[offset : offset + length]
    choices = [sorted({bytes((c,)).lower(), bytes((c,)).upper()}) for c in part]
    joint = b"\0" if wide else b""
    return {joint.join(choice) for choice in product(*choices)}, offset * step


_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
