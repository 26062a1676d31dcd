"""The archive's list of checksums, in the form that ``sha256sum -c`` reads."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labcrate.archive import records
from labcrate.archive.directory import MAX_MEMBERS

MANIFEST_NAME = "manifest-sha256.txt"

# GNU coreutils, "md5sum invocation": a backslash before the line announces escapes in the name;
# the second character between hash and name is a space or, for binary mode, an asterisk.
_LINE_PATTERN = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)", re.DOTALL)
_ESCAPE_PATTERN = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_MAX_LINE_BYTES = 70 + 2 * records.MAX16  # a name of which every byte is escaped


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """One line, counted from 1: a member's name as bytes and its SHA-256, or the problem that the line has."""

    number: int
    name: bytes = b""
    sha256: bytes = b""
    problem: str | None = None


def manifest_line(sha256: str, name: str) -> str:
    """One line with its line break; a member's name needs no escapes (see ``layout.name_problem``)."""
    return f"{sha256}  {name}\n"


def read_manifest_lines(chunks: Iterable[bytes]) -> Iterator[ManifestLine]:
    """Read a manifest that comes in pieces: what cannot be read becomes a problem, never an exception.

    A line that is too long for any name, or one more than an archive can need, is the last that is read.
    """
    number, rest = 0, b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if number > MAX_MEMBERS:
                yield ManifestLine(number, problem=f"there are more than {MAX_MEMBERS} lines, and no more are read")
                return
            yield _parse_line(number, line)
        if len(rest) > _MAX_LINE_BYTES:
            yield ManifestLine(number + 1, problem=f"line {number + 1} is too long, so nothing from there on was read")
            return
    if rest:
        yield ManifestLine(number + 1, problem="the last line has no line break")


def _parse_line(number: int, line: bytes) -> ManifestLine:
    match = _LINE_PATTERN.fullmatch(line)
    if not match:
        return ManifestLine(number, problem=f"line {number} is not a SHA-256, two spaces and a name")
    name = _ESCAPE_PATTERN.sub(lambda found: _ESCAPED.get(found[1], found[0]), match[3]) if match[1] else match[3]
    return ManifestLine(number, name, bytes.fromhex(match[2].decode("ascii")))
