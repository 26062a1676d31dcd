"""Hash and probe files once, in parallel, and store each result as it comes.

An interrupted run loses at most the files that were being read.
"""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from io import FileIO
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO

from isal import isal_zlib
from msgspec import Struct
from msgspec.structs import replace

from labcrate.errors import SourceChangedError
from labcrate.index.byte_checks import check_file_bytes, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.index.secret_search import QUICK_SEARCH_BYTES, SecretSearcher
from labcrate.lab.lab_files import FileReader, display_path
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress

if TYPE_CHECKING:
    from concurrent.futures import Future

_CHUNK_BYTES = 1 << 20
_STORE_PERIOD_S = 1.0


class IndexRequest(Struct, frozen=True):
    """A file, and whether to compute its fixity (``hash``) and its probe, and to ``search`` it for secrets.

    A file that is hashed is searched while it is read. ``search`` without ``hash`` searches it only if that is quick,
    as with the metadata of an MP4. ``check_bytes`` reads it again and compares it with its checksums.
    """

    path: str
    identity: Identity
    hash: bool = True
    probe: bool = True
    search: bool = False
    check_bytes: bool = False

    def is_satisfied_by(self, known: IndexedFile, searcher: SecretSearcher | None) -> bool:
        """Return whether the record already has all that is requested."""
        searches = searcher is not None and (self.search or self.hash)
        return (
            not self.check_bytes
            and (known.fixity is not None or not self.hash)
            and (known.probe is not None or not self.probe)
            and (searcher is None or not searches or known.search_with(searcher.fingerprint) is not None)
        )


class Progress:
    """Reports the progress of indexing. Several threads may call it. This base class reports nothing.

    ``readings`` reports the progress of reading sensor messages.
    """

    readings: ReadingProgress = NO_READING_PROGRESS

    def begin(self, files: int, size_bytes: int) -> None:
        """Report how much there is to read."""

    def start(self, path: str) -> None:
        """Report that reading of a file begins."""

    def advance(self, size_bytes: int) -> None:
        """Report that so many more bytes were read."""

    def finish(self, path: str) -> None:
        """Report that a file is done, or cannot be read."""

    def raise_if_cancelled(self) -> None:
        """Raise an exception if the work should end. It is called between the steps of long work."""


class CancelOnlyProgress(Progress):
    """Reports nothing to another progress, but is cancelled with it."""

    def __init__(self, other: Progress) -> None:
        self._other = other

    def raise_if_cancelled(self) -> None:
        """Raise what the other progress raises."""
        self._other.raise_if_cancelled()


Prober = Callable[[BinaryIO, str], Probe]
"""A function that probes an open video. The suffix of the path shows the container."""


def index_files(
    files: FileReader,
    catalog: Catalog,
    requests: Iterable[IndexRequest],
    probe: Prober,
    progress: Progress | None = None,
    workers: int | None = None,
    searcher: SecretSearcher | None = None,
) -> tuple[dict[str, IndexedFile], dict[str, Message]]:
    """Update the index for these files. Without a ``searcher``, none is searched for secrets.

    Return the record of each file by path, and by path why a file could not be read (it was deleted, may not be read,
    or changed while it was read). Raises CatalogError.
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
    failures: dict[str, Message] = {}
    if not todo:
        return known, failures
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - not in an indexed lab

    # The largest first: a long file at the end would leave the other workers idle.
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
    futures: "dict[Future[IndexedFile], str]",
    catalog: Catalog,
    known: dict[str, IndexedFile],
    failures: dict[str, Message],
) -> None:
    # Not concurrent.futures.wait: it goes through all pending futures for each one that is done.
    done: SimpleQueue[Future[IndexedFile]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    left = len(futures)
    fresh: list[IndexedFile] = []
    stored = time.monotonic()
    try:
        while left:
            with suppress(Empty):
                future = done.get(timeout=_STORE_PERIOD_S)
                left -= 1
                path = futures[future]
                try:
                    known[path] = future.result()
                    fresh.append(known[path])
                except (OSError, SourceChangedError) as error:
                    known.pop(path, None)
                    failures[path] = _failure_reason(error)
            if fresh and time.monotonic() - stored > _STORE_PERIOD_S:
                catalog.store(fresh)
                fresh, stored = [], time.monotonic()
    finally:
        if fresh:
            catalog.store(fresh)


def _needs_reading(request: IndexRequest, known: IndexedFile, searcher: SecretSearcher | None) -> bool:
    """Return whether the whole file must be read: for its checksums, to check them, or for its secrets."""
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
        check_bytes = request.check_bytes and known.fixity is not None
        if searcher and (request.search or request.hash) and known.search_with(searcher.fingerprint) is None:
            known = _search_secrets(file, request, known, searcher, (lambda _: None) if check_bytes else on_bytes)
        if request.hash and known.fixity is None:
            known = replace(known, fixity=fixity_of(file, on_bytes), confirmed_ms=now_ms(), differs_ms=None)
        if request.probe and known.probe is None:
            file.seek(0)
            known = replace(known, probe=probe(file, request.path))
        if check_bytes:
            known = check_file_bytes(files, known, on_bytes)
        _check_unchanged(file, request)
    return known


def _search_secrets(
    file: FileIO, request: IndexRequest, known: IndexedFile, searcher: SecretSearcher, on_bytes: Callable[[int], None]
) -> IndexedFile:
    """Search a file for secrets. If the whole file is read for that, compute its fixity from the same bytes."""
    size_bytes = request.identity.size_bytes
    is_video = searcher.is_mp4(file)
    if is_video or (not request.hash and size_bytes <= QUICK_SEARCH_BYTES):
        if is_video and request.hash and known.fixity:
            on_bytes(size_bytes)  # the progress was announced for the whole file
        return replace(known, search=searcher.search(file, size_bytes))
    if not request.hash:
        return known
    hasher = Hasher(on_bytes)
    search = searcher.search_chunks(file, hasher.chunks(file))
    if known.fixity and hasher.fixity != known.fixity:  # the whole file was read only for its secrets
        return replace(known, search=search, differs_ms=now_ms())
    return replace(known, search=search, fixity=hasher.fixity, confirmed_ms=now_ms(), differs_ms=None)


def _check_unchanged(file: BinaryIO, request: IndexRequest) -> None:
    if Identity.of(os.fstat(file.fileno())) != request.identity:
        raise SourceChangedError(Message("index.changed_while_read", file=display_path(request.path)))


class Hasher:
    """Computes the fixity of bytes. Calls ``on_bytes`` with the size of each piece, which may raise to stop."""

    def __init__(self, on_bytes: Callable[[int], None] = lambda _: None) -> None:
        self._on_bytes = on_bytes
        self._sha256, self._crc32, self._size = hashlib.sha256(), 0, 0

    def update(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._sha256.update(data)
        self._crc32 = isal_zlib.crc32(data, self._crc32)
        count = memoryview(data).nbytes
        self._size += count
        self._on_bytes(count)

    def chunks(self, file: FileIO) -> Iterator[bytes]:
        """Yield the bytes of a file from its beginning, and add them. Raises OSError."""
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            self.update(chunk)
            yield chunk

    @property
    def fixity(self) -> Fixity:
        """Return the fixity of all bytes added."""
        return Fixity(self._size, self._crc32, self._sha256.hexdigest())


def fixity_of(file: FileIO, on_bytes: Callable[[int], None] = lambda _: None) -> Fixity:
    """Return the fixity of a file, read once from its beginning. Call ``on_bytes`` with the size of each chunk."""
    hasher = Hasher(on_bytes)
    file.seek(0)
    # One byte more than a small file has, to see its end without the memory of a whole chunk.
    buffer = memoryview(bytearray(min(_CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1)))
    while count := file.readinto(buffer):
        hasher.update(buffer[:count])
    return hasher.fixity


def _advance(progress: Progress, stop: threading.Event, count: int) -> None:
    if stop.is_set():
        raise InterruptedError(errno.EINTR, "indexing was stopped")
    progress.raise_if_cancelled()
    progress.advance(count)


def _failure_reason(error: Exception) -> Message:
    if isinstance(error, FileNotFoundError):
        return Message("index.file_gone")
    if isinstance(error, PermissionError):
        return Message("index.no_permission")
    if isinstance(error, OSError):
        return Message("index.unreadable", error=error.strerror) if error.strerror else Message("index.input_error")
    return Message("index.file_changed")
