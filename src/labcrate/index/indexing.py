"""Indexing: hash and probe files once, in parallel, and remember the outcome as it comes.

An interrupted run loses at most the files that were being read: what was finished is stored.
"""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from queue import Empty, SimpleQueue
from typing import BinaryIO

from isal import isal_zlib

from labcrate.errors import SourceChangedError
from labcrate.index.byte_checks import check_file_bytes, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.index.secret_search import QUICK_SEARCH_BYTES, SecretSearcher
from labcrate.lab.lab_files import FileReader, display_path
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe

_CHUNK_BYTES = 1 << 20
_STORE_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """A file whose fixity (``hash``), probe or secrets (``search``) are to be known.

    A file that is hashed is searched as well, in the same reading. ``search`` alone searches it if that takes no
    time, as with the metadata of an MP4. To ``check_bytes`` is to read it again and compare it with known checksums.
    """

    path: str
    identity: Identity
    hash: bool = True
    probe: bool = True
    search: bool = False
    check_bytes: bool = False

    def is_satisfied_by(self, known: IndexedFile, searcher: SecretSearcher | None) -> bool:
        """Whether what is known already suffices."""
        searches = searcher is not None and (self.search or self.hash)
        return (
            not self.check_bytes
            and (known.fixity is not None or not self.hash)
            and (known.probe is not None or not self.probe)
            and (searcher is None or not searches or known.search_with(searcher.fingerprint) is not None)
        )


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

    def raise_if_cancelled(self) -> None:
        """Called between the steps of any work that takes long; what it raises ends the work."""


class CancelOnlyProgress(Progress):
    """Tells somebody else's progress nothing, but ends with it."""

    def __init__(self, other: Progress) -> None:
        self._other = other

    def raise_if_cancelled(self) -> None:
        """Raise what the other one does."""
        self._other.raise_if_cancelled()


Prober = Callable[[BinaryIO, str], Probe]
"""Looks into an opened video; the path says by its suffix which kind it is."""


def index_files(
    files: FileReader,
    catalog: Catalog,
    requests: Iterable[IndexRequest],
    probe: Prober,
    progress: Progress | None = None,
    workers: int | None = None,
    searcher: SecretSearcher | None = None,
) -> tuple[dict[str, IndexedFile], dict[str, str]]:
    """Bring the index up to date for these files; without a ``searcher`` none is searched for secrets.

    Returns what is known of each file by path, and the reason for each that could not be read (gone,
    no permission, changed while it was read). Raises CatalogError.
    """
    requests = list(requests)
    known = catalog.lookup({request.path: request.identity for request in requests})
    todo = [
        (request, known[request.path])
        for request in requests
        if not request.is_satisfied_by(known[request.path], searcher)
    ]
    progress = progress or Progress()
    to_read = [request for request, file in todo if _needs_reading(request, file, searcher)]
    progress.begin(len(todo), sum(request.identity.size_bytes for request in to_read))
    failures: dict[str, str] = {}
    if not todo:
        return known, failures
    # The largest first: a long file begun last would leave all other workers idle.
    todo.sort(key=lambda pair: -pair[0].identity.size_bytes)
    stop = threading.Event()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1, "index") as pool:
        futures = {
            pool.submit(_index_one, files, request, file, probe, searcher, progress, stop): request.path
            for request, file in todo
        }
        try:
            _store_results(futures, catalog, known, failures)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return known, failures


def _store_results(
    futures: dict[Future[IndexedFile], str], catalog: Catalog, known: dict[str, IndexedFile], failures: dict[str, str]
) -> None:
    # Not concurrent.futures.wait: it goes through all that is pending for every one that is done.
    done: SimpleQueue[Future[IndexedFile]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    left = len(futures)
    fresh: list[IndexedFile] = []
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
                    failures[path] = _failure_reason(error)
            if fresh and time.monotonic() - stored > _STORE_EVERY_SECONDS:
                catalog.store(fresh)
                fresh, stored = [], time.monotonic()
    finally:
        if fresh:
            catalog.store(fresh)


def _needs_reading(request: IndexRequest, known: IndexedFile, searcher: SecretSearcher | None) -> bool:
    """Return whether a file has to be read through: for its checksums, to confirm them, or for its secrets."""
    searched = searcher is None or known.search_with(searcher.fingerprint) is not None
    return request.check_bytes or (request.hash and (known.fixity is None or not searched))


def _index_one(
    files: FileReader,
    request: IndexRequest,
    known: IndexedFile,
    probe: Prober,
    searcher: SecretSearcher | None,
    progress: Progress,
    stop: threading.Event,
) -> IndexedFile:
    progress.raise_if_cancelled()
    progress.start(request.path)
    try:
        return _index_open_file(files, request, known, probe, searcher, partial(_advance, progress, stop))
    finally:
        progress.finish(request.path)


def _index_open_file(
    files: FileReader,
    request: IndexRequest,
    known: IndexedFile,
    probe: Prober,
    searcher: SecretSearcher | None,
    on_bytes: Callable[[int], None],
) -> IndexedFile:
    fd = files.open(request.path)
    with os.fdopen(fd, "rb", buffering=0) as file:
        _check_unchanged(file, request)
        confirm = request.check_bytes and known.fixity is not None
        if searcher and (request.search or request.hash) and known.search_with(searcher.fingerprint) is None:
            known = _search_secrets(file, request, known, searcher, (lambda _: None) if confirm else on_bytes)
        if request.hash and known.fixity is None:
            known = replace(known, fixity=fixity_of(file, on_bytes), confirmed_ms=now_ms(), differs_ms=None)
        if request.probe and known.probe is None:
            file.seek(0)
            known = replace(known, probe=probe(file, request.path))
        if confirm:
            known = check_file_bytes(files, known, on_bytes)
        _check_unchanged(file, request)
    return known


def _search_secrets(
    file: FileIO, request: IndexRequest, known: IndexedFile, searcher: SecretSearcher, on_bytes: Callable[[int], None]
) -> IndexedFile:
    """Search a file for secrets; where that takes the whole of it, its fixity comes out of the same reading."""
    size_bytes = request.identity.size_bytes
    is_video = searcher.is_mp4(file)
    if is_video or (not request.hash and size_bytes <= QUICK_SEARCH_BYTES):
        if is_video and request.hash and known.fixity:
            on_bytes(size_bytes)  # it was expected to be read through
        return replace(known, search=searcher.search(file, size_bytes))
    if not request.hash:
        return known
    hasher = Hasher(on_bytes)
    search = searcher.search_chunks(file, hasher.chunks(file))
    if known.fixity and hasher.fixity != known.fixity:  # it was read through for its secrets alone
        return replace(known, search=search, differs_ms=now_ms())
    return replace(known, search=search, fixity=hasher.fixity, confirmed_ms=now_ms(), differs_ms=None)


def _check_unchanged(file: BinaryIO, request: IndexRequest) -> None:
    if Identity.of(os.fstat(file.fileno())) != request.identity:
        raise SourceChangedError(
            f"{display_path(request.path)} changed while it was read; it may still be "
            "written. Try again when it is finished."
        )


class Hasher:
    """Computes the fixity of bytes as they go by; ``on_bytes`` hears of each piece, and may stop it by raising."""

    def __init__(self, on_bytes: Callable[[int], None] = lambda _: None) -> None:
        self._on_bytes = on_bytes
        self._sha256, self._crc32, self._size = hashlib.sha256(), 0, 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._sha256.update(data)
        self._crc32 = isal_zlib.crc32(data, self._crc32)
        count = memoryview(data).nbytes
        self._size += count
        self._on_bytes(count)

    def chunks(self, file: FileIO) -> Iterator[bytes]:
        """Yield a file from its beginning. Raises OSError."""
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            self.update(chunk)
            yield chunk

    @property
    def fixity(self) -> Fixity:
        """The fixity of all that went by."""
        return Fixity(self._size, self._crc32, self._sha256.hexdigest())


def fixity_of(file: FileIO, on_bytes: Callable[[int], None] = lambda _: None) -> Fixity:
    """Read a file once, from its beginning, for both checksums; ``on_bytes`` hears of the bytes of each chunk."""
    hasher = Hasher(on_bytes)
    file.seek(0)
    # One byte more than a small file has: its end is seen without another chunk's worth of memory.
    buffer = memoryview(bytearray(min(_CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1)))
    while count := file.readinto(buffer):
        hasher.update(buffer[:count])
    return hasher.fixity


def _advance(progress: Progress, stop: threading.Event, count: int) -> None:
    if stop.is_set():
        raise InterruptedError(errno.EINTR, "indexing was stopped")
    progress.raise_if_cancelled()
    progress.advance(count)


def _failure_reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "is gone"
    if isinstance(error, PermissionError):
        return "cannot be read: no permission"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or 'input error'}"
    return "changed while it was read; it may still be written"
