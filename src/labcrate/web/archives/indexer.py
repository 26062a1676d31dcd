"""The background indexer: it reads new recordings and sensor messages, so that most downloads start at once.

A recording is read when it has not changed for a while: a camera may still write to others. Jobs have priority.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from labcrate.errors import LabcrateError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.secret_search import SecretSearcher
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import EntryKind, FolderEntry, LabFolder
from labcrate.lab.lab_files import LabFiles, display_path
from labcrate.linking.filename import stem_of_mp4
from labcrate.linking.location import is_hidden
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.plan.inventory import Inventory
from labcrate.plan.recorder_files import recorder_paths
from labcrate.plan.session_files import files_to_index
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets
from labcrate.video.containers import container_of
from labcrate.web.archives.background_check import BackgroundCheck
from labcrate.web.archives.readings_indexer import ReadingsIndexer
from labcrate.web.archives.stable_files import StableFiles
from labcrate.web.http.problems import format_traceback

_SCAN_INTERVAL_S = 10.0
# Scans of the lab take at most one part in this many of the time: a lab with a million files is scanned less often.
_SCAN_TIME_FACTOR = 20
_JOB_POLL_S = 0.2
_log = logging.getLogger("labcrate.web")


class IndexerStopped(Exception):  # noqa: N818 - not an error
    """Raised while files are read, when the server stops."""


class Indexer(Progress):
    """A thread that keeps the index up to date: ``run`` repeats ``step`` until ``stop``.

    If no file is to be read, it checks files whose last check is too long ago, and calls ``on_difference`` with those
    that do not match their checksums. ``inventory`` returns the current inventory, ``busy`` whether a job runs, which
    has priority; ``is_planning`` is whether a plan is being made, which has priority over sensor messages.
    ``base_topic`` is the server's. Both clocks are in seconds: ``clock`` is monotonic, ``wall_clock`` is compared with
    file times.
    """

    def __init__(
        self,
        lab: LabFolder,
        inventory: Callable[[], Inventory],
        busy: Callable[[], bool] = lambda: False,
        is_planning: Callable[[], bool] = lambda: False,
        base_topic: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        on_difference: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._lab, self._inventory, self._busy, self._clock = lab, inventory, busy, clock
        self._files = LabFiles(lab)
        self._stop = threading.Event()
        self._stable, self._background_check = StableFiles(clock, wall_clock), BackgroundCheck(clock, on_difference)
        self._indexed: frozenset[str] | None = None
        self._problem: str | None = None
        self._searched_for: Secrets | None = None
        self._files_left = self._bytes_left = 0
        self._yielding = False
        self._scan_s = 0.0
        self._readings = ReadingsIndexer(
            lambda: busy() or is_planning(), self._raise_if_stopped, base_topic, clock=clock, wall_clock=wall_clock
        )

    @property
    def state(self) -> str:
        """Return the state in one word: idle, reading, waiting (for jobs), or troubled."""
        if self._problem:
            return "troubled"
        if self._files_left:
            return "waiting" if self._yielding else "reading"
        return "reading" if self._readings.is_reading else "idle"

    def as_object(self) -> dict[str, Any]:
        """Return the state as a JSON object, for users who may see the names of recordings."""
        failures = [*self._stable.failures, *self._readings.failures]
        failed = [{"file": display_path(path), "why": why} for path, why in failures]
        return {
            "filesLeft": self._files_left,
            "bytesLeft": self._bytes_left + self._readings.bytes_left,
            "unstable": max(0, self._stable.waiting_count - self._files_left),
            "failed": failed,
            "problem": self._problem,
        }

    def run(self) -> None:
        """Repeat ``step`` until ``stop``.

        The thread has normal priority: on a busy machine, a thread of low priority that holds the interpreter's lock
        would delay all others.
        """
        while not self._stop.is_set():
            self.step()
            self._stop.wait(max(_SCAN_INTERVAL_S, _SCAN_TIME_FACTOR * self._scan_s))

    def stop(self) -> None:
        """Stop at once; files that were read completely stay in the index."""
        self._stop.set()

    def step(self) -> int:
        """Scan the lab once and read the files that have become stable; return how many were read.

        Then read the sensor messages that have arrived.
        """
        try:
            read = self._scan()
            self._readings.step(self._inventory())
        except (LabcrateError, OSError) as error:
            reason = str(error) if isinstance(error, LabcrateError) else os.strerror(error.errno or 0)
            self._log_problem(reason)
            return 0
        except IndexerStopped:
            return 0
        except Exception as error:  # noqa: BLE001 - without its thread nothing would be indexed until a restart
            self._log_problem(Message("server.indexing_failed", error=type(error).__name__), error)
            return 0
        finally:
            self._files_left = self._bytes_left = 0
        self._problem = None
        return read

    def _log_problem(self, reason: str, unexpected: BaseException | None = None) -> None:
        """Log a problem, once for as long as it persists."""
        if reason != self._problem:
            trace = "\n" + format_traceback(self._lab, unexpected) if unexpected else ""
            _log.warning("Recordings cannot be indexed in the background: %s%s", reason, trace)
        self._problem = reason

    def _scan(self) -> int:
        began_s = self._clock()
        inventory = self._inventory()
        if inventory.secrets.secrets != self._searched_for:  # files must be searched again for other secrets
            self._stable.forget_read_files()
            self._searched_for = inventory.secrets.secrets
        present = self._files_to_index(inventory)
        due = self._stable.files_to_read(present)
        requests = [IndexRequest(path, identity, probe=_is_recording(path)) for path, identity in due.items()]
        # If there is no recording at all, the disk is probably not mounted.
        gone = bool(present) and not (self._indexed is not None and self._indexed <= present.keys())
        is_check_due = not requests and self._background_check.is_due
        self._scan_s = self._clock() - began_s
        if not requests and not gone and not is_check_due:
            return 0
        with Catalog.open(state_folder(self._lab.root)) as catalog:
            if gone:
                known = catalog.all().keys()
                catalog.forget(sorted(filter(self._is_gone, known - present.keys())))
                self._indexed = frozenset(known & present.keys())
            read = self._index_files(catalog, requests, inventory.cleaner.matcher)
            if is_check_due:
                self._background_check.check_files(self._files, catalog, inventory.settings.confirm_days, present, self)
            return read

    def _files_to_index(self, inventory: Inventory) -> dict[str, Identity]:
        """Return every file whose checksum an archive could need, with its current state."""
        self._files, found = inventory.files, {}
        for path in _paths_to_index(inventory):
            with suppress(OSError):  # deleted since the scan
                found[path] = self._files.identity(path)
        return found

    def _is_gone(self, path: str) -> bool:
        """Return whether a file does not exist: the index also has files that are no recordings."""
        try:
            self._files.identity(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _index_files(self, catalog: Catalog, requests: Iterable[IndexRequest], matcher: Matcher) -> int:
        requests = list(requests)
        if not requests:
            return 0
        searcher = SecretSearcher(matcher, catalog)
        known, failures = index_files(
            self._files, catalog, requests, _probe_recording, self, workers=1, searcher=searcher
        )
        self._indexed = (self._indexed or frozenset()) | known.keys()
        self._stable.add_read({path: indexed.identity for path, indexed in known.items()})
        self._stable.add_failures(failures, {request.path: request.identity for request in requests})
        return len(known)

    def begin(self, files: int, size_bytes: int) -> None:
        """Set the number of files and bytes to read."""
        self._files_left, self._bytes_left = files, size_bytes

    def advance(self, size_bytes: int) -> None:
        """Count bytes that were read; wait while a job runs. Raises IndexerStopped."""
        self._bytes_left -= size_bytes
        self._yielding = True
        while self._busy() and not self._stop.is_set():
            self._stop.wait(_JOB_POLL_S)
        self._yielding = False
        self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise IndexerStopped

    def finish(self, path: str) -> None:  # noqa: ARG002 - the path is not needed
        """Count a file that was read."""
        self._files_left -= 1


def _paths_to_index(inventory: Inventory) -> Iterator[str]:
    """Yield all recordings, also unlinked ones, the files in the sessions' folders, and linked files of recorders."""
    for entries in (inventory.unlinked, *inventory.linked.values()):
        yield from (entry.path for entry in entries if stem_of_mp4(entry.path) is not None and _is_file(entry))
    yield from (entry.path for entry in files_to_index(inventory, inventory.book.folders))
    yield from (path for path, _ in recorder_paths(inventory, inventory.own_registers))


def _is_recording(path: str) -> bool:
    return container_of(path) is not None


def _is_file(entry: FolderEntry) -> bool:
    return entry.kind is EntryKind.FILE and not is_hidden(entry.path)


def _probe_recording(file: BinaryIO, path: str) -> Probe:
    # Import FFmpeg only if it is needed.
    from labcrate.video.probe import probe  # noqa: PLC0415

    try:
        return probe(file, path)
    except OSError:
        raise
    except Exception as error:  # one file that FFmpeg cannot handle must not prevent the others from being read
        _log.exception("A recording could not be probed")
        raise OSError(errno.EIO, f"unexpected error ({type(error).__name__})") from error
