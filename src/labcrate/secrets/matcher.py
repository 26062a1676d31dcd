"""Finds the secrets of a lab in bytes, under every escape, in linear time.

What is found is a place and a kind, never a value. The quick search for needles says where to look closer; only
there are the exact patterns compared, escapes undone and URLs read.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

from labcrate.secrets.escaped_regions import URL, WIDE_URL, EscapedRegions, merge_ranges
from labcrate.secrets.escapes import LEVELS, decode, decoded_forms, spellings
from labcrate.secrets.needles import NEEDLE_LENGTH, Needles, caseless_needles, needle_for
from labcrate.secrets.urls import MAX_URL_LENGTH as LONGEST_URL
from labcrate.secrets.urls import url_at
from labcrate.secrets.values import MIN_STRONG_LENGTH, SECRET_KINDS, URL_CREDENTIALS, Secret, Secrets
from labcrate.secrets.weak_values import ROW_BYTES, TableColumns, WeakValues

_BEFORE_AT = 400  # characters between a URL's scheme and its ``@``
MARGIN = 64
"""Bytes around a place that decide whether it counts."""

_ROUNDS = 4  # one address can free the next only where they overlap
_WORDS = re.compile(r"[\"\s]")
_DIGITS = frozenset(b"0123456789")
_HEX_DIGITS = _DIGITS | frozenset(b"abcdefABCDEF")


class Hit(NamedTuple):
    """A secret found: the bytes from ``start`` up to ``stop``, and its kind.

    ``order`` is empty but for UTF-16: there ``le`` or ``be``, or ``any`` for ASCII from its first character's byte to
    its last one's, which is the same in both.
    """

    start: int
    stop: int
    kind: str
    order: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    data: bytes
    secret: Secret
    order: str
    caseless: bool


class Matcher:
    """A search for the secrets of one lab, made once and used for everything that leaves."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        patterns = _make_patterns(secrets.strong)
        longest = max((len(pattern.data) for pattern in patterns), default=0)
        self._regions = EscapedRegions([secret.value for secret in secrets.strong], MARGIN // 2)
        self.reach_bytes = max(longest, self._regions.reach_bytes, 2 * LONGEST_URL, 2 * ROW_BYTES) + 2 * MARGIN
        """Bytes that one secret and what decides on it may take."""
        self._span = longest + MARGIN
        self._case_sensitive = _PatternSearch([p for p in patterns if not p.caseless])
        self._caseless = _PatternSearch([p for p in patterns if p.caseless])
        self._needles, self._before_needle = _make_needles(patterns)
        self._weak = WeakValues(secrets.weak)

    def find(self, data: bytes, text: bool = True) -> list[Hit]:
        """Return the secrets in ``data``, in order; those that lie in others, or overlap, are all named.

        ``text``: also look for weak values behind the keys of credentials, which only texts have.
        """
        regions, urls = self._regions.find(data)
        hits = self._find_unescaped(data, text, urls)
        for start, stop in regions:
            hits.extend(self._find_escaped(data, start, stop, text))
        return sorted(set(hits))

    def table_columns(self, beginning: bytes) -> TableColumns | None:
        """Return a search of a table's columns for weak values, where its header names a credential's."""
        return self._weak.table_columns(beginning)

    def is_weak_value(self, value: object) -> bool:
        """Return whether a JSON value is, as a whole, a value that is too common to be searched for by itself."""
        return isinstance(value, str | int | float) and self._weak.has(str(value))

    def text_needles(self) -> set[str]:
        """Return parts of the values, in small ASCII letters, one of which every text with one of them has.

        Only where it has no escape in it. For a quick search of whole columns; these are to be kept as secret.
        """
        texts = {secret.value for secret in self.secrets.strong}
        texts |= {
            data.decode("utf-8", "ignore")
            for text in texts
            for data in decoded_forms(text)
            if len(data) >= MIN_STRONG_LENGTH
        }
        parts = {max(_WORDS.split(text), key=len)[:NEEDLE_LENGTH] or text[:1] for text in texts}
        return {"".join(c.lower() if c.isascii() else c for c in part) for part in parts}

    def _find_unescaped(self, data: bytes, text: bool, urls: Iterable[int]) -> list[Hit]:
        """Find what stands in the data without undoing escapes."""
        found: list[tuple[Hit, list[int]]] = []
        for start, stop in ranges_around(self._needles.positions(data), self._before_needle, self._span, len(data)):
            part = data[start:stop]
            for pattern, at, end in [*self._case_sensitive.find(part), *self._caseless.find(part.lower())]:
                hit = Hit(start + at, start + end, pattern.secret.kind, pattern.order)
                found.append((hit, _find_touching(data, hit, pattern) if pattern.secret.address else []))
        for at in urls:
            hit_or_none = _url_hit(data, at)
            if hit_or_none is not None:
                found.append((hit_or_none, []))
        if text:
            found.extend((Hit(*place), []) for place in self._weak.find(data))
        return _resolve_touching(found)

    def _find_escaped(self, data: bytes, start: int, stop: int, text: bool) -> Iterable[Hit]:
        """Find what stands in a part of the data once its escapes are undone, level by level."""
        chain = []
        part = data[start:stop]
        for _ in range(LEVELS):
            decoded = decode(part)
            if decoded is None:
                return
            chain.append(decoded)
            part = decoded.data
            for hit in self._find_unescaped(part, text, _urls_in(part)):
                begin, end = hit.start, hit.stop
                for level in reversed(chain):
                    begin, end = level.source_range(begin, end)
                yield Hit(start + begin, start + end, hit.kind, hit.order)


class _PatternSearch:
    """The places of every pattern, also where they overlap.

    Of a pattern that overlaps itself (``aaaaaaaa`` in a million letters) no more places than cover the same bytes; of
    an address all, for what touches each decides whether it counts.
    """

    def __init__(self, patterns: list[_Pattern]) -> None:
        self._patterns = patterns
        data = [pattern.data for pattern in patterns]
        self._search = BytesAhoCorasick(data, implementation=Implementation.ContiguousNFA) if data else None

    def find(self, data: bytes) -> list[tuple[_Pattern, int, int]]:
        if self._search is None:
            return []
        # Those of one pattern come from left to right.
        matches = self._search.find_matches_as_indexes(data, overlapping=True)
        found: list[tuple[int, int, int]] = []
        last_index: dict[int, int] = {}  # of each pattern its last place in ``found``
        previous_end: dict[int, int] = {}  # and where the place before that one ends
        for match in matches:
            which, start, _ = match
            at = last_index.get(which, -1)
            if at >= 0 and not self._patterns[which].secret.address and start <= previous_end[which]:
                found[at] = match  # reaches further than the one it overlaps, and leaves no gap to the one before
                continue
            previous_end[which] = found[at][2] if at >= 0 else -1
            last_index[which] = len(found)
            found.append(match)
        return [(self._patterns[which], start, stop) for which, start, stop in found]


def ranges_around(positions: list[int], before: int, after: int, length: int) -> list[tuple[int, int]]:
    """Return the ranges around sorted positions, those that meet joined into one, none twice."""
    return merge_ranges([(max(position - before, 0), min(position + after, length)) for position in positions])


def _make_patterns(secrets: tuple[Secret, ...]) -> list[_Pattern]:
    """Return the byte strings to search for; one that stands for several secrets has the first of their kinds."""
    by_key: dict[tuple[bytes, str, bool], _Pattern] = {}
    for secret in sorted(secrets, key=lambda secret: SECRET_KINDS.index(secret.kind)):
        caseless = secret.address and secret.value.isascii()
        texts = {text.lower() if caseless else text for text in spellings(secret.value)}
        for data, order in {encoded for text in texts for encoded in _encodings(text)}:
            by_key.setdefault((data, order, caseless), _Pattern(data, secret, order, caseless))
        for data in decoded_forms(secret.value):
            if len(data) >= MIN_STRONG_LENGTH:
                by_key.setdefault((data, "", False), _Pattern(data, secret, "", False))
    return list(by_key.values())


def _encodings(text: str) -> list[tuple[bytes, str]]:
    """Return a text in UTF-8, Windows-1252 and UTF-16, and the latter's order of bytes."""
    found = [(text.encode("utf-8", "surrogatepass"), "")]
    if text.isascii():
        return [*found, ("\0".join(text).encode(), "any")]
    found.extend((text.encode(f"utf-16-{order}", "surrogatepass"), order) for order in ("le", "be"))
    with suppress(UnicodeEncodeError):
        found.append((text.encode("cp1252"), ""))
    return found


def _make_needles(patterns: list[_Pattern]) -> tuple[Needles, int]:
    """Return the quick search for the patterns, and how far before a needle its pattern may begin."""
    needles: set[bytes] = set()
    before = 0
    for pattern in patterns:
        if pattern.caseless:
            found, offset = caseless_needles(pattern.data, bool(pattern.order))
            needles |= found
            before = max(before, offset)
        else:
            needles.add(needle_for(pattern.data, bool(pattern.order)))
    return Needles(needles), before + 2 * NEEDLE_LENGTH + MARGIN


def _find_touching(data: bytes, hit: Hit, pattern: _Pattern) -> list[int]:
    """Return where a digit, or a digit beyond a dot, touches an address: there it is a part of something longer.

    In an address with colons (RFC 4291) the letters a to f are digits, and a colon joins as a dot does.
    """
    step = 2 if hit.order else 1
    digits, joints = (_HEX_DIGITS, b".:") if ":" in pattern.secret.value else (_DIGITS, b".")
    found = []
    for near, far in ((hit.start - step, hit.start - 2 * step), (hit.stop - 1 + step, hit.stop - 1 + 2 * step)):
        first = data[near] if 0 <= near < len(data) else 0
        second = data[far] if 0 <= far < len(data) else 0
        if first in digits:
            found.append(near)
        elif first in joints and second in digits:
            found.append(far)
    return found


def _resolve_touching(found: list[tuple[Hit, list[int]]]) -> list[Hit]:
    """Return the places that count: what touches an address does not join it where it is itself a secret."""
    counted = [hit for hit, touching in found if not touching]
    left = [(hit, touching) for hit, touching in found if touching]
    for _ in range(_ROUNDS):
        if not left:
            break
        covered = covered_ranges(counted)
        judged = [(hit, touching, all(_is_inside(covered, at) for at in touching)) for hit, touching in left]
        left = [(hit, touching) for hit, touching, counts in judged if not counts]
        if len(left) == len(judged):
            break
        counted.extend(hit for hit, _, counts in judged if counts)
    return counted


def covered_ranges(hits: Iterable[Hit]) -> list[tuple[int, int]]:
    """Return the ranges that hits cover, those that overlap joined into one."""
    return merge_ranges([(hit.start, hit.stop) for hit in sorted(hits)])


def _is_inside(ranges: list[tuple[int, int]], at: int) -> bool:
    which = bisect_right(ranges, at, key=lambda part: part[0]) - 1
    return which >= 0 and at < ranges[which][1]


def _urls_in(data: bytes) -> Iterator[int]:
    for needle in (URL, WIDE_URL):
        at = data.find(needle)
        while at >= 0:
            yield at
            at = data.find(needle, at + 1)


def _url_hit(data: bytes, at: int) -> Hit | None:
    """Return the URL around ``://`` if it has a password before ``@``."""
    wide = data[at + 1 : at + 2] == b"\0"
    step = 2 if wide else 1
    first = at % step if wide else 0
    if data.find(b"@", at, at + _BEFORE_AT * step) < 0:
        return None
    begin = max(at - 22 * step, first)
    text = data[begin : at + LONGEST_URL * step : step]
    # One character a byte: what is found keeps its offsets.
    url = url_at(text.decode("latin-1"), (at - begin) // step)
    if url is None or not url.password:
        return None
    return Hit(begin + url.start * step, begin + (url.stop - 1) * step + 1, URL_CREDENTIALS, "any" if wide else "")
