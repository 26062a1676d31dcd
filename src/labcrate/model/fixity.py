"""What a file's bytes are, and how to notice that they are no longer those."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Identity:
    """A file's state on disk, cheap to compare: a file with the same identity is taken as unchanged."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """The identity in the result of a stat call."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@dataclass(frozen=True, slots=True)
class Fixity:
    """Size, CRC-32 (as ZIP has it) and SHA-256 (hexadecimal) of a file's bytes."""

    size_bytes: int
    crc32: int
    sha256: str
