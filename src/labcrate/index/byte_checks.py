"""Check that files still hold their bytes: read them again, and compare them with the CRC-32 in the index."""

import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from labcrate.archive.checking import check_bytes
from labcrate.archive.layout import FileSource
from labcrate.errors import ChecksumError
from labcrate.index.records import IndexedFile
from labcrate.lab.lab_files import FileReader, display_path
from labcrate.model.lab_settings import CONFIRM_DAYS

CLOCK: Callable[[], float] = time.time
"""The clock of all byte checks: a function that returns seconds since 1970."""

DAY_MS = 24 * 60 * 60 * 1000


def now_ms() -> int:
    """Return the time in milliseconds since 1970, UTC."""
    return round(CLOCK() * 1000)


class ByteCheckMode(StrEnum):
    """Which files are checked: those whose last check is too old, all, or none."""

    BY_AGE = "by age"
    ALWAYS = "always"
    NEVER = "never"

    @classmethod
    def of(cls, choice: bool | None) -> "ByteCheckMode":
        """Return the mode of a user's choice: True for all files, False for none, None by the age of the last check."""
        return cls.BY_AGE if choice is None else cls.ALWAYS if choice else cls.NEVER


class ByteCheckRule(Struct, frozen=True):
    """The rule that says which files are checked: in mode BY_AGE, those last checked more than ``days`` ago.

    ``began_ms`` is when the work began that needs the check: a check since then counts in every mode.
    """

    began_ms: int
    check: ByteCheckMode = ByteCheckMode.BY_AGE
    days: int = CONFIRM_DAYS

    @classmethod
    def from_now(cls, check: ByteCheckMode = ByteCheckMode.BY_AGE, days: int = CONFIRM_DAYS) -> "ByteCheckRule":
        """Return the rule for work that begins now."""
        return cls(now_ms(), check, days)

    def is_due(self, known: IndexedFile) -> bool:
        """Return whether a file must be checked. A file without checksums cannot be."""
        if self.check is ByteCheckMode.NEVER or known.fixity is None:
            return False
        now = now_ms()
        oldest = self.began_ms if self.check is ByteCheckMode.ALWAYS else min(now - self.days * DAY_MS, self.began_ms)
        # A time in the future was written by a clock that was set wrong.
        return known.confirmed_ms is None or not oldest <= known.confirmed_ms <= now


def check_file_bytes(files: FileReader, known: IndexedFile, progress: Callable[[int], None]) -> IndexedFile:
    """Read a file completely, compare it with its checksums, and return its record with the result.

    Call ``progress`` with the number of bytes of each piece. Raises SourceChangedError, OSError, and what ``progress``
    raises.
    """
    if known.fixity is None:
        raise AssertionError("a file without checksums cannot be checked")
    source = FileSource(partial(files.open, known.path), known.identity, display_path(known.path))
    try:
        for count in check_bytes(source, known.fixity):
            progress(count)
    except ChecksumError:
        return replace(known, differs_ms=now_ms())
    return replace(known, confirmed_ms=now_ms(), differs_ms=None)
