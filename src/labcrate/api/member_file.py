"""One member of an archive as a file. Members are stored uncompressed, so they are read directly from the ZIP."""

import io
import os
import struct

from labcrate.archive import records
from labcrate.archive.directory import ListedMember, read_exactly
from labcrate.errors import VerificationError
from labcrate.messages.message import Message


class MemberFile(io.RawIOBase):
    """The bytes of one member as a seekable file. It closes the descriptor, so each needs its own.

    The CRC-32 is not checked, because a file can be read in any order.
    """

    def __init__(self, fd: int, start: int, size_bytes: int, label: str) -> None:
        self._fd = fd
        self._start, self._size, self._at = start, size_bytes, 0
        self.name = label

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes from the member's start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, and return it."""
        self._checkClosed()
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}
        if whence not in bases or bases[whence] + offset < 0:
            raise ValueError(f"cannot seek to {offset} from {whence} in {self.name}")
        self._at = bases[whence] + offset
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Read the next bytes. Raises VerificationError if the archive ends before the member."""
        self._checkClosed()
        length = min(len(buffer), max(0, self._size - self._at))
        if not length:
            return 0
        count = os.preadv(self._fd, [memoryview(buffer)[:length]], self._start + self._at)
        if not count:
            raise VerificationError(Message("open.archive_ends", file=self.name))
        self._at += count
        return count

    def close(self) -> None:
        """Close the descriptor."""
        if not self.closed:
            os.close(self._fd)
        super().close()


def data_start(fd: int, member: ListedMember) -> int | None:
    """Return the offset of a member's data (APPNOTE 4.3.7); None if its local header is not there."""
    head = read_exactly(fd, member.header_offset, records.LOCAL_HEADER.size)
    if head is None or head[:4] != struct.pack("<I", records.LOCAL_SIGNATURE):
        return None
    name_bytes, extra_bytes = struct.unpack_from("<HH", head, 26)
    if read_exactly(fd, member.header_offset + len(head), name_bytes) != member.raw_name:
        return None
    return member.header_offset + len(head) + int(name_bytes) + int(extra_bytes)
