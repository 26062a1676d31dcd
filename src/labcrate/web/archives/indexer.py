"""Reads new recordings in the background, so that most downloads start at once.

A recording is read once nothing has touched it for a while; a camera still writes to the others. Jobs come first.
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
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.plan.inventory import Inventory
from labcrate.plan.recorder_files import recorder_paths
from labcrate.plan.session_files import files_to_index
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets
from labcrate.video.containers import container_of
from labcrate.web.archives.background_check import BackgroundCheck
from labcrate.web.archives.stable_files import StableFiles
from labcrate.web.http.problems import format_traceback

_SCAN_INTERVAL_S = 10.0
# Of the time, walking the lab takes at most one part in so many: a lab of a million files is walked less often.
_SCAN_TIME_FACTOR = 20
_JOB_POLL_S = 0.2
_log = logging.getLogger("labcrate.web")


class IndexerStopped(Exception):  # noqa: N818 - no error: the server ends
    """Raised out of the reading when the server ends."""


class Indexer(Progress):
    """Keep the index up to date, one ``step`` after the other; ``run`` does so until ``stop``.

    When nothing is left to be read, it confirms bytes that were last confirmed too long ago, and calls ``differs`` with
    files that hold other ones. ``inventory`` gives the files as of now, ``busy`` says whether a job runs, which goes
    first. The clocks are seconds: ``clock`` only ever goes on, ``wall`` is what file times are compared with.
    """

    def __init__(
        self,
        lab: LabFolder,
        inventory: Callable[[], Inventory],
        busy: Callable[[], bool] = lambda: False,
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

    @property
    def state(self) -> str:
        """Return what it does, in one word: idle, reading, waiting (for jobs), or troubled."""
        if self._problem:
            return "troubled"
        if self._files_left:
            return "waiting" if self._yielding else "reading"
        return "idle"

    def as_object(self) -> dict[str, Any]:
        """Return what it does, in numbers; for users who may know the names of recordings."""
        failed = [{"file": display_path(path), "why": why} for path, why in self._stable.failures]
        return {
            "filesLeft": self._files_left,
            "bytesLeft": self._bytes_left,
            "unstable": max(0, self._stable.waiting_count - self._files_left),
            "failed": failed,
            "problem": self._problem,
        }

    def run(self) -> None:
        """Go on until ``stop``.

        The thread is as important as any other: one of low priority that holds the interpreter's lock would have
        all the others wait for it on a busy machine.
        """
        while not self._stop.is_set():
            began_s = self._clock()
            self.step()
            self._stop.wait(max(_SCAN_INTERVAL_S, _SCAN_TIME_FACTOR * (self._clock() - began_s)))

    def stop(self) -> None:
        """Have it end at once; what was read whole stays known."""
        self._stop.set()

    def step(self) -> int:
        """Look once, and read what has become stable; returns how many files were read."""
        try:
            read = self._scan()
        except (LabcrateError, OSError) as error:
            reason = str(error) if isinstance(error, LabcrateError) else os.strerror(error.errno or 0)
            self._log_problem(reason)
            return 0
        except IndexerStopped:
            return 0
        except Exception as error:  # noqa: BLE001 - without its thread nothing would be indexed until a restart
            self._log_problem(
                f"something unexpected happened ({type(error).__name__}); the server's log says what.", error
            )
            return 0
        finally:
            self._files_left = self._bytes_left = 0
        self._problem = None
        return read

    def _log_problem(self, reason: str, unexpected: BaseException | None = None) -> None:
        """Log what is the matter, once for as long as it is."""
        if reason != self._problem:
            trace = "\n" + format_traceback(self._lab, unexpected) if unexpected else ""
            _log.warning("Recordings cannot be indexed ahead of time: %s%s", reason, trace)
        self._problem = reason

    def _scan(self) -> int:
        inventory = self._inventory()
        if inventory.secrets.secrets != self._searched_for:  # what was searched for others says nothing of these
            self._stable.forget_read_files()
            self._searched_for = inventory.secrets.secrets
        present = self._files_to_index(inventory)
        due = self._stable.files_to_read(present)
        requests = [IndexRequest(path, identity, probe=_is_recording(path)) for path, identity in due.items()]
        # A lab that shows no recording at all is a disk that is not mounted, sooner than one that was emptied.
        gone = bool(present) and not (self._indexed is not None and self._indexed <= present.keys())
        is_check_due = not requests and self._background_check.is_due
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
        """Return every file whose checksums an archive could need, in its present state."""
        self._files, found = inventory.files, {}
        for path in _paths_to_index(inventory):
            with suppress(OSError):  # gone since the walk
                found[path] = self._files.identity(path)
        return found

    def _is_gone(self, path: str) -> bool:
        """Return whether there is no such file: the index also knows files that are no recordings."""
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
        """Take up how much there is to read."""
        self._files_left, self._bytes_left = files, size_bytes

    def advance(self, size_bytes: int) -> None:
        """Count what was read; let jobs go first, and end when the server does."""
        self._bytes_left -= size_bytes
        self._yielding = True
        while self._busy() and not self._stop.is_set():
            self._stop.wait(_JOB_POLL_S)
        self._yielding = False
        if self._stop.is_set():
            raise IndexerStopped

    def finish(self, path: str) -> None:  # noqa: ARG002 - which one is of no interest here
        """One file less to read."""
        self._files_left -= 1


def _paths_to_index(inventory: Inventory) -> Iterator[str]:
    """All recordings, whosever they are, what the sessions' own folders hold, and what was linked of recorders."""
    for entries in (inventory.unlinked, *inventory.linked.values()):
        yield from (entry.path for entry in entries if stem_of_mp4(entry.path) is not None and _is_file(entry))
    yield from (entry.path for entry in files_to_index(inventory, inventory.book.folders))
    yield from (path for path, _ in recorder_paths(inventory, inventory.own_registers))


def _is_recording(path: str) -> bool:
    return container_of(path) is not None


def _is_file(entry: FolderEntry) -> bool:
    return entry.kind is EntryKind.FILE and not is_hidden(entry.path)


def _probe_recording(file: BinaryIO, path: str) -> Probe:
    # FFmpeg is loaded when there is something to probe.
    from labcrate.video.probe import probe  # noqa: PLC0415

    try:
        return probe(file, path)
    except OSError:
        raise
    except Exception as error:  # one file that FFmpeg stumbles over must not keep all others from being read
        _log.exception("A recording could not be looked into")
        raise OSError(errno.EIO, f"something unexpected happened ({type(error).__name__})") from error
