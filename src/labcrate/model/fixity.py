"""Checksums of files, and the file status that shows whether a file changed."""

import hashlib
import os
from typing import Self

from isal import isal_zlib
from msgspec import Struct


class Identity(Struct, frozen=True):
    """A file's status on disk; a file with the same identity counts as unchanged."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """Return the identity in the result of a stat call."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


class Fixity(Struct, frozen=True):
    """Size, CRC-32 (ISO 3309, as APPNOTE 4.4.7) and SHA-256 (FIPS 180-4, hexadecimal) of a file's bytes."""

    size_bytes: int
    crc32: int
    sha256: str

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """Return the fixity of bytes in memory."""
        return cls(len(data), isal_zlib.crc32(data), hashlib.sha256(data).hexdigest())
