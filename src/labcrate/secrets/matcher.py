"""The search for a lab's secrets in bytes, under all escapes, in linear time.

The result is places and kinds, never values. A quick search for needles finds the places to examine; only there are
the exact patterns compared, escapes decoded and URLs parsed.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation
from msgspec import Struct

from labcrate.secrets.escaped_regions import URL, WIDE_URL, EscapedRegions, merge_ranges
from labcrate.secrets.escapes import LEVELS, decode, decoded_forms, spellings
from labcrate.secrets.needles import NEEDLE_LENGTH, Needles, caseless_needles, needle_for
from labcrate.secrets.urls import MAX_URL_LENGTH as LONGEST_URL
from labcrate.secrets.urls import url_at
from labcrate.secrets.values import MIN_STRONG_LENGTH, SECRET_KINDS, Secret, SecretKind, Secrets
from labcrate.secrets.weak_values import ROW_BYTES, TableColumns, WeakValues

_BEFORE_AT = 400  # characters between a URL's scheme and its ``@``
MARGIN = 64
"""Bytes around a place that decide whether it counts."""

_ROUNDS = 4  # an address can make the next one count only if they overlap
_WORDS = re.compile(r"[\"\s]")
_DIGITS = frozenset(b"0123456789")
_HEX_DIGITS = _DIGITS | frozenset(b"abcdefABCDEF")


class Hit(NamedTuple):
    """A secret that was found: the bytes from ``start`` up to ``stop``, and its kind.

    ``order`` is empty except in UTF-16: there it is ``le`` or ``be``, or ``any`` for ASCII from the first character's
    byte to the last one's, which is the same in both.
    """

    start: int
    stop: int
    kind: SecretKind
    order: str = ""


class _Pattern(Struct, frozen=True):
    data: bytes
    secret: Secret
    order: str
    caseless: bool


class Matcher:
    """A search for the secrets of one lab, made once and used for everything that is exported."""

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
        """Return the secrets in ``data`` in order, including those inside others and those that overlap.

        ``text``: also find weak values after credential keys, which only texts have.
        """
        regions, urls = self._regions.find(data)
        hits = self._find_unescaped(data, text, urls)
        for start, stop in regions:
            hits.extend(self._find_escaped(data, start, stop, text))
        return sorted(set(hits))

    def table_columns(self, beginning: bytes) -> TableColumns | None:
        """Return a search of a table's columns for weak values, if its header names a credential."""
        return self._weak.table_columns(beginning)

    def is_weak_value(self, value: object) -> bool:
        """Return whether a JSON value as a whole is a secret value that is too common to be searched for alone."""
        return isinstance(value, str | int | float) and self._weak.has(str(value))

    def text_needles(self) -> set[str]:
        """Return parts of the values in lower-case ASCII, one of which is in every text with an unescaped value.

        They serve to search whole columns quickly, and must be kept secret.
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
        """Return the secrets in the data without decoding escapes."""
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
        """Yield the secrets in a part of the data after decoding its escapes, level by level."""
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
    """A search for the places of all patterns, including those that overlap.

    Of a pattern that overlaps itself (``aaaaaaaa`` in a million letters), only the places needed to cover the same
    bytes are returned; of an address all, because what touches each place decides whether it counts.
    """

    def __init__(self, patterns: list[_Pattern]) -> None:
        self._patterns = patterns
        data = [pattern.data for pattern in patterns]
        self._search = BytesAhoCorasick(data, implementation=Implementation.ContiguousNFA) if data else None

    def find(self, data: bytes) -> list[tuple[_Pattern, int, int]]:
        if self._search is None:
            return []
        # Matches of one pattern are in order.
        matches = self._search.find_matches_as_indexes(data, overlapping=True)
        found: list[tuple[int, int, int]] = []
        last_index: dict[int, int] = {}  # of each pattern, the index of its last match in ``found``
        previous_end: dict[int, int] = {}  # and the end of the match before that one
        for match in matches:
            which, start, _ = match
            at = last_index.get(which, -1)
            if at >= 0 and not self._patterns[which].secret.address and start <= previous_end[which]:
                found[at] = match  # extends the overlapped match, without a gap to the one before
                continue
            previous_end[which] = found[at][2] if at >= 0 else -1
            last_index[which] = len(found)
            found.append(match)
        return [(self._patterns[which], start, stop) for which, start, stop in found]


def ranges_around(positions: list[int], before: int, after: int, length: int) -> list[tuple[int, int]]:
    """Return the ranges around sorted positions, with those that meet merged."""
    return merge_ranges([(max(position - before, 0), min(position + after, length)) for position in positions])


def _make_patterns(secrets: tuple[Secret, ...]) -> list[_Pattern]:
    """Return the byte strings to search for; one that several secrets share has the first of their kinds."""
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
    """Return a text in UTF-8, Windows-1252 and UTF-16, with the byte order of the latter."""
    found = [(text.encode("utf-8", "surrogatepass"), "")]
    if text.isascii():
        return [*found, ("\0".join(text).encode(), "any")]
    found.extend((text.encode(f"utf-16-{order}", "surrogatepass"), order) for order in ("le", "be"))
    with suppress(UnicodeEncodeError):
        found.append((text.encode("cp1252"), ""))
    return found


def _make_needles(patterns: list[_Pattern]) -> tuple[Needles, int]:
    """Return the quick search for the patterns, and how many bytes before a needle its pattern may begin."""
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
    """Return where a digit touches an address, directly or after a dot: there it is part of something longer.

    In an address with colons (RFC 4291), the letters a to f are digits, and a colon joins as a dot does.
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
    """Return the places that count: one touched by digits counts only if these are in a secret too."""
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
    """Return the ranges that hits cover, with overlapping ranges merged."""
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
    # latin-1: one character for each byte, so offsets stay the same.
    url = url_at(text.decode("latin-1"), (at - begin) // step)
    if url is None or not url.password:
        return None
    return Hit(
        begin + url.start * step, begin + (url.stop - 1) * step + 1, SecretKind.URL_CREDENTIALS, "any" if wide else ""
    )
