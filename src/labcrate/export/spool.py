"""Temporary storage of generated documents: small ones in memory, large ones in files without a name.

A file without a name is removed when its last descriptor is closed, also by a crash. So nothing has to be locked, or
removed later.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, cast

from labcrate.archive.layout import BytesSource, FileSource
from labcrate.errors import TargetError
from labcrate.index.indexing import fixity_of
from labcrate.lab.lab_files import FileReader
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity
from labcrate.plan.plan import CopiedFile

_HASHING_THREADS = 2
_PREFIX = "document-"
_IN_MEMORY_UP_TO = 1 << 20
_LEFTOVER_AGE_S = 3600
_OLD_FOLDER, _OLD_LOCK = "spool", "spool.lock"

WriteDocument = Callable[[IO[bytes]], object]
"""Write a document into an open file; called a second time, with a new file, if the first disk has no room."""

WriteDocuments = Callable[[Sequence[IO[bytes]]], object]
"""Write several documents, each into its own file; called a second time as well."""

Stored = tuple[Fixity, FileSource | BytesSource]


class Spool:
    """Storage of generated documents; each exists as long as there is a reference to its source."""

    def __init__(self, state_folder: Path, check_stop: Callable[[], None] = lambda: None) -> None:
        """Use the folder. ``check_stop`` is called before each piece; an exception from it stops the writing."""
        _remove_leftovers(state_folder)
        self.folder = state_folder
        self._check_stop = check_stop

    def write(self, label: str, writer: WriteDocument) -> Stored:
        """Write a document and return its fixity and its source.

        Raises TargetError if it can be written neither to labcrate's own folder nor to the system's temporary one.
        """
        return self.write_several([label], lambda files: writer(files[0]))[0]

    def write_several(self, labels: Sequence[str], writer: WriteDocuments) -> list[Stored]:
        """Write documents that are made together, and return the fixity and source of each; see `write`."""
        with suppress(OSError):  # the lab's disk may be full or failing; then the export is needed even more
            return _write_and_hash(str(self.folder), labels, writer, self._check_stop)
        try:
            return _write_and_hash(tempfile.gettempdir(), labels, writer, self._check_stop)
        except OSError as error:
            reason = os.strerror(error.errno or errno.EIO)
            raise TargetError(Message("spool.cannot_write", reason=reason)) from error


def _write_and_hash(
    folder: str, labels: Sequence[str], writer: WriteDocuments, check_stop: Callable[[], None]
) -> list[Stored]:
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                tempfile.SpooledTemporaryFile(_IN_MEMORY_UP_TO, buffering=1 << 20, prefix=_PREFIX, dir=folder)
            )
            for _ in labels
        ]
        writer([cast("IO[bytes]", _InterruptibleFile(file, check_stop)) for file in files])
        if len(files) == 1:
            return [_finish(files[0], labels[0])]
        # Imported here: few exports write several documents together.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        with ThreadPoolExecutor(_HASHING_THREADS) as threads:
            return list(threads.map(_finish, files, labels))


def _finish(file: tempfile.SpooledTemporaryFile[bytes], label: str) -> Stored:
    """Return the fixity and the source of a file that is written, wherever in it the last piece was."""
    if file.seek(0, os.SEEK_END) <= _IN_MEMORY_UP_TO:
        file.seek(0)
        data = file.read()
        return Fixity.of_bytes(data), BytesSource(data)
    file.flush()
    unnamed = _UnnamedFile(os.dup(file.fileno()))
    with open(unnamed.open(), "rb", buffering=0) as whole:  # noqa: PTH123 - a descriptor, not a path
        whole.seek(0)
        return fixity_of(whole), FileSource(unnamed.open, unnamed.identity, label)


class _InterruptibleFile:
    """A file for a document; ``check_stop`` is called before each piece is written."""

    def __init__(self, file: IO[bytes], check_stop: Callable[[], None]) -> None:
        self._file, self._check_stop = file, check_stop

    def write(self, piece: bytes) -> int:
        """Write a piece."""
        self._check_stop()
        return self._file.write(piece)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


class _UnnamedFile:
    """A file without a name; it is removed when this and all descriptors of it are closed."""

    def __init__(self, fd: int) -> None:
        self.identity = Identity.of(os.fstat(fd))
        self._fd = fd
        weakref.finalize(self, os.close, fd).atexit = False

    def open(self) -> int:
        """Return another descriptor of it. All share one position, so readers must pass an offset."""
        return os.dup(self._fd)


def _remove_leftovers(state_folder: Path) -> None:
    """Remove files that a crash left on a file system without unnamed files, and those of earlier versions."""
    with suppress(OSError):
        for path in state_folder.glob(f"{_PREFIX}*"):
            if path.lstat().st_mtime < time.time() - _LEFTOVER_AGE_S:  # it has a name for a moment only
                path.unlink()
    old = state_folder / _OLD_FOLDER
    if old.is_dir() and not old.is_symlink():
        for run in old.glob("run-*"):
            _remove_old_run(run)
        with suppress(OSError):  # it contains a file of a user, or a run that is not finished
            old.rmdir()
            (state_folder / _OLD_LOCK).unlink()


def _remove_old_run(run: Path) -> None:
    """Remove the folder of an earlier version, unless that is running: then the folder is locked."""
    if run.is_symlink() or not run.is_dir():
        return
    with suppress(BlockingIOError), ExitStack() as stack:
        with suppress(FileNotFoundError):
            lock = stack.enter_context((run / "lock").open("rb"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(run, ignore_errors=True)


def file_source(files: FileReader, file: CopiedFile) -> FileSource:
    """Return the source for a planned file of the lab, opened with the lab's own rules for symbolic links."""
    return FileSource(partial(files.open, file.path), file.identity, file.source)
