"""Confirm that the files of one archive match their checksums: which must be read, and the results."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from labcrate.archive.checking import Checker
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import CatalogError, ChecksumError
from labcrate.export.assemble import Assembly
from labcrate.index.byte_checks import ByteCheckMode, ByteCheckRule, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.lab.disk import has_data_checksums
from labcrate.messages.message import Message
from labcrate.plan.plan import CopiedFile, PlannedRecording


class FileToConfirm(Struct, frozen=True):
    """A file that must match its checksum before it is exported: its member, and its record in the index."""

    member: Member
    known: IndexedFile


class Confirmation:
    """The files of an archive that must be confirmed, by the name of their member.

    ``differing_members`` are known not to match their checksums. Any thread may call the methods.
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
    def of(cls, assembly: Assembly, state_folder: Path, rule: ByteCheckRule) -> "Confirmation":
        """Return the files to confirm of an archive. Raises CatalogError."""
        copied = {one.member: one for one in assembly.plan.copied}
        files = [(copied[member.name], member) for member in assembly.layout.members if member.name in copied]
        return cls.of_files(files, state_folder, rule)

    @classmethod
    def of_files(
        cls, files: Sequence[tuple[CopiedFile, Member]], state_folder: Path, rule: ByteCheckRule
    ) -> "Confirmation":
        """Return the files to confirm among files of an archive, in its order. Raises CatalogError."""
        with Catalog.open(state_folder) as catalog:
            known = catalog.lookup({one.path: one.identity for one, _ in files})
        files_to_confirm: dict[str, FileToConfirm] = {}
        differing_members = set()
        for one, member in files:
            indexed = known[one.path]
            # A text without its secrets was written for this export, and has checksums of its own.
            if not isinstance(member.source, FileSource) or member.source.identity != one.identity:
                continue
            if indexed.differs_ms is not None:
                differing_members.add(one.member)
            if rule.is_due(indexed):
                files_to_confirm[one.member] = FileToConfirm(member, indexed)
        recordings = frozenset(one.member for one, _ in files if isinstance(one, PlannedRecording))
        return cls(rule, files_to_confirm, frozenset(differing_members), recordings, state_folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store_results()

    def add(self, other: "Confirmation") -> None:
        """Add the files of further members, none of which was read yet."""
        with self._lock:
            self.files_to_confirm |= other.files_to_confirm
            self.differing_members |= other.differing_members
            self._recordings |= other._recordings

    def checker(self) -> Checker:
        """Return a checker of all files to confirm, in the order of the archive."""
        return Checker([one.member for one in self.files_to_confirm.values()], self.record_result, self.is_trusted)

    def is_trusted(self, fd: int) -> bool:
        """Return whether the file system confirms an open file; if all files are to be read, it does not count."""
        return self.rule.check is not ByteCheckMode.ALWAYS and has_data_checksums(fd)

    def record_result(self, member: Member, read: int | None, error: ChecksumError | None) -> None:
        """Record the result for a member; ``read`` is the number of bytes, None for one that was trusted."""
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
                if whole:  # of a patched file, some of its own bytes were not read
                    self._new_results.append(replace(file.known, confirmed_ms=now_ms(), differs_ms=None))

    @property
    def summary(self) -> Message:
        """Return how the recordings were confirmed, on one line, after all files were confirmed."""
        if self.rule.check is ByteCheckMode.NEVER:
            return Message("confirmation.none")
        total, by_file_system = len(self._recordings), len(self._recordings & self._by_file_system)
        # A file that was hashed for this export need not be confirmed; with --check it counts as read now.
        earlier = 0 if self.rule.check is ByteCheckMode.ALWAYS else len(self._recordings - self.files_to_confirm.keys())
        ways = []
        if now := self.confirmed_count - earlier - by_file_system:
            ways.append(Message("confirmation.read_now", number=now))
        if earlier:
            ways.append(Message("confirmation.earlier", number=earlier, count=self.rule.days))
        if by_file_system:
            ways.append(Message("confirmation.by_file_system", number=by_file_system))
        id = "confirmation.confirmed_how" if ways else "confirmation.confirmed"
        return Message(id, number=self.confirmed_count, count=total, **({"ways": ways} if ways else {}))

    @property
    def confirmed_count(self) -> int:
        """Return the number of confirmed recordings; 0 if none was to be confirmed."""
        if self.rule.check is ByteCheckMode.NEVER:
            return 0
        return len(self._recordings) - len(
            (self._recordings & self.files_to_confirm.keys()) - self._read - self._by_file_system
        )

    def store_results(self) -> None:
        """Store the results in the index; if that cannot be written, the next export only takes longer."""
        with self._lock:
            new_results, self._new_results = self._new_results, []
        if new_results and self._state:
            with suppress(CatalogError), Catalog.open(self._state) as catalog:
                catalog.store(new_results)
