"""Brings an archive's bytes into a file: whole, synced and under its final name, or not at all."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labcrate.archive.checking import Checker
from labcrate.archive.copying import write_entity
from labcrate.archive.entity import Entity
from labcrate.archive.keys import SIGNATURE_SUFFIX
from labcrate.errors import TargetError
from labcrate.lab.disk import sync_folder
from labcrate.lab.text import expand_home

PART_SUFFIX = ".part"


def archive_name(session_id: str, *, partial: bool = False) -> str:
    """What a session's ZIP is called: ``Session42.zip``, or ``Session42_PARTIAL.zip`` for a part of it."""
    return f"Session{session_id}{'_PARTIAL' if partial else ''}.zip"


def archive_path(to: str | os.PathLike[str], session_id: str, *, partial: bool = False) -> Path:
    """Where a session's ZIP goes: the file that was named, or a name of ours in the folder that was."""
    text = os.fspath(to)
    path = expand_home(text)
    named = path / archive_name(session_id, partial=partial)
    return named if os.path.isdir(path) or text.endswith(os.sep) else path  # noqa: PTH112 - is_dir raises


def signature_path(target: Path) -> Path:
    """Where the signature of an archive goes: beside it, under its name and ``.minisig``."""
    return target.with_name(target.name + SIGNATURE_SUFFIX)


def write_archive(
    entity: Entity,
    target: Path,
    *,
    force: bool = False,
    sync: bool = True,
    progress: Callable[[int], None] | None = None,
    signature: bytes | None = None,
    checker: Checker | None = None,
) -> None:
    """Write the archive beside its goal as ``NAME.part`` and rename it when it is whole and on disk.

    A ``signature`` gets its name right after it: it never stands beside an archive that is not its own.

    Without ``sync`` it is renamed when it is whole; the system brings it to disk within the minute, and
    until then a power cut can lose it. A part that a crash left is replaced; whatever goes wrong, no
    part stays behind. ``checker`` confirms bytes meanwhile. Raises TargetError (exists and no ``force``, folder
    missing, no permission, disk full, being written by another export), SourceChangedError and ChecksumError.
    """
    check_targets(target, force=force, signed=signature is not None)
    part = target.with_name(target.name + PART_SUFFIX)
    with _translate_os_errors(target), _lock_part(part) as fd, checker or Checker() as checking:
        with _signature_part(target, signature, sync=sync) as signature_part:
            check_targets(
                target, force=force, signed=signature_part is not None
            )  # another export may have been finished
            if os.fstat(fd).st_size:  # only then: ext4 waits for the disk on closing what was truncated
                os.ftruncate(fd, 0)
            write_entity(entity, fd, _CopyProgress(fd if sync else None, checking, progress))
            checking.wait()
            if sync:
                os.fsync(fd)
            check_targets(target, force=force, signed=signature_part is not None)
            _rename_parts(part, target, signature_part)
        if sync:
            sync_folder(target.parent)


@contextmanager
def _signature_part(target: Path, signature: bytes | None, *, sync: bool) -> Iterator[Path | None]:
    """Write a signature as ``NAME.zip.minisig.part``, before anything is packed; it is gone after the block."""
    if signature is None:
        yield None
        return
    part = signature_path(target).with_name(signature_path(target).name + PART_SUFFIX)
    with _lock_part(part) as fd:
        os.ftruncate(fd, 0)
        os.pwrite(fd, signature, 0)
        if sync:
            os.fsync(fd)
        yield part


def _rename_parts(part: Path, target: Path, signature_part: Path | None) -> None:
    """Give the archive its name, then its signature; both or none."""
    if signature_part is None:
        part.rename(target)
        return
    signature = signature_path(target)
    signature.unlink(missing_ok=True)  # of an earlier archive: it must not stand beside this one
    try:
        part.rename(target)
        signature_part.rename(signature)
    except BaseException:
        if not os.path.lexists(part):
            target.unlink(missing_ok=True)
            signature.unlink(missing_ok=True)
        raise


class _CopyProgress:
    """Hears of what was copied: ends the copying where other bytes were found, and tells the progress.

    With a descriptor it has the disk write what was copied while the rest is being copied: the sync in the end waits
    less.
    """

    def __init__(self, fd: int | None, checker: Checker, progress: Callable[[int], None] | None) -> None:
        self._fd, self._checker, self._progress, self._done = fd, checker, progress, 0

    def __call__(self, size_bytes: int) -> None:
        self._checker.check()
        # posix_fadvise(2): pages that are still to be written are put on their way, and stay in memory.
        if self._fd is not None and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, self._done, size_bytes, os.POSIX_FADV_DONTNEED)
        self._done += size_bytes
        if self._progress:
            self._progress(size_bytes)


def check_targets(target: Path, *, force: bool, signed: bool = False) -> None:
    """Raise TargetError when an archive, or (``signed``) its signature beside it, cannot be written there."""
    check_target(target, force=force)
    if signed:
        check_target(signature_path(target), force=force)


def check_target(target: Path, *, force: bool) -> None:
    """Raise TargetError when a file cannot be written there; cheap, so that it is known before hashing."""
    with _translate_os_errors(target):
        if target.is_dir():
            raise TargetError(f"{target} is a folder; name the file, or end the name with / to have it named for you.")
        if os.path.lexists(target):
            if not target.is_symlink() and not target.is_file():
                raise TargetError(f"{target} is a device or pipe; choose the name of a file with -o.")
            if not force:
                raise TargetError(f"{target} exists already; choose another name, or replace it with --force.")
        if not target.parent.is_dir():
            raise TargetError(f"There is no folder {target.parent}; make it first.")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise TargetError(f"The folder {target.parent} cannot be written to; choose another with -o.")


@contextmanager
def _lock_part(part: Path) -> Iterator[int]:
    """Open and lock a part; it is gone after a block that raised, unless it has its final name by then."""
    fd = _open_part(part)
    try:
        yield fd
    except BaseException:
        if _is_open_file(part, fd):
            part.unlink()
        raise
    finally:
        os.close(fd)


def _open_part(part: Path) -> int:
    """The part, open, locked and still under its name. Raises TargetError while another export has it."""
    while True:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, another export may have renamed the part to its goal: it is
            # that finished archive then, and not to be touched.
            if _is_open_file(part, fd):
                return fd
        except BlockingIOError:
            os.close(fd)
            raise TargetError(
                f"Another export is writing {part.name.removesuffix(PART_SUFFIX)} at this moment; "
                "wait for it, or choose another name with -o."
            ) from None
        except BaseException:
            if not os.fstat(fd).st_size:  # made here, where the disk knows no locks
                part.unlink(missing_ok=True)
            os.close(fd)
            raise
        os.close(fd)


def _is_open_file(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except FileNotFoundError:
        return False


@contextmanager
def _translate_os_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{target.name} cannot be written: {_error_reason(error)}") from error


def _error_reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk or quota is full; make room, or choose another place with -o."
    if error.errno == errno.EFBIG:
        return "its file system cannot hold a file that large (FAT32 ends at 4 GB); choose another place with -o."
    if error.errno == errno.ELOOP:
        return f"a symbolic link stands where {PART_SUFFIX} would; remove it."
    return f"{os.strerror(error.errno or 0)}; choose another place with -o."
