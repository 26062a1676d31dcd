"""The archive's list of checksums, in the format of ``sha256sum -c``."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from labcrate.archive import records
from labcrate.archive.directory import MAX_MEMBERS
from labcrate.messages.message import Message

MANIFEST_NAME = "manifest-sha256.txt"

# GNU coreutils, "md5sum invocation": a backslash before the line announces escapes in the name;
# the second character between hash and name is a space or, for binary mode, an asterisk.
_LINE_PATTERN = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)", re.DOTALL)
_ESCAPE_PATTERN = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_MAX_LINE_BYTES = 70 + 2 * records.MAX16  # a name of which every byte is escaped


class ManifestLine(Struct, frozen=True):
    """One line, counted from 1: the name of a member and its SHA-256, or the problem of the line."""

    number: int
    name: bytes = b""
    sha256: bytes = b""
    problem: Message | None = None


def manifest_line(sha256: str, name: str) -> str:
    """Return one line with its line break. A member's name needs no escapes (see ``layout.name_problem``)."""
    return f"{sha256}  {name}\n"


def read_manifest_lines(chunks: Iterable[bytes]) -> Iterator[ManifestLine]:
    """Yield the lines of a manifest that is read in pieces. A line that is invalid has a problem; no error is raised.

    Reading stops at a line that is too long for any name, and at one line more than the most members of an archive.
    """
    number, rest = 0, b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if number > MAX_MEMBERS:
                yield ManifestLine(number, problem=Message("manifest.too_many_lines", most=MAX_MEMBERS))
                return
            yield _parse_line(number, line)
        if len(rest) > _MAX_LINE_BYTES:
            yield ManifestLine(number + 1, problem=Message("manifest.line_too_long", line=number + 1))
            return
    if rest:
        yield ManifestLine(number + 1, problem=Message("manifest.no_line_break"))


def _parse_line(number: int, line: bytes) -> ManifestLine:
    match = _LINE_PATTERN.fullmatch(line)
    if not match:
        return ManifestLine(number, problem=Message("manifest.invalid_line", line=number))
    name = _ESCAPE_PATTERN.sub(lambda found: _ESCAPED.get(found[1], found[0]), match[3]) if match[1] else match[3]
    return ManifestLine(number, name, bytes.fromhex(match[2].decode("ascii")))
