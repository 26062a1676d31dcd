"""When a file's bytes are to be confirmed: read again, and compared with the CRC-32 that the index has of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from labcrate.archive.checking import check_bytes
from labcrate.archive.layout import FileSource
from labcrate.errors import ChecksumError
from labcrate.index.records import IndexedFile
from labcrate.lab.lab_files import FileReader, display_path
from labcrate.model.lab_settings import CONFIRM_DAYS

CLOCK: Callable[[], float] = time.time
"""Seconds since 1970: the one clock that says when bytes were confirmed."""

DAY_MS = 24 * 60 * 60 * 1000


def now_ms() -> int:
    """The time in milliseconds since 1970, UTC."""
    return round(CLOCK() * 1000)


class ByteCheckMode(StrEnum):
    """Which files are confirmed: those confirmed too long ago, all, or none."""

    BY_AGE = "by age"
    ALWAYS = "always"
    NEVER = "never"

    @classmethod
    def of(cls, choice: bool | None) -> "ByteCheckMode":
        """Return what somebody chose: True for all, False for none, None for what is due by its age."""
        return cls.BY_AGE if choice is None else cls.ALWAYS if choice else cls.NEVER


@dataclass(frozen=True, slots=True)
class ByteCheckRule:
    """Which bytes are to be confirmed again: those last confirmed over ``days`` before now, unless ``check`` differs.

    ``began_ms`` is when the work began for which they are confirmed: what was confirmed since is confirmed.
    """

    began_ms: int
    check: ByteCheckMode = ByteCheckMode.BY_AGE
    days: int = CONFIRM_DAYS

    @classmethod
    def from_now(cls, check: ByteCheckMode = ByteCheckMode.BY_AGE, days: int = CONFIRM_DAYS) -> "ByteCheckRule":
        """Return the rule for work that begins now."""
        return cls(now_ms(), check, days)

    def is_due(self, known: IndexedFile) -> bool:
        """Return whether a file is to be confirmed; one without checksums has nothing to be compared with."""
        if self.check is ByteCheckMode.NEVER or known.fixity is None:
            return False
        now = now_ms()
        oldest = self.began_ms if self.check is ByteCheckMode.ALWAYS else min(now - self.days * DAY_MS, self.began_ms)
        # A time to come is a clock that was set wrong.
        return known.confirmed_ms is None or not oldest <= known.confirmed_ms <= now


def check_file_bytes(files: FileReader, known: IndexedFile, progress: Callable[[int], None]) -> IndexedFile:
    """Read a file whose checksums are known through, and return what is known of it by that.

    Raises SourceChangedError, OSError, and what ``progress`` raises, which is called with the bytes of each piece.
    """
    if known.fixity is None:
        raise AssertionError("what has no checksums cannot be confirmed")
    source = FileSource(partial(files.open, known.path), known.identity, display_path(known.path))
    try:
        for count in check_bytes(source, known.fixity):
            progress(count)
    except ChecksumError:
        return replace(known, differs_ms=now_ms())
    return replace(known, confirmed_ms=now_ms(), differs_ms=None)
