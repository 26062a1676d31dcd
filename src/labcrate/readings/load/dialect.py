"""The encoding of a text file of readings, and the delimiter of a CSV.

Encodings are UTF-8, UTF-16 (detected by its byte order mark, or the zero bytes of its first letters) and, for any line
that is not UTF-8, Windows-1252. Fields are separated by a comma, a semicolon or a tab, whichever fits the header line.
"""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KNOWN_COLUMNS = ("timestamp", "topic", "device_id", "payload")
"""Columns with a meaning of their own; their names may be written in any case."""

_DELIMITERS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?')
_MAX_LINE_BYTES = 1 << 20
_CHUNK = 1 << 20
UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The header of a CSV: the fields' ``delimiter``, their names, and the number of the first line of rows."""

    delimiter: str
    header: list[str]
    first_row_line: int

    @property
    def has_required_columns(self) -> bool:
        """Return whether the columns that readings need are present."""
        return "timestamp" in self.header and ("topic" in self.header or "device_id" in self.header)

    @property
    def decimal_comma(self) -> bool:
        """Return whether ``21,5`` is a number: where commas do not separate the fields."""
        return self.delimiter != ","


def open_utf8(file: io.BufferedIOBase) -> "tuple[io.BufferedIOBase, bytes, Utf16Transcoder | None]":
    """Return the file, its first line, and the transcoder through which a UTF-16 file is read as UTF-8 (else None)."""
    line = file.readline(_MAX_LINE_BYTES)
    encoding = utf16_encoding(line)
    if encoding is None:
        return file, line.removeprefix(UTF8_BOM), None
    transcoder = Utf16Transcoder(file, line, encoding)
    reader = io.BufferedReader(transcoder, _CHUNK)
    return reader, reader.readline(_MAX_LINE_BYTES).removeprefix(UTF8_BOM), transcoder


def read_dialect(file: io.BufferedIOBase, first_line: bytes) -> Dialect:
    """Read the header; the file's position is after it. Raises ValueError if it is no line of text."""
    number, text = 2, _text(first_line)
    delimiter = None
    if found := _SEPARATOR_LINE.fullmatch(text):
        number, delimiter, text = 3, found[1], _text(file.readline(_MAX_LINE_BYTES))
    best = [Dialect(one, _header(text, one), number) for one in ([delimiter] if delimiter else _DELIMITERS)]
    return max(best, key=lambda dialect: (dialect.has_required_columns, len(dialect.header)))


def lines_as_utf8(text: bytes) -> tuple[bytes, list[int], bool]:
    """Return a text of whole lines as UTF-8, each line that is not UTF-8 read as Windows-1252.

    Return also the indexes of these lines, and whether others contain UTF-8 beyond ASCII: then the file is damaged
    rather than in Windows-1252.
    """
    if text.isascii():
        return text, [], False
    try:
        text.decode()
    except UnicodeDecodeError:
        pass
    else:
        return text, [], False
    lines = text.split(b"\n")
    foreign, mixed = [], False
    for place, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            line.decode()
            mixed = True
        except UnicodeDecodeError:
            lines[place] = decode_windows_1252(line).encode()
            foreign.append(place)
    return b"\n".join(lines), foreign, mixed


def decode_windows_1252(data: bytes) -> str:
    """Decode Windows-1252; its five undefined bytes become control characters, as in browsers."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(_WINDOWS[byte] for byte in data)


_WINDOWS = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


class Utf16Transcoder(io.RawIOBase):
    """A file in UTF-16, read as UTF-8. ``is_damaged``: some bytes were no text and became U+FFFD."""

    def __init__(self, file: BinaryIO | io.BufferedIOBase, start: bytes, encoding: str) -> None:
        self.is_damaged = False
        self._file, self._start = file, start
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read up to the size of the buffer."""
        while not self._ready and not self._ended:
            data, self._start = self._start or self._file.read(_CHUNK), b""
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            # An odd byte at the end belongs to a truncated row, which is reported as such.
            self.is_damaged = self.is_damaged or ("\ufffd" in text and not self._ended)
            self._ready = text.encode()
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def utf16_encoding(beginning: bytes) -> str | None:
    """Return the UTF-16 encoding of a text by its first bytes; None for other text."""
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [byte == 0 for byte in beginning[:4]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else None


def _text(line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = decode_windows_1252(line)
    if "\0" in text:
        raise ValueError("a line of text holds no zero bytes")
    return text.rstrip("\r\n")


def _header(text: str, delimiter: str) -> list[str]:
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [name.lower() if name.lower() in KNOWN_COLUMNS and name.lower() not in names else name for name in names]
