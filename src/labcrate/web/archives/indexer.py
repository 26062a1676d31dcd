"""Reads new recordings in the background, so that most downloads start at once.

A recording is read once nothing has touched it for a while; a camera still writes to the others. Whatever
somebody waits for comes first.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from labcrate.errors import LabcrateError
from labcrate.index.catalog import Catalog
from labcrate.index.confirming import DAY_MS, Confirming
from labcrate.index.indexing import Progress, Wish, index_files
from labcrate.index.searching import Searcher
from labcrate.index.state import state_folder
from labcrate.lab.disk import checks_itself
from labcrate.lab.folder import Entry, Kind, Lab
from labcrate.lab.lab_files import LabFiles, source_of
from labcrate.linking.filename import stem_of_mp4
from labcrate.linking.place import is_hidden
from labcrate.model.fixity import Identity
from labcrate.model.message import Message
from labcrate.model.recording import Probe
from labcrate.plan.inventory import Inventory
from labcrate.plan.recorder_files import recorder_paths
from labcrate.plan.session_files import packed_files
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets
from labcrate.video.containers import container_of
from labcrate.web.http.problems import trace_of

STABLE_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 10.0
# Of the time, looking takes at most one part in so many: a lab of a million files is looked at less often.
_SHARE_OF_LOOKING = 20
_YIELD_SECONDS = 0.2
_FIRST_RETRY_SECONDS = 60.0
_LAST_RETRY_SECONDS = 3600.0
# How much is confirmed between two looks for what is new, and how often it is asked whether anything is due.
_CONFIRM_BYTES, _CONFIRM_FILES = 1 << 30, 500
_CONFIRM_EVERY_SECONDS = 3600.0
_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was first seen in its present state, and when."""

    identity: Identity
    since: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """A file that could not be read in one state: not tried again before ``again``, then after twice the time."""

    identity: Identity
    why: str
    again: float
    wait: float


class _Stopped(Exception):  # noqa: N818 - no error: the server ends
    """Raised out of the reading when the server ends."""


class Indexer(Progress):
    """Keeps the index up to date, one ``step`` after the other; ``run`` does so until ``stop``.

    When nothing is left to be read, it confirms bytes that were last confirmed too long ago, and tells ``differs`` of
    files that hold other ones. ``inventory`` gives the lab's files as of now, ``busy`` says whether somebody waits for
    other work. The clocks are seconds: ``clock`` only ever goes on, ``wall`` is what file times are compared with.
    """

    def __init__(
        self,
        lab: Lab,
        inventory: Callable[[], Inventory],
        busy: Callable[[], bool] = lambda: False,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        differs: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._lab, self._inventory, self._busy, self._clock, self._wall = lab, inventory, busy, clock, wall
        self._files = LabFiles(lab)
        self._stop = threading.Event()
        self._seen: dict[str, _Seen] = {}
        self._done: dict[str, Identity] = {}
        self._failures: dict[str, _Failure] = {}
        self._indexed: frozenset[str] | None = None
        self._problem: str | None = None
        self._searched_for: Secrets | None = None
        self._files_left = self._bytes_left = 0
        self._yielding = False
        self._differs, self._confirm_again = differs, 0.0

    @property
    def state(self) -> str:
        """What it does, in one word: idle, reading, waiting (for somebody's work), or troubled."""
        if self._problem:
            return "troubled"
        if self._files_left:
            return "waiting" if self._yielding else "reading"
        return "idle"

    def as_object(self) -> dict[str, Any]:
        """What it does, in numbers; for those who may know the names of recordings."""
        failed = [{"file": source_of(path), "why": f.why} for path, f in sorted(self._failures.items())]
        return {
            "filesLeft": self._files_left,
            "bytesLeft": self._bytes_left,
            "unstable": max(0, len(self._seen) - len(self._done) - len(failed) - self._files_left),
            "failed": failed,
            "problem": self._problem,
        }

    def run(self) -> None:
        """Go on until ``stop``.

        The thread is as important as any other: one of low priority that holds the interpreter's lock would have
        all the others wait for it on a busy machine.
        """
        while not self._stop.is_set():
            begun = self._clock()
            self.step()
            self._stop.wait(max(_LOOK_EVERY_SECONDS, _SHARE_OF_LOOKING * (self._clock() - begun)))

    def stop(self) -> None:
        """Have it end at once; what was read whole stays known."""
        self._stop.set()

    def step(self) -> int:
        """Look once, and read what has become stable; returns how many files were read."""
        try:
            read = self._look()
        except (LabcrateError, OSError) as error:
            said = str(error) if isinstance(error, LabcrateError) else os.strerror(error.errno or 0)
            self._tell(said)
            return 0
        except _Stopped:
            return 0
        except Exception as error:  # noqa: BLE001 - without its thread nothing would be indexed until a restart
            self._tell(f"something unexpected happened ({type(error).__name__}); the server's log says what.", error)
            return 0
        finally:
            self._files_left = self._bytes_left = 0
        self._problem = None
        return read

    def _tell(self, said: str, unexpected: BaseException | None = None) -> None:
        """Log what is the matter, once for as long as it is."""
        if said != self._problem:
            trace = "\n" + trace_of(self._lab, unexpected) if unexpected else ""
            _log.warning("Recordings cannot be indexed ahead of time: %s%s", said, trace)
        self._problem = said

    def _look(self) -> int:
        inventory = self._inventory()
        if inventory.secrets.secrets != self._searched_for:  # what was searched for others says nothing of these
            self._done, self._searched_for = {}, inventory.secrets.secrets
        present = self._present(inventory)
        now = self._clock()
        self._seen = {path: self._as_seen(path, identity, now) for path, identity in present.items()}
        self._done = {path: identity for path, identity in self._done.items() if present.get(path) == identity}
        self._failures = {p: f for p, f in self._failures.items() if present.get(p) == f.identity}
        due = {path: seen.identity for path, seen in self._seen.items() if self._is_due(path, seen, now)}
        wishes = [Wish(path, identity, probe=_is_recording(path)) for path, identity in due.items()]
        # A lab that shows no recording at all is a disk that is not mounted, sooner than one that was emptied.
        gone = bool(present) and not (self._indexed is not None and self._indexed <= present.keys())
        confirms = not wishes and now >= self._confirm_again
        if not wishes and not gone and not confirms:
            return 0
        with Catalog.open(state_folder(self._lab.root)) as catalog:
            if gone:
                known = catalog.all().keys()
                catalog.forget(sorted(filter(self._is_gone, known - present.keys())))
                self._indexed = frozenset(known & present.keys())
            read = self._read(catalog, wishes, inventory.cleaner.matcher)
            if confirms:
                self._confirm(catalog, inventory.settings.confirm_days, present)
            return read

    def _confirm(self, catalog: Catalog, days: int, present: Mapping[str, Identity]) -> None:
        """Confirm some of the files that are due, those first whose last confirmation is the oldest."""
        rule, wishes, size_bytes = Confirming.from_now(days=max(days, 1)), list[Wish](), 0
        due = catalog.confirmed_before(rule.began_ms - rule.days * DAY_MS, rule.began_ms)
        for path, identity in due:
            if present.get(path) != identity or self._checks_itself(path):
                continue
            wishes.append(Wish(path, identity, hash=False, probe=False, confirm=True))
            size_bytes += identity.size_bytes
            if size_bytes >= _CONFIRM_BYTES or len(wishes) >= _CONFIRM_FILES:
                break
        else:
            self._confirm_again = self._clock() + _CONFIRM_EVERY_SECONDS
        known, _ = index_files(self._files, catalog, wishes, _probe, self, workers=1)
        for path, one in known.items():
            if one.differs_ms is not None:
                _log.warning("%s %s. %s", source_of(path), Message("bytes.differ"), Message("bytes.differ.remedy"))
                self._differs(path)

    def _checks_itself(self, path: str) -> bool:
        """Return whether a file needs no reading; also of one that cannot be opened."""
        try:
            fd = self._files.open(path)
        except OSError:
            return True
        try:
            return checks_itself(fd)
        finally:
            os.close(fd)

    def _present(self, inventory: Inventory) -> dict[str, Identity]:
        """Every file whose checksums an archive could need, in its present state."""
        inventory = self._inventory()
        self._files, found = inventory.files, {}
        for path in _wanted(inventory):
            with suppress(OSError):  # gone since the walk
                found[path] = self._files.identity(path)
        return found

    def _is_gone(self, path: str) -> bool:
        """Whether there is no such file: the index also knows files that are no recordings."""
        try:
            self._files.identity(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _as_seen(self, path: str, identity: Identity, now: float) -> _Seen:
        before = self._seen.get(path)
        return before if before is not None and before.identity == identity else _Seen(identity, now)

    def _is_due(self, path: str, seen: _Seen, now: float) -> bool:
        failure = self._failures.get(path)
        return (
            path not in self._done
            and now - seen.since >= STABLE_SECONDS
            # A time in the future is a clock that is set wrong, and says nothing of who writes now.
            and abs(self._wall() - seen.identity.mtime_ns / 1e9) >= STABLE_SECONDS
            and (failure is None or failure.again <= now)
        )

    def _read(self, catalog: Catalog, wishes: Iterable[Wish], matcher: Matcher) -> int:
        wishes = list(wishes)
        if not wishes:
            return 0
        searcher = Searcher(matcher, catalog)
        known, failures = index_files(self._files, catalog, wishes, _probe, self, workers=1, searcher=searcher)
        self._indexed = (self._indexed or frozenset()) | known.keys()
        self._done |= {path: indexed.identity for path, indexed in known.items()}
        self._failures = {path: failure for path, failure in self._failures.items() if path not in known}
        self._remember(failures, {wish.path: wish.identity for wish in wishes})
        return len(known)

    def _remember(self, failures: Mapping[str, str], identities: Mapping[str, Identity]) -> None:
        for path, why in failures.items():
            before = self._failures.get(path)
            wait = min(2 * before.wait, _LAST_RETRY_SECONDS) if before else _FIRST_RETRY_SECONDS
            self._failures[path] = _Failure(identities[path], why, self._clock() + wait, wait)

    def begin(self, files: int, size_bytes: int) -> None:
        """Take up how much there is to read."""
        self._files_left, self._bytes_left = files, size_bytes

    def advance(self, size_bytes: int) -> None:
        """So much was read: let others go first, and end when told to."""
        self._bytes_left -= size_bytes
        self._yielding = True
        while self._busy() and not self._stop.is_set():
            self._stop.wait(_YIELD_SECONDS)
        self._yielding = False
        if self._stop.is_set():
            raise _Stopped

    def finish(self, path: str) -> None:  # noqa: ARG002 - which one is of no interest here
        """One file less to read."""
        self._files_left -= 1


def _wanted(inventory: Inventory) -> Iterator[str]:
    """All recordings, whosever they are, what the sessions' own folders hold, and what was linked of recorders."""
    for entries in (inventory.unlinked, *inventory.linked.values()):
        yield from (entry.path for entry in entries if stem_of_mp4(entry.path) is not None and _is_file(entry))
    yield from (entry.path for entry in packed_files(inventory, inventory.book.folders))
    yield from (path for path, _ in recorder_paths(inventory, inventory.own_registers))


def _is_recording(path: str) -> bool:
    return container_of(path) is not None


def _is_file(entry: Entry) -> bool:
    return entry.kind is Kind.FILE and not is_hidden(entry.path)


def _probe(file: BinaryIO, path: str) -> Probe:
    # FFmpeg is loaded when there is something to probe.
    from labcrate.video.probe import probe  # noqa: PLC0415

    try:
        return probe(file, path)
    except OSError:
        raise
    except Exception as error:  # one file that FFmpeg stumbles over must not keep all others from being read
        _log.exception("A recording could not be looked into")
        raise OSError(errno.EIO, f"something unexpected happened ({type(error).__name__})") from error
