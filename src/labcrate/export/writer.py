"""Write an archive to a file: complete, synced and under its final name, or not at all."""

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
from labcrate.messages.message import Message

PART_SUFFIX = ".part"


def archive_name(session_id: str, *, partial: bool = False) -> str:
    """Return the file name of a session's ZIP: ``Session42.zip``, or ``Session42_PARTIAL.zip`` for a part of it."""
    return f"Session{session_id}{'_PARTIAL' if partial else ''}.zip"


def archive_path(to: str | os.PathLike[str], session_id: str, *, partial: bool = False) -> Path:
    """Return the path of a session's ZIP: the file ``to``, or labcrate's own name in the folder ``to``."""
    text = os.fspath(to)
    path = expand_home(text)
    named = path / archive_name(session_id, partial=partial)
    return named if os.path.isdir(path) or text.endswith(os.sep) else path  # noqa: PTH112 - is_dir raises


def signature_path(target: Path) -> Path:
    """Return the path of an archive's signature: beside it, with ``.minisig`` after its name."""
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
    """Write the archive as ``NAME.part``, and rename it when it is complete and on disk.

    A ``signature`` is renamed right after it, so it is never beside another archive.

    Without ``sync`` the archive is renamed when it is complete; the system writes it to disk within a minute, and
    until then a power cut can lose it. A ``.part`` file that a crash left is replaced; after an error, none is left.
    ``checker`` confirms bytes at the same time. Raises TargetError (exists and no ``force``, folder missing, no
    permission, disk full, being written by another export), SourceChangedError and ChecksumError.
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
    """Write a signature as ``NAME.zip.minisig.part`` before the archive; it is removed or renamed after the block."""
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
    """Rename the archive, then its signature: both, or none."""
    if signature_part is None:
        part.rename(target)
        return
    signature = signature_path(target)
    signature.unlink(missing_ok=True)  # of an earlier archive: it must not be beside this one
    try:
        part.rename(target)
        signature_part.rename(signature)
    except BaseException:
        if not os.path.lexists(part):
            target.unlink(missing_ok=True)
            signature.unlink(missing_ok=True)
        raise


class _CopyProgress:
    """Called while the archive is copied: stops the copying if a checksum does not match, and reports the progress.

    With a descriptor, the disk writes the copied bytes while the rest is being copied, so that the sync at the end is
    shorter.
    """

    def __init__(self, fd: int | None, checker: Checker, progress: Callable[[int], None] | None) -> None:
        self._fd, self._checker, self._progress, self._done = fd, checker, progress, 0

    def __call__(self, size_bytes: int) -> None:
        self._checker.check()
        # posix_fadvise(2): starts to write the pages to disk, and keeps them in memory.
        if self._fd is not None and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, self._done, size_bytes, os.POSIX_FADV_DONTNEED)
        self._done += size_bytes
        if self._progress:
            self._progress(size_bytes)


def check_targets(target: Path, *, force: bool, signed: bool = False) -> None:
    """Raise TargetError if an archive, or (``signed``) the signature beside it, cannot be written there."""
    check_target(target, force=force)
    if signed:
        check_target(signature_path(target), force=force)


def check_target(target: Path, *, force: bool) -> None:
    """Raise TargetError if a file cannot be written there; this is fast, and called before anything is hashed."""
    with _translate_os_errors(target):
        if target.is_dir():
            raise TargetError(Message("target.is_folder", target=str(target)))
        if os.path.lexists(target):
            if not target.is_symlink() and not target.is_file():
                raise TargetError(Message("target.is_device", target=str(target)))
            if not force:
                raise TargetError(Message("target.exists", target=str(target)))
        if not target.parent.is_dir():
            raise TargetError(Message("target.no_folder", folder=str(target.parent)))
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise TargetError(Message("target.folder_not_writable", folder=str(target.parent)))


@contextmanager
def _lock_part(part: Path) -> Iterator[int]:
    """Open and lock a ``.part`` file, and remove it if the block raises, unless it has its final name by then."""
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
    """Return a ``.part`` file, open, locked and still under its name. Raises TargetError if another export has it."""
    while True:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, another export may have renamed its .part file: then this is the finished
            # archive, which must not be changed.
            if _is_open_file(part, fd):
                return fd
        except BlockingIOError:
            os.close(fd)
            raise TargetError(Message("target.busy", target=part.name.removesuffix(PART_SUFFIX))) from None
        except BaseException:
            if not os.fstat(fd).st_size:  # created here, on a file system without locks
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
        raise TargetError(Message("target.cannot_write", target=target.name, reason=_error_reason(error))) from error


def _error_reason(error: OSError) -> Message:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Message("target.disk_full")
    if error.errno == errno.EFBIG:
        return Message("target.file_too_large")
    if error.errno == errno.ELOOP:
        return Message("target.part_is_link", suffix=PART_SUFFIX)
    return Message("target.system_error", reason=os.strerror(error.errno or 0))
