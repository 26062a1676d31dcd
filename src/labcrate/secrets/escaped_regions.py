"""The regions of data in which unusual escapes may hide a value or a URL. Decoding is slow and happens only there.

A value under escapes consists of its own characters and those of escapes, a URL has no blanks and quotes. So around
each escape of a relevant character, only the run of such bytes is decoded, if it is long enough.
"""

from collections.abc import Iterator

from labcrate.secrets.escapes import MAX_ESCAPE_LENGTH
from labcrate.secrets.needles import Needles
from labcrate.secrets.urls import MAX_URL_LENGTH as LONGEST_URL

_ESCAPE_BYTES = frozenset(b"\\u%&#;xXabcdefABCDEF0123456789amplgtquos")
_URL_BYTES = bytes(set(range(0x21, 0x100)) - set(b"\"'<>\x7f"))
_MARKS = ("%", "&", "\\", "#", ";")
_XML_NAMES = (b"&amp;", b"&lt;", b"&gt;", b"&quot;", b"&apos;")
_BEFORE_URL = 128
_AFTER_URL = 900


URL = b"://"
WIDE_URL = b":\0/\0/"


class EscapedRegions:
    """A search for the parts of data to be decoded, for one set of values."""

    def __init__(self, values: list[str], context: int) -> None:
        characters = {character for value in values for character in value}
        self._value_span = max((len(value) for value in values), default=0) * MAX_ESCAPE_LENGTH
        self._shortest = min((len(value) for value in values), default=0)
        self._context = context
        value_bytes = {byte for c in characters for form in _encoded_forms(c) for byte in form}
        self._value_bytes = bytes(value_bytes | _ESCAPE_BYTES)
        of_values = _escape_beginnings(characters | set(_MARKS)) | set(_XML_NAMES) if values else set()
        of_urls = _escape_beginnings({":", "/", "@", *_MARKS}) | {b":\\/\\/"}
        self._of_values, self._of_urls = of_values, of_urls
        self.needles = Needles(of_values | of_urls | {URL, WIDE_URL})
        self.reach_bytes = max(self._value_span, _BEFORE_URL + _AFTER_URL, 2 * LONGEST_URL) + 2 * context

    def find(self, data: bytes) -> tuple[list[tuple[int, int]], list[int]]:
        """Return the sorted ranges of ``data`` to decode, and the places of ``://`` unescaped, also in UTF-16.

        Both come from one search: none of these needles can hide another.
        """
        places = self.needles.found(data)
        urls = [at for at, needle in places if needle in (URL, WIDE_URL)]
        return merge_ranges(sorted(self._ranges(data, places))), urls

    def _ranges(self, data: bytes, places: list[tuple[int, bytes]]) -> Iterator[tuple[int, int]]:
        values_done = urls_done = -1  # up to there, an earlier region reaches far enough
        for at, needle in places:
            if at >= values_done and needle in self._of_values:
                start, stop = _run_around(data, at, self._value_bytes, self._value_span, 2 * self._value_span)
                if stop - start >= self._shortest:
                    yield max(start - self._context, 0), stop + self._context
                values_done = min(stop, at + self._value_span)
            if at >= urls_done and needle in self._of_urls:
                start, stop = _run_around(data, at, _URL_BYTES, _BEFORE_URL, 2 * _AFTER_URL)
                part = data[start:stop]
                if b"@" in part or b"40" in part or b"64" in part:
                    yield start, stop
                urls_done = min(stop, at + _AFTER_URL)


def merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ranges with those that meet merged."""
    found: list[tuple[int, int]] = []
    for start, stop in ranges:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def _run_around(data: bytes, at: int, allowed: bytes, before: int, after: int) -> tuple[int, int]:
    """Return the run of allowed bytes around ``at``, at most ``before`` and ``after`` bytes long."""
    left = data[max(at - before, 0) : at]
    right = data[at : at + after]
    return at - (len(left) - len(left.rstrip(allowed))), at + len(right) - len(right.lstrip(allowed))


def _escape_beginnings(characters: set[str]) -> set[bytes]:
    """Return the bytes with which an escape of one of the characters begins."""
    found: set[bytes] = {b"&#x", b"&#X", b"&#0"}
    for character in characters:
        found.add(b"&#" + str(ord(character))[:1].encode())
        for byte in character.encode("utf-8", "surrogatepass"):
            found |= {b"%" + text for text in _case_variants(b"%02x" % byte)}
        units = character.encode("utf-16-be", "surrogatepass")
        for unit in (units[:2], units[-2:]):  # the first three digits of four
            found |= {b"\\u" + text for text in _case_variants(unit.hex()[:3].encode())}
    return found


def _case_variants(text: bytes) -> set[bytes]:
    """Return hexadecimal digits in every mixture of upper and lower case."""
    found = {b""}
    for digit in text:
        both = {bytes((digit,)).lower(), bytes((digit,)).upper()}
        found = {start + end for start in found for end in both}
    return found


def _encoded_forms(character: str) -> set[bytes]:
    forms = {character.encode("utf-8", "surrogatepass"), character.swapcase().encode("utf-8", "surrogatepass")}
    return forms | {character.encode("cp1252", "ignore")} | ({b'"', b"+"} if character in '" ' else set())
