"""Confirming that files still hold the bytes that their members' checksums are of, beside the copying of them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from isal import isal_zlib

from labcrate.archive.entity import file_segments, open_source, read_at
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import ChecksumError, LabcrateError
from labcrate.model.fixity import Fixity

_READ_BYTES = 256 * 1024  # what a processor's own cache holds: read into it, and summed up there

IsTrusted = Callable[[int], bool]
"""Whether an open file needs no reading, because what it lies on checks its data by itself."""


def check_bytes(source: FileSource, fixity: Fixity, is_trusted: IsTrusted = lambda _: False) -> Iterator[int]:
    """Read a source through, patches included, and yield the number of bytes of each piece that was read.

    Nothing is read of a file that is ``trusted``. Raises ChecksumError, which names the file, where its CRC-32 is
    not that of ``fixity``, and SourceChangedError where it is no longer the planned file.
    """
    crc32 = 0
    with open_source(source) as fd:
        if is_trusted(fd):
            return
        for segment in file_segments(source, 0, source.identity.size_bytes):
            if isinstance(segment, bytes):
                crc32 = isal_zlib.crc32(segment, crc32)
                continue
            done = 0
            while done < segment.length:
                data = read_at(source, fd, segment.offset + done, min(_READ_BYTES, segment.length - done))
                crc32 = isal_zlib.crc32(data, crc32)
                done += len(data)
                yield len(data)
    if crc32 != fixity.crc32:
        raise ChecksumError(source.label)


OnResult = Callable[[Member, int | None, ChecksumError | None], None]
"""Called with a member, how many bytes were read of it, and what is wrong with it; None for one that is trusted."""


class Checker:
    """Confirms members one after the other in a thread of its own, between entering and leaving it.

    Every member's source is a file.
    """

    def __init__(
        self, members: Sequence[Member] = (), on_result: OnResult | None = None, is_trusted: IsTrusted | None = None
    ) -> None:
        self._members, self._on_result, self._is_trusted = (
            members,
            on_result or _no_result,
            is_trusted or _never_trusted,
        )
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="check") if members else None

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def check(self) -> None:
        """Raise what was found to be wrong so far."""
        if self._error:
            raise self._error

    def wait(self) -> None:
        """Wait until all members are confirmed. Raises ChecksumError for one that is not, and SourceChangedError."""
        if self._thread:
            self._thread.join()
        self.check()

    def _run(self) -> None:
        try:
            for member in self._members:
                self._confirm(member)
                if self._stop.is_set():
                    return
        except (LabcrateError, OSError) as error:
            self._error = error

    def _confirm(self, member: Member) -> None:
        assert isinstance(member.source, FileSource)  # noqa: S101 - as the class says
        read = None
        try:
            for count in check_bytes(member.source, member.fixity, self._is_trusted):
                read = (read or 0) + count
                if self._stop.is_set():
                    return
        except ChecksumError as error:
            self._on_result(member, read, error)
            raise
        self._on_result(member, read, None)


def _no_result(_member: Member, _read: int | None, _error: ChecksumError | None) -> None:
    """Do nothing with a result."""


def _never_trusted(_: int) -> bool:
    return False
