"""What the file system keeps: names that survive a power cut, and checksums of its data (Btrfs, ZFS)."""

import fcntl
import os
import struct
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: syncing a file does not bring its own name there. Raises OSError."""
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
    """Return whether the file system of an open file checks this file's data; what cannot be told is False."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:  # noqa: PTH123 - no Path is needed for it
            mount = next((line.split()[1] for line in info if line.startswith("mnt_id:")), None)
        # Not by st_dev: each subvolume of Btrfs has another one.
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:  # noqa: PTH123
            found = next((line for line in mounts if line.split(" ", 1)[0] == mount), "")
    except OSError:
        return False
    return is_checksumming_mount(found) and not _has_no_copy_on_write(fd)


def is_checksumming_mount(line: str) -> bool:
    """Return whether a line of ``/proc/self/mountinfo`` (proc(5)) is of a file system that checks its data."""
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
