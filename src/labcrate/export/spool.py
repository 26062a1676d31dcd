"""Where generated documents wait while an archive is handed out: small ones in memory, large ones in nameless files.

A file without a name is gone when the last descriptor of it is closed, whatever ends the process: a crash leaves
nothing behind, and nobody has to lock or to sweep anything while labcrate runs.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, cast

from labcrate.archive.layout import BytesSource, FileSource
from labcrate.errors import TargetError
from labcrate.index.indexing import fixity_of
from labcrate.lab.lab_files import FileReader
from labcrate.model.fixity import Fixity, Identity
from labcrate.plan.plan import CopiedFile

_PREFIX = "document-"
_IN_MEMORY_UP_TO = 1 << 20
_LEFTOVER_AGE_S = 3600
_OLD_FOLDER, _OLD_LOCK = "spool", "spool.lock"

WriteDocument = Callable[[IO[bytes]], object]
"""Writes a document into an open file; called once more, from its beginning, when the first disk has no room."""


class Spool:
    """Takes generated documents; each lives as long as somebody holds the source that it became."""

    def __init__(self, state_folder: Path, check_stop: Callable[[], None] = lambda: None) -> None:
        """Use the folder; ``check`` is called before each piece is written, and what it raises ends the writing."""
        _remove_leftovers(state_folder)
        self._folder = state_folder
        self._check_stop = check_stop

    def write(self, label: str, writer: WriteDocument) -> tuple[Fixity, FileSource | BytesSource]:
        """Have a document written and hashed.

        Raises TargetError when neither labcrate's own folder nor the system's temporary one takes it.
        """
        with suppress(
            OSError
        ):  # the lab's disk may be full or failing, and its data are wanted on another all the more
            return _write_and_hash(str(self._folder), label, writer, self._check_stop)
        try:
            return _write_and_hash(tempfile.gettempdir(), label, writer, self._check_stop)
        except OSError as error:
            raise TargetError(
                "The export's documents cannot be written, neither where labcrate keeps its own files of the lab nor "
                f"in the system's temporary folder: {os.strerror(error.errno or errno.EIO)}. Make room in one of "
                "them, or name a folder with room in the environment variable TMPDIR, and export again."
            ) from error


def _write_and_hash(
    folder: str, label: str, writer: WriteDocument, check_stop: Callable[[], None]
) -> tuple[Fixity, FileSource | BytesSource]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_UP_TO, buffering=1 << 20, prefix=_PREFIX, dir=folder) as file:
        writer(cast("IO[bytes]", _InterruptibleFile(file, check_stop)))
        if file.tell() <= _IN_MEMORY_UP_TO:
            file.seek(0)
            data = file.read()
            return Fixity.of_bytes(data), BytesSource(data)
        file.flush()
        unnamed = _UnnamedFile(os.dup(file.fileno()))
    with open(unnamed.open(), "rb", buffering=0) as whole:  # noqa: PTH123 - a descriptor, not a path
        whole.seek(0)
        return fixity_of(whole), FileSource(unnamed.open, unnamed.identity, label)


class _InterruptibleFile:
    """A file that a document is written into; ``check`` is called before each piece."""

    def __init__(self, file: IO[bytes], check_stop: Callable[[], None]) -> None:
        self._file, self._check_stop = file, check_stop

    def write(self, piece: bytes) -> int:
        """Write a piece."""
        self._check_stop()
        return self._file.write(piece)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


class _UnnamedFile:
    """A file that no folder lists; it is gone when this and everything that was opened from it are."""

    def __init__(self, fd: int) -> None:
        self.identity = Identity.of(os.fstat(fd))
        self._fd = fd
        weakref.finalize(self, os.close, fd).atexit = False

    def open(self) -> int:
        """Another descriptor of it; readers say where they read each time, for all share one position."""
        return os.dup(self._fd)


def _remove_leftovers(state_folder: Path) -> None:
    """Remove what a crash may have left where files cannot be made without a name, and what earlier versions left."""
    with suppress(OSError):
        for path in state_folder.glob(f"{_PREFIX}*"):
            if path.lstat().st_mtime < time.time() - _LEFTOVER_AGE_S:  # it has a name for a moment only
                path.unlink()
    old = state_folder / _OLD_FOLDER
    if old.is_dir() and not old.is_symlink():
        for run in old.glob("run-*"):
            _remove_old_run(run)
        with suppress(OSError):  # somebody's own file is in it, or a run that goes on
            old.rmdir()
            (state_folder / _OLD_LOCK).unlink()


def _remove_old_run(run: Path) -> None:
    """Remove an earlier version's folder, unless that runs: then it holds the folder's lock."""
    if run.is_symlink() or not run.is_dir():
        return
    with suppress(BlockingIOError), ExitStack() as stack:
        with suppress(FileNotFoundError):
            lock = stack.enter_context((run / "lock").open("rb"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(run, ignore_errors=True)


def file_source(files: FileReader, file: CopiedFile) -> FileSource:
    """Return a planned file as it lies in the lab, opened by the lab's own rules for links."""
    return FileSource(partial(files.open, file.path), file.identity, file.source)
