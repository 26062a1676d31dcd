"""Brings an archive's bytes into a file: whole, synced and under its final name, or not at all."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labcrate.archive.copying import write_entity
from labcrate.archive.entity import Entity
from labcrate.errors import TargetError

PART_SUFFIX = ".part"


def write_archive(
    entity: Entity, target: Path, *, force: bool = False, progress: Callable[[int], None] | None = None
) -> None:
    """Write the archive beside its goal as ``NAME.part`` and rename it when it is whole and on disk.

    A part that a crash left is replaced; whatever goes wrong, no part stays behind. Raises
    TargetError (exists and no ``force``, folder missing, no permission, disk full, being written by
    another export) and SourceChangedError.
    """
    check_target(target, force=force)
    part = target.with_name(target.name + PART_SUFFIX)
    with _explained(target), _locked(part) as fd:
        try:
            os.ftruncate(fd, 0)
            write_entity(entity, fd, progress)
            os.fsync(fd)
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def check_target(target: Path, *, force: bool) -> None:
    """Raise TargetError when a file cannot be written there; cheap, so that it is known before hashing."""
    if target.is_dir():
        raise TargetError(f"{target} is a folder; name the file, or end the name with / to have it named for you.")
    if target.exists() and not force:
        raise TargetError(f"{target} exists already; choose another name, or replace it with --force.")
    if not target.parent.is_dir():
        raise TargetError(f"There is no folder {target.parent}; make it first.")
    if not os.access(target.parent, os.W_OK):
        raise TargetError(f"The folder {target.parent} cannot be written to; choose another with -o.")


@contextmanager
def _locked(part: Path) -> Iterator[int]:
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetError(
                f"Another export is writing {part.name.removesuffix(PART_SUFFIX)} at this moment; "
                "wait for it, or choose another name with -o."
            ) from None
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{target.name} cannot be written: {_why(error)}") from error


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk or quota is full; make room, or choose another place with -o."
    if error.errno == errno.EFBIG:
        return "its file system cannot hold a file that large (FAT32 ends at 4 GB); choose another place with -o."
    if error.errno == errno.ELOOP:
        return f"a symbolic link stands where {PART_SUFFIX} would; remove it."
    return f"{os.strerror(error.errno or 0)}; choose another place with -o."


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
