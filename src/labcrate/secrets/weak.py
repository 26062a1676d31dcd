"""Weak values: passwords like ``admin``, which count only as the whole value of a credential's key."""

import re
from collections.abc import Iterator

from labcrate.secrets.keys import PAYLOAD_CREDENTIALS, STEMS, normalized
from labcrate.secrets.needles import Needles
from labcrate.secrets.values import Secret

_KEY_BEFORE, _KEY_LENGTH = 24, 40
_KEY = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z][A-Za-z0-9_-]{1,31}")
_BETWEEN = re.compile(rb"[\"'\\]{0,4}\s{0,8}(?:[:=]|>)\s{0,8}[\"'\\]{0,4}")
_MORE_OF_A_WORD = re.compile(rb"[A-Za-z0-9_.\x80-\xff-]")


class WeakValues:
    """A search for ``key: value`` where both the key is a credential's and the value is known."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        pairs = sorted(((s.value.encode("utf-8", "surrogatepass"), s.kind) for s in secrets), key=lambda p: -len(p[0]))
        self._values = pairs
        stems = {spelling for stem in STEMS for spelling in (stem, stem.upper(), stem.capitalize())}
        self._needles = Needles(stem.encode() for stem in stems) if pairs else None

    def find(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield start, stop and kind of each weak value that stands behind a credential's key."""
        if self._needles is None:
            return
        done = 0
        for position in self._needles.positions(data):
            for key in _KEY.finditer(data, max(position - _KEY_BEFORE, done), position + _KEY_LENGTH):
                if key.end() <= position:
                    continue
                done = key.end()
                if normalized(key[0].decode()) in PAYLOAD_CREDENTIALS:
                    yield from self._value_behind(data, key.end())
                break

    def _value_behind(self, data: bytes, at: int) -> Iterator[tuple[int, int, str]]:
        between = _BETWEEN.match(data, at)
        if between is None:
            return
        start = between.end()
        for value, kind in self._values:
            if data.startswith(value, start):
                stop = start + len(value)
                if not _MORE_OF_A_WORD.match(data, stop):
                    yield start, stop, kind
                return
