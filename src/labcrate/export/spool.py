"""The private temporary folder in which generated documents wait while an archive is written.

Documents are as large as the readings they hold, so they are kept on disk. Every folder holds a
locked file: one that nobody has locked was left by a crash, and the next run removes it.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from labcrate.archive.layout import BytesSource, FileSource
from labcrate.catalog.index import fixity_of
from labcrate.errors import TargetError
from labcrate.model.fixity import Fixity, Identity

SPOOL_FOLDER = "spool"
_SWEEPING = "spool.lock"
_PREFIX = "run-"
_LOCK = "lock"
_IN_MEMORY_BELOW = 1 << 20


class Spool:
    """One run's temporary folder; a context manager that removes it in the end."""

    def __init__(self, state_folder: Path) -> None:
        parent = state_folder / SPOOL_FOLDER
        with _explained():
            for own in (parent, state_folder / _SWEEPING):
                if own.is_symlink():  # what is behind it is not ours to sweep or to write
                    own.unlink()
            parent.mkdir(mode=0o700, exist_ok=True)
            # Between making a folder and locking it, it would look like a crashed run's.
            with (state_folder / _SWEEPING).open("ab") as sweeping:
                fcntl.flock(sweeping, fcntl.LOCK_EX)
                sweep(parent)
                self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
                self._lock = (self.folder / _LOCK).open("wb")
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, label: str, writer: Callable[[BinaryIO], object]) -> tuple[Fixity, FileSource | BytesSource]:
        """Have a document written and hashed on its way; small ones are then kept in memory.

        Raises TargetError when there is no room for it.
        """
        self._count += 1
        path = self.folder / f"{self._count:03}"
        with _explained(), path.open("xb", buffering=1 << 20) as file:
            writer(file)
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < _IN_MEMORY_BELOW:
                data = file.read()
                return Fixity.of_bytes(data), BytesSource(data)
            fixity = fixity_of(file)
            return fixity, FileSource.at(path, Identity.of(os.fstat(file.fileno())), label)


def sweep(parent: Path) -> None:
    """Remove what crashed runs left; nobody may be making a folder meanwhile."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        with suppress(BlockingIOError), ExitStack() as stack:
            with suppress(FileNotFoundError):  # the run crashed before it could lock its folder
                lock = stack.enter_context((folder / _LOCK).open("rb"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"The export's documents cannot be written where labcrate keeps its own files of the lab (.labcrate, or "
            f"your cache folder): {os.strerror(error.errno or errno.EIO)}. Make room there, and export again."
        ) from error
