"""Check that files still match the checksums of their members, while the archive is copied."""

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from isal import isal_zlib

from labcrate.archive.entity import file_segments, open_source, read_at
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import ChecksumError, LabcrateError
from labcrate.model.fixity import Fixity

_READ_BYTES = 256 * 1024  # fits into a processor's cache, where the checksum is then computed

IsTrusted = Callable[[int], bool]
"""Return whether an open file needs no reading, because its file system checks its data itself."""


def check_bytes(source: FileSource, fixity: Fixity, is_trusted: IsTrusted = lambda _: False) -> Iterator[int]:
    """Read a source through, patches included, and yield the number of bytes of each piece that was read.

    A file for which ``is_trusted`` returns True is not read. Raises ChecksumError, which names the file, if its
    CRC-32 is not that of ``fixity``, and SourceChangedError if it is no longer the planned file.
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
"""Called with a member, the number of bytes read from it (None if it is trusted), and its error, if any."""


class Checker:
    """A thread that checks members one after the other, from entering this context until leaving it.

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
        """Raise the error that was found so far, if any."""
        if self._error:
            raise self._error

    def wait(self) -> None:
        """Wait until all members are checked. Raises ChecksumError and SourceChangedError."""
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
    """Ignore a result."""


def _never_trusted(_: int) -> bool:
    return False
