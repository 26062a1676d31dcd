"""The archive's list of checksums, in the form that ``sha256sum -c`` reads."""

import re
from dataclasses import dataclass

MANIFEST_NAME = "manifest-sha256.txt"

# GNU coreutils, "md5sum invocation": a backslash before the line announces escapes in the name;
# the second character between hash and name is a space or, for binary mode, an asterisk.
_LINE = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """SHA-256 (lower-case hexadecimal) by member name (as bytes), and what is wrong with the rest of the lines."""

    hashes: dict[bytes, str]
    problems: tuple[str, ...]


def manifest_line(sha256: str, name: str) -> str:
    """One line with its line break; a member's name needs no escapes (see ``layout.name_problem``)."""
    return f"{sha256}  {name}\n"


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest: what cannot be read becomes a problem, never an exception."""
    hashes: dict[bytes, str] = {}
    problems: list[str] = []
    lines = data.split(b"\n")
    if lines.pop():
        problems.append("the last line has no line break")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match:
            problems.append(f"line {number} is not a SHA-256, two spaces and a name")
            continue
        name = _unescaped(match[3]) if match[1] else match[3]
        if name in hashes:
            problems.append(f"line {number} names a member that an earlier line names")
        hashes[name] = match[2].decode("ascii").lower()
    return Manifest(hashes, tuple(problems))


def _unescaped(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), name)
