"""Indexing: hash and probe files once, in parallel, and remember the outcome as it comes.

An interrupted run loses at most the files that were being read: what was finished is stored.
"""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import BinaryIO

from isal import isal_zlib

from labcrate.catalog.catalog import Catalog, Indexed
from labcrate.errors import SourceChangedError
from labcrate.lab.lab_files import Files, source_of
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe

_CHUNK_BYTES = 1 << 20
_STORE_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A file whose fixity (``hash``) or probe is wanted."""

    path: str
    identity: Identity
    hash: bool = True
    probe: bool = True

    def met_by(self, known: Indexed) -> bool:
        """Whether what is known already suffices."""
        return (known.fixity is not None or not self.hash) and (known.probe is not None or not self.probe)


class Progress:
    """Told how indexing goes; safe to call from several threads. This one says nothing."""

    def begin(self, files: int, size_bytes: int) -> None:
        """How much there is to read."""

    def start(self, path: str) -> None:
        """A file is being read from now on."""

    def advance(self, size_bytes: int) -> None:
        """This many bytes more were read."""

    def finish(self, path: str) -> None:
        """One file more is done, or cannot be read."""

    def check(self) -> None:
        """Called between the steps of any work that takes long; what it raises ends the work."""


class Ending(Progress):
    """Tells somebody else's progress nothing, but ends with it."""

    def __init__(self, other: Progress) -> None:
        self._other = other

    def check(self) -> None:
        """Raise what the other one does."""
        self._other.check()


Prober = Callable[[BinaryIO, str], Probe]
"""Looks into an opened video; the path says by its suffix which kind it is."""


def index_files(
    files: Files,
    catalog: Catalog,
    wishes: Iterable[Wish],
    probe: Prober,
    progress: Progress | None = None,
    workers: int | None = None,
) -> tuple[dict[str, Indexed], dict[str, str]]:
    """Bring the index up to date for these files.

    Returns what is known of each file by path, and the reason for each that could not be read (gone,
    no permission, changed while it was read). Raises CatalogError.
    """
    wishes = list(wishes)
    known = catalog.lookup({wish.path: wish.identity for wish in wishes})
    todo = [(wish, known[wish.path]) for wish in wishes if not wish.met_by(known[wish.path])]
    progress = progress or Progress()
    progress.begin(len(todo), sum(w.identity.size_bytes for w, i in todo if w.hash and i.fixity is None))
    failures: dict[str, str] = {}
    if not todo:
        return known, failures
    # The largest first: a long file begun last would leave all other workers idle.
    todo.sort(key=lambda pair: -pair[0].identity.size_bytes)
    stop = threading.Event()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1, "index") as pool:
        futures = {pool.submit(_index_one, files, w, i, probe, progress, stop): w.path for w, i in todo}
        try:
            _collect(futures, catalog, known, failures)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return known, failures


def _collect(
    futures: dict[Future[Indexed], str], catalog: Catalog, known: dict[str, Indexed], failures: dict[str, str]
) -> None:
    # Not concurrent.futures.wait: it goes through all that is pending for every one that is done.
    done: SimpleQueue[Future[Indexed]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    left = len(futures)
    fresh: list[Indexed] = []
    stored = time.monotonic()
    try:
        while left:
            with suppress(Empty):
                future = done.get(timeout=_STORE_EVERY_SECONDS)
                left -= 1
                path = futures[future]
                try:
                    known[path] = future.result()
                    fresh.append(known[path])
                except (OSError, SourceChangedError) as error:
                    known.pop(path, None)
                    failures[path] = _why(error)
            if fresh and time.monotonic() - stored > _STORE_EVERY_SECONDS:
                catalog.store(fresh)
                fresh, stored = [], time.monotonic()
    finally:
        if fresh:
            catalog.store(fresh)


def _index_one(
    files: Files, wish: Wish, known: Indexed, probe: Prober, progress: Progress, stop: threading.Event
) -> Indexed:
    progress.check()
    progress.start(wish.path)
    try:
        return _looked_into(files, wish, known, probe, partial(_told, progress, stop))
    finally:
        progress.finish(wish.path)


def _looked_into(files: Files, wish: Wish, known: Indexed, probe: Prober, told: Callable[[int], None]) -> Indexed:
    fd = files.open(wish.path)
    with os.fdopen(fd, "rb", buffering=0) as file:
        _same_or_raise(file, wish)
        if wish.hash and known.fixity is None:
            known = replace(known, fixity=fixity_of(file, told))
        if wish.probe and known.probe is None:
            file.seek(0)
            known = replace(known, probe=probe(file, wish.path))
        _same_or_raise(file, wish)
    return known


def _same_or_raise(file: BinaryIO, wish: Wish) -> None:
    if Identity.of(os.fstat(file.fileno())) != wish.identity:
        raise SourceChangedError(
            f"{source_of(wish.path)} changed while it was read; it may still be written. Try again when it is finished."
        )


def fixity_of(file: BinaryIO, told: Callable[[int], None] = lambda _: None) -> Fixity:
    """Read a file once for both checksums; ``told`` hears of the bytes of each chunk, and may stop it by raising."""
    sha256, crc32, size = hashlib.sha256(), 0, 0
    # One byte more than a small file has: its end is seen without another chunk's worth of memory.
    buffer = memoryview(bytearray(min(_CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1)))
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        chunk = buffer[:count]
        sha256.update(chunk)
        crc32 = isal_zlib.crc32(chunk, crc32)
        size += count
        told(count)
    return Fixity(size, crc32, sha256.hexdigest())


def _told(progress: Progress, stop: threading.Event, count: int) -> None:
    if stop.is_set():
        raise InterruptedError(errno.EINTR, "indexing was stopped")
    progress.check()
    progress.advance(count)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "is gone"
    if isinstance(error, PermissionError):
        return "cannot be read: no permission"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or 'input error'}"
    return "changed while it was read; it may still be written"
