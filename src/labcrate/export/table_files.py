"""Tables of very many readings: their sizes are known without writing them, and they are written when they are needed.

The fixity of a table is stored once it was written, by what the table is made of. So a later plan of the same readings,
in another process too, has the entity tag and every offset of the archive at once.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, cast

import msgspec

from labcrate.archive.layout import FORMAT_VERSION, FileSource
from labcrate.errors import SourceChangedError
from labcrate.export.reading_tables import ReadingTable
from labcrate.export.redact import check_generated, read_chunks
from labcrate.export.spool import Spool, Stored
from labcrate.index.indexing import Progress
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity
from labcrate.readings.load.slice import Readings
from labcrate.readings.write.table_writers import write_text
from labcrate.secrets.matcher import Matcher

_CHECKING_THREADS = 2
MANY_READINGS = 50_000
"""The number of readings from which tables are not written for a plan alone."""


class TableFiles:
    """The text tables of one plan: all are written together, when the bytes of one of them are needed first.

    ``sizes`` are the bytes of each text table; ``fixities`` has the fixity of each by its name, without a hash while it
    was never written. ``check_stop`` is called while they are written for a download; an exception from it ends that.
    Use it from any thread.
    """

    def __init__(
        self,
        readings: Readings,
        session_id: str,
        tables: Sequence[ReadingTable],
        sizes: Mapping[str, int],
        folder: Path,
        matcher: Matcher,
    ) -> None:
        self._readings, self._session_id, self._folder, self._matcher = readings, session_id, folder, matcher
        self._tables = [table for table in tables if table.text]
        self._lock = threading.Lock()
        self.check_stop: Callable[[], None] = lambda: None
        self._written: dict[str, Stored] = {}
        self.fixities = {
            table.name: load_fixity(readings, session_id, table.name) or Fixity(sizes[table.text], 0, "")
            for table in self._tables
            if table.text
        }

    @property
    def is_complete(self) -> bool:
        """Return whether the hashes of all tables are known."""
        return all(fixity.sha256 for fixity in self.fixities.values())

    @property
    def written(self) -> Mapping[str, Stored]:
        """Return the tables that were written, with their fixity."""
        return self._written

    def can_be_completed(self) -> bool:
        """Return whether the missing hashes are known by now, because the tables were written meanwhile."""
        return not self.is_complete and all(
            name in self._written or load_fixity(self._readings, self._session_id, name) for name in self.fixities
        )

    def source(self, name: str) -> FileSource:
        """Return the source of a table, which writes all of them when it is opened first."""
        size = self.fixities[name].size_bytes
        return FileSource(partial(self._open, name), Identity(size, 0, 0, 0), name, is_generated=True)

    def write(self, progress: Progress | None = None) -> Mapping[str, Stored]:
        """Write the tables, unless they were written before. An exception from ``progress`` stops it.

        Raises TargetError, SourceChangedError if the readings are others by now, and LabcrateError for a secret in a
        table, which is a defect of labcrate.
        """
        check_stop = progress.raise_if_cancelled if progress else self.check_stop
        progress = progress or Progress()
        with self._lock:
            if self._written or not self._tables:
                return self._written
            names = [table.name for table in self._tables]
            progress.begin(len(names), sum(fixity.size_bytes for fixity in self.fixities.values()))
            texts = [table.text for table in self._tables if table.text]

            def write_tables(files: Sequence[IO[bytes]]) -> None:
                counted = [cast("IO[bytes]", _CountedFile(file, progress.advance)) for file in files]
                write_text(self._readings, self._session_id, texts, counted)

            spool = Spool(self._folder, check_stop)
            written = dict(zip(names, spool.write_several(names, write_tables), strict=True))
            self._check_secrets(written)
            for name, (fixity, _) in written.items():
                save_fixity(self._readings, self._session_id, name, fixity)
            # A fixity that was stored wrongly is replaced by now, so that the next plan is right.
            if any(not _is_planned(fixity, self.fixities[name]) for name, (fixity, _) in written.items()):
                raise SourceChangedError(Message("readings.index_gone"))
            self._written = written
            return written

    def _check_secrets(self, written: Mapping[str, Stored]) -> None:
        def check(name: str) -> None:
            check_generated(self._matcher, name, read_chunks(written[name][1]))

        # Imported here, as by the spool: most exports have no such tables.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        with ThreadPoolExecutor(_CHECKING_THREADS) as threads:
            for _ in threads.map(check, written):
                pass

    def _open(self, name: str) -> int:
        _, source = self.write()[name]
        if isinstance(source, FileSource):
            return source.open()
        fd = os.memfd_create(os.path.basename(name))  # noqa: PTH119 - a name, not a path
        os.write(fd, source.data)
        return fd


class _CountedFile:
    """A file for a table; ``on_write`` is called with the size of each piece."""

    def __init__(self, file: IO[bytes], on_write: Callable[[int], None]) -> None:
        self._file, self._on_write = file, on_write

    def write(self, piece: bytes) -> int:
        """Write a piece."""
        self._on_write(len(piece))
        return self._file.write(piece)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def _is_planned(fixity: Fixity, planned: Fixity) -> bool:
    """Return whether a table has the fixity that was planned; without a hash, only its size was known."""
    return fixity == planned if planned.sha256 else fixity.size_bytes == planned.size_bytes


def load_fixity(readings: Readings, session_id: str, name: str) -> Fixity | None:
    """Return the fixity of a table of these readings that was written before; None if it is not known."""
    if readings.rows is None:
        return None
    data = readings.rows.facts.load_fact("table", _depends_on(readings, session_id, name))
    return None if data is None else msgspec.msgpack.decode(data, type=Fixity)


def save_fixity(readings: Readings, session_id: str, name: str, fixity: Fixity) -> None:
    """Store the fixity of a table that was written."""
    if readings.rows is not None:
        data = msgspec.msgpack.encode(fixity)
        readings.rows.facts.save_fact("table", _depends_on(readings, session_id, name), data)


def _depends_on(readings: Readings, session_id: str, name: str) -> object:
    from labcrate.readings.write.readings_summary import devices_of  # noqa: PLC0415 - imports Polars

    identity = readings.rows.identity if readings.rows else None
    return FORMAT_VERSION, name, identity, devices_of(readings.topics), session_id


def describe_many(readings: Readings, session_id: str) -> Mapping[str, int]:
    """Find the columns of the tables of very many readings, and return the bytes of each text table.

    They follow from what is known of the parts of the index; no message is read that was read before.
    """
    from labcrate.readings.write.columns import set_key_kinds  # noqa: PLC0415
    from labcrate.readings.write.readings_summary import summarise_readings  # noqa: PLC0415 - imports Polars
    from labcrate.readings.write.sizes import summary_key_kinds, table_sizes  # noqa: PLC0415

    summary = summarise_readings(readings)
    set_key_kinds(readings, summary_key_kinds(summary))
    return asdict(table_sizes(summary, readings.topics, session_id))
