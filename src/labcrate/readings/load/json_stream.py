"""Reading a large JSON file of messages piece by piece, so that it is never in memory as a whole.

A list is cut where a part of it is a valid list: if ``[`` + part + ``]`` is valid JSON and the part begins with an
element, it ends with one too. Where the next element begins is guessed, and each guess is tried so. A file of another
form is not read here, but as a whole (`json_source`).
"""

import re
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import NamedTuple

import msgspec

from labcrate.readings.load.dialect import UTF8_BOM
from labcrate.readings.load.segments import SegmentInfo, digest_of

PIECE_BYTES = 4 << 20
_MAX_PIECE_BYTES = 64 << 20
_MAX_REST_BYTES = 64 << 20
_MERGE_BYTES = 1 << 18
_GUESSES = 8

_SPACE = b" \t\r\n"
_LIST_END = re.compile(rb"\}[ \t\r\n]{0,100}\](?=[ \t\r\n]{0,100}(?:,|\}|\]|$))")
_BETWEEN = re.compile(rb"\}([ \t\r\n]{0,100},[ \t\r\n]{0,100}\{[ \t\r\n]{0,100})$")
_KEY = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.){0,4096}"')
PLATFORM_FORM = re.compile(rb'[ \t\r\n]{0,100}\{[ \t\r\n]{0,100}"messages"[ \t\r\n]{0,100}:[ \t\r\n]{0,100}\{')
OBJECT_FORM = re.compile(rb'[ \t\r\n]{0,100}\{[ \t\r\n]{0,100}"messages"[ \t\r\n]{0,100}:[ \t\r\n]{0,100}\[')
LIST_FORM = re.compile(rb"[ \t\r\n]{0,100}\[")
"""How a file of messages begins: the platform's by topic, and a flat list, in an object or alone."""

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


class OtherFormError(Exception):
    """The file has another form than a large object or list of messages."""


class Piece(NamedTuple):
    """Some elements of a list: the segment that is known to hold them, or their text without brackets."""

    known: SegmentInfo | None
    text: bytes


class JsonReader:
    """A reader of JSON texts, some megabytes of which are in memory."""

    def __init__(self, file: BufferedIOBase, beginning: bytes = b"") -> None:
        self._file, self._data, self._at, self._ended = file, beginning, 0, False

    def peek(self, size: int) -> memoryview:
        """Return the next ``size`` bytes; fewer at the end of the file."""
        while len(self._data) - self._at < size and not self._ended:
            more = self._file.read(max(size, PIECE_BYTES))
            self._ended = not more
            self._data, self._at = self._data[self._at :] + more, 0
        return memoryview(self._data)[self._at : self._at + size]

    def is_all_read(self, size: int) -> bool:
        """Return whether the file has no more than ``size`` further bytes."""
        return len(self.peek(size + 1)) <= size

    def skip(self, size: int) -> None:
        """Skip some bytes, which must have been peeked."""
        self._at += size

    def next_token(self) -> bytes:
        """Return the next byte that is no whitespace; empty at the end of the file."""
        while True:
            found = bytes(self.peek(256))
            rest = found.lstrip(_SPACE)
            self.skip(len(found) - len(rest))
            if rest or not found:
                return rest[:1]

    def expect(self, *tokens: bytes) -> bytes:
        """Return the next token, and go on after it. Raises OtherFormError if it is none of these."""
        token = self.next_token()
        if token not in tokens:
            raise OtherFormError
        self.skip(1)
        return token

    def read_beginning(self) -> re.Pattern[bytes] | None:
        """Read the beginning of the file, up to its first topic or message, and return its form; None for another."""
        if self.peek(len(UTF8_BOM)) == UTF8_BOM:
            self.skip(len(UTF8_BOM))
        head = bytes(self.peek(PIECE_BYTES))
        found = PLATFORM_FORM.match(head) or OBJECT_FORM.match(head) or LIST_FORM.match(head)
        if found is None:
            return None
        self.skip(found.end())
        return found.re

    def read_topics(self) -> Iterator[str]:
        """Yield each topic of the platform's form; read the elements of its list before the next one.

        Raises OtherFormError, also if a topic occurs twice.
        """
        if self.next_token() == b"}":
            self.skip(1)
            return
        seen: set[str] = set()
        while True:
            topic = self.read_key()
            if topic in seen:
                raise OtherFormError
            seen.add(topic)
            self.expect(b"[")
            yield topic
            if self.expect(b",", b"}") == b"}":
                return

    def read_key(self) -> str:
        """Read a key and its colon. Raises OtherFormError."""
        self.next_token()
        found = _KEY.match(bytes(self.peek(8192)))
        if found is None:
            raise OtherFormError
        self.skip(found.end())
        try:
            key = _ANY.decode(found[0])
        except ValueError:
            raise OtherFormError from None
        self.expect(b":")
        return str(key)

    def read_elements(self, known: Sequence[SegmentInfo] = ()) -> Iterator[Piece]:
        """Yield the elements of a list whose bracket was read, to its end; those of ``known`` that did not change.

        Raises OtherFormError.
        """
        if self.next_token() == b"]":
            self.skip(1)
            return
        for number, segment in enumerate(known):
            if not self._begins_with(segment):
                break
            is_last = number == len(known) - 1
            if is_last and segment.size_bytes < _MERGE_BYTES and not self._ends_after(segment.size_bytes):
                break  # it is read again with what was appended, else there are ever more small segments
            self.skip(segment.size_bytes)
            yield Piece(segment, b"")
            if self.expect(b",", b"]") == b"]":
                return
            self.next_token()
        size = PIECE_BYTES
        while True:
            data = bytes(self.peek(size))
            end = _end_of_elements(data, whole=self.is_all_read(size))
            if end is None:
                size *= 2
                if size > _MAX_PIECE_BYTES or self.is_all_read(size // 2):
                    raise OtherFormError
                continue
            self.skip(end)
            yield Piece(None, data[:end])
            if self.expect(b",", b"]") == b"]":
                return
            self.next_token()
            size = PIECE_BYTES

    def check_rest(self) -> bytes:
        """Return the rest of the object whose key ``messages`` was read, as an object that has 0 there.

        Raises OtherFormError if it does not end with the file.
        """
        rest = bytes(self.peek(_MAX_REST_BYTES))
        if not self.is_all_read(_MAX_REST_BYTES) or rest.lstrip(_SPACE)[:1] not in (b",", b"}"):
            raise OtherFormError
        try:
            whole = b'{"messages":0' + rest
            value = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])
        except (ValueError, RecursionError):
            raise OtherFormError from None
        if bytes(value["messages"]) != b"0":
            raise OtherFormError  # a second list of messages
        return whole

    def check_end(self) -> None:
        """Check that the file ends here. Raises OtherFormError."""
        if self.next_token():
            raise OtherFormError

    def _begins_with(self, segment: SegmentInfo) -> bool:
        data = self.peek(segment.size_bytes)
        return len(data) == segment.size_bytes and digest_of(data) == segment.digest

    def _ends_after(self, size: int) -> bool:
        return bytes(self.peek(size + 256)[size:]).lstrip(_SPACE)[:1] == b"]"


def read_lists(reader: JsonReader) -> Iterator[tuple[str | None, bytes]]:
    """Yield the messages of a file in pieces: the topic (None in a flat list), and elements without brackets.

    The last one is the object around the messages, without them, if there is one.

    Raises OtherFormError.
    """
    form = reader.read_beginning()
    if form is None:
        raise OtherFormError
    if form is PLATFORM_FORM:
        for topic in reader.read_topics():
            yield topic, b""  # a topic without messages counts too
            for piece in reader.read_elements():
                yield topic, piece.text
    else:
        for piece in reader.read_elements():
            yield None, piece.text
    if form is LIST_FORM:
        reader.check_end()
    else:
        yield None, reader.check_rest()


def _end_of_elements(data: bytes, *, whole: bool) -> int | None:
    """Return the end of as many elements as possible at the beginning of a list's text; None if it is not found."""
    for number, found in enumerate(_LIST_END.finditer(data)):
        if number == _GUESSES:
            end = _end_by_error(data)
            if end is not None:
                return end
            break
        if _is_list(data, found.start() + 1):
            return found.start() + 1
    if whole:
        return _end_by_error(data)
    return _last_boundary(data)


def _last_boundary(data: bytes) -> int | None:
    at = len(data)
    for _ in range(_GUESSES):
        at = data.rfind(b'"timestamp"', 0, at)
        if at < 0:
            break
        begins = _BETWEEN.search(data[max(0, at - 400) : at])
        if begins is not None:
            end = at - len(begins[1])
            if _is_list(data, end):
                return end
    at = len(data)
    for _ in range(_GUESSES * 4):
        at = data.rfind(b"}", 0, at)
        if at < 0:
            return None
        if data[at + 1 : at + 200].lstrip(_SPACE)[:1] == b"," and _is_list(data, at + 1):
            return at + 1
    return None


def _end_by_error(data: bytes) -> int | None:
    """Return the end of the elements of a list that ends in the text, by the place of the first byte after it."""
    try:
        _RAWS.decode(b"[" + data)
        end = data.rstrip(_SPACE)
    except (ValueError, RecursionError) as error:
        found = re.search(r"trailing characters \(byte (\d+)\)", str(error))
        if found is None:
            return None
        end = data[: int(found[1]) - 1].rstrip(_SPACE)
    inner = end[:-1].rstrip(_SPACE)
    return len(inner) if end.endswith(b"]") and _is_list(inner, len(inner)) else None


def _is_list(data: bytes, end: int) -> bool:
    try:
        _RAWS.decode(b"[" + data[:end] + b"]")
    except (ValueError, RecursionError):
        return False
    return True
