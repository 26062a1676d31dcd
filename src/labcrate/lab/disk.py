"""Write folders to the disk, and detect file systems that keep checksums of their data (Btrfs, ZFS)."""

import fcntl
import os
import struct
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk: syncing a file does not write its name. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


_CHECKSUMMING = ("btrfs", "zfs")
_OPTIONS_WITHOUT_CHECKSUMS = {"nodatasum", "nodatacow", "checksum=off"}
# ioctl_iflags(2): a file that Btrfs writes in place has no checksums.
_GET_FLAGS, _NO_COPY_ON_WRITE = 0x80086601, 0x00800000


def has_data_checksums(fd: int) -> bool:
    """Return whether the file system of an open file keeps checksums of its data; False if that is unknown."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:  # noqa: PTH123 - a Path would only cost time
            mount = next((line.split()[1] for line in info if line.startswith("mnt_id:")), None)
        # st_dev would not do: each subvolume of Btrfs has a different one.
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:  # noqa: PTH123
            found = next((line for line in mounts if line.split(" ", 1)[0] == mount), "")
    except OSError:
        return False
    return is_checksumming_mount(found) and not _has_no_copy_on_write(fd)


def is_checksumming_mount(line: str) -> bool:
    """Return whether a line of ``/proc/self/mountinfo`` (proc(5)) is a file system that keeps checksums of data."""
    own, separator, rest = line.rstrip("\n").partition(" - ")
    kind, _, options = rest.partition(" ")
    words = {*own.split(" ")[-1:], *options.replace(",", " ").split(" ")}
    return bool(separator) and kind in _CHECKSUMMING and not words & _OPTIONS_WITHOUT_CHECKSUMS


def _has_no_copy_on_write(fd: int) -> bool:
    buffer = bytearray(struct.calcsize("l"))
    try:
        fcntl.ioctl(fd, _GET_FLAGS, buffer)
    except OSError:
        return False  # ZFS has no such files
    return bool(struct.unpack("l", buffer)[0] & _NO_COPY_ON_WRITE)
