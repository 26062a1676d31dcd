"""The confirming of one archive's files: which are due, what came of it, and what is said about it."""

import threading
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from labcrate.archive.checking import Checker
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import CatalogError, ChecksumError
from labcrate.export.assemble import Assembly
from labcrate.index.byte_checks import ByteCheckMode, ByteCheckRule, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.lab.disk import has_data_checksums
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.summary import plural


@dataclass(frozen=True, slots=True)
class FileToConfirm:
    """A file whose bytes are to be confirmed before it leaves: its member, and what the index knows of it."""

    member: Member
    known: IndexedFile


class Confirmation:
    """The files of an archive that are due, by the name of their member.

    ``differing`` are those of which it is known that they hold other bytes. Any thread may call the methods.
    """

    def __init__(
        self,
        rule: ByteCheckRule,
        files_to_confirm: Mapping[str, FileToConfirm],
        differing_members: frozenset[str] = frozenset(),
        recordings: frozenset[str] = frozenset(),
        state_folder: Path | None = None,
    ) -> None:
        self.rule, self.files_to_confirm, self.differing_members = rule, dict(files_to_confirm), differing_members
        self._recordings, self._state = recordings, state_folder
        self._lock = threading.Lock()
        self._read: set[str] = set()
        self._by_file_system: set[str] = set()
        self._new_results: list[IndexedFile] = []

    @classmethod
    def of(
        cls, assembly: Assembly, state_folder: Path, rule: ByteCheckRule, members: Container[str] | None = None
    ) -> "Confirmation":
        """Find what is due of an archive, or of some of its ``members`` by name. Raises CatalogError."""
        copied = [one for one in assembly.plan.copied if members is None or one.member in members]
        with Catalog.open(state_folder) as catalog:
            known = catalog.lookup({one.path: one.identity for one in copied})
        named = {member.name: member for member in assembly.layout.members} if copied else {}
        files_to_confirm: dict[str, FileToConfirm] = {}
        differing_members = set()
        for one in copied:
            member, indexed = named[one.member], known[one.path]
            # A cleaned copy of a text was made of the file just now, and has checksums of its own.
            if not isinstance(member.source, FileSource) or member.source.identity != one.identity:
                continue
            if indexed.differs_ms is not None:
                differing_members.add(one.member)
            if rule.is_due(indexed):
                files_to_confirm[one.member] = FileToConfirm(member, indexed)
        recordings = frozenset(one.member for one in copied if isinstance(one, PlannedRecording))
        in_order = {name: files_to_confirm[name] for name in named if name in files_to_confirm}
        return cls(rule, in_order, frozenset(differing_members), recordings, state_folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store_results()

    def add(self, other: "Confirmation") -> None:
        """Take up what is due of further members, of which nothing was done yet."""
        with self._lock:
            self.files_to_confirm |= other.files_to_confirm
            self.differing_members |= other.differing_members
            self._recordings |= other._recordings

    def checker(self) -> Checker:
        """Return what confirms all that is due, in the order of the archive."""
        return Checker([one.member for one in self.files_to_confirm.values()], self.record_result, self.is_trusted)

    def is_trusted(self, fd: int) -> bool:
        """Return whether an open file is confirmed by what it lies on; where all are to be read, none is."""
        return self.rule.check is not ByteCheckMode.ALWAYS and has_data_checksums(fd)

    def record_result(self, member: Member, read: int | None, error: ChecksumError | None) -> None:
        """Take up what became of a member; ``read`` is None for one that was trusted."""
        file = self.files_to_confirm[member.name]
        with self._lock:
            if error:
                self._new_results.append(replace(file.known, differs_ms=now_ms()))
                return
            whole = isinstance(member.source, FileSource) and not member.source.patches
            if read is None and member.fixity.size_bytes:
                self._by_file_system.add(member.name)
            else:
                self._read.add(member.name)
                if whole:  # where patches lie, the file's own bytes were not read
                    self._new_results.append(replace(file.known, confirmed_ms=now_ms(), differs_ms=None))

    @property
    def summary(self) -> str:
        """What became of the recordings, on one line: to be asked for when all that is due was confirmed."""
        if self.rule.check is ByteCheckMode.NEVER:
            return "bytes not confirmed (--no-check)"
        total, by_file_system = len(self._recordings), len(self._recordings & self._by_file_system)
        # What was hashed for this very export is not due: where all are to be read, it was read now as well.
        earlier = 0 if self.rule.check is ByteCheckMode.ALWAYS else len(self._recordings - self.files_to_confirm.keys())
        ways = {
            "read now": self.confirmed_count - earlier - by_file_system,
            f"within the last {plural(self.rule.days, 'day')}": earlier,
            "by the file system's own checksums": by_file_system,
        }
        how = ", ".join(f"{count:,} {way}" for way, count in ways.items() if count)
        return f"bytes confirmed: {self.confirmed_count:,} of {plural(total, 'recording')}" + (
            f" ({how})" if how else ""
        )

    @property
    def confirmed_count(self) -> int:
        """The number of recordings whose bytes are confirmed; none where none was to be."""
        if self.rule.check is ByteCheckMode.NEVER:
            return 0
        return len(self._recordings) - len(
            (self._recordings & self.files_to_confirm.keys()) - self._read - self._by_file_system
        )

    def store_results(self) -> None:
        """Have the index remember what was found; one that cannot be written is only slower."""
        with self._lock:
            new_results, self._new_results = self._new_results, []
        if new_results and self._state:
            with suppress(CatalogError), Catalog.open(self._state) as catalog:
                catalog.store(new_results)
