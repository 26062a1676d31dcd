"""Downloads that check bytes: each file that is due for a check is read completely before its first byte is sent."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from labcrate.archive.checking import check_bytes
from labcrate.archive.entity import FileSegment, Segment
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import ChecksumError
from labcrate.export.confirmation import Confirmation, FileToConfirm
from labcrate.index.byte_checks import ByteCheckRule
from labcrate.plan.plan import CopiedFile
from labcrate.web.archives.archive_cache import PlannedArchive

PAUSE = b""
"""An empty segment between two steps of a check: it lets other transfers have their turn."""

_STEP_BYTES = 4 * 1024 * 1024
_MEMBERS_PER_LOOKUP = 100


class CheckedDownload:
    """One transfer of a part of an archive, whose files are checked if their last check was over ``days`` ago."""

    def __init__(self, archive: PlannedArchive, state_folder: Path, days: int) -> None:
        self._archive, self._state_folder = archive, state_folder
        self._rule = ByteCheckRule.from_now(days=days)
        self._confirmation: Confirmation | None = None
        self._members: Sequence[Member] = ()
        self._copied: Mapping[str, CopiedFile] = {}

    @property
    def summary(self) -> str | None:
        """Return what was checked, on one line; None if nothing was due."""
        return self._confirmation.summary if self._confirmation and self._confirmation.files_to_confirm else None

    def generated_sources(self, start: int, stop: int) -> list[FileSource]:
        """Return the sources of the members in a range that are written when they are opened first."""
        layout = self._archive.layout
        last = layout.member_at(min(stop, layout.directory_offset) - 1)
        sources = [one.source for one in layout.members[layout.member_at(start) : last + 1]]
        return [one for one in sources if isinstance(one, FileSource) and one.is_generated]

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """Yield the segments of the archive's bytes from ``start`` to ``stop``, and ``PAUSE`` while a file is checked.

        Only files in this range are checked. Raises ChecksumError before the first byte of a file that does not match
        its checksum, SourceChangedError and CatalogError.
        """
        positions: dict[int, int] | None = None
        lookup_end = 0
        checked_names: set[str] = set()
        try:
            for segment in self._archive.ready_entity.segments(start, stop):
                if isinstance(segment, FileSegment):
                    if positions is None:
                        positions = self._file_positions(start, stop)
                    position = positions.get(id(segment.source))
                    if position is not None:
                        if position >= lookup_end:
                            lookup_end = position + _MEMBERS_PER_LOOKUP
                            self._add_due(position, lookup_end)
                        name = self._members[position].name
                        if self._confirmation and name not in checked_names:
                            checked_names.add(name)
                            yield from _check_member(self._confirmation, name, segment.source.label)
                yield segment
        finally:
            if self._confirmation:
                self._confirmation.store_results()

    def _file_positions(self, start: int, stop: int) -> dict[int, int]:
        """Find the members in a range; return the position among them of each file, by the id of its source."""
        layout = self._archive.layout
        last = layout.member_at(min(stop, layout.directory_offset) - 1)
        self._members = layout.members[layout.member_at(start) : last + 1]
        self._copied = {one.member: one for one in self._archive.plan.copied}
        return {
            id(one.source): position for position, one in enumerate(self._members) if isinstance(one.source, FileSource)
        }

    def _add_due(self, first: int, stop: int) -> None:
        """Find which of some members are due for a check. Looking up all at once would delay the first byte."""
        members = self._members[first:stop]
        files = [(self._copied[member.name], member) for member in members if member.name in self._copied]
        confirmation = Confirmation.of_files(files, self._state_folder, self._rule)
        if self._confirmation:
            self._confirmation.add(confirmation)
        else:
            self._confirmation = confirmation


def _check_member(confirmation: Confirmation, name: str, label: str) -> Iterator[Segment]:
    if name in confirmation.differing_members:
        raise ChecksumError(label)
    file = confirmation.files_to_confirm.get(name)
    if file:
        yield PAUSE
        yield from _read_and_check(confirmation, file)


def _read_and_check(confirmation: Confirmation, file: FileToConfirm) -> Iterator[Segment]:
    member = file.member
    assert isinstance(member.source, FileSource)  # noqa: S101 - only files are due
    read_bytes, unreported_bytes = None, 0
    try:
        for count in check_bytes(member.source, member.fixity, confirmation.is_trusted):
            read_bytes, unreported_bytes = (read_bytes or 0) + count, unreported_bytes + count
            if unreported_bytes >= _STEP_BYTES:
                unreported_bytes = 0
                yield PAUSE
    except ChecksumError as error:
        confirmation.record_result(member, read_bytes, error)
        raise
    confirmation.record_result(member, read_bytes, None)
