"""Downloads whose bytes are confirmed on the way: each file that is due is read through before its first byte goes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from labcrate.archive.checking import check_bytes
from labcrate.archive.entity import FileSegment, Segment
from labcrate.archive.layout import FileSource, Member
from labcrate.errors import OtherBytesError
from labcrate.export.confirmation import Confirmation, FileToConfirm
from labcrate.index.byte_checks import ByteCheckRule
from labcrate.web.archives.archive_cache import Archive

WAIT = b""
"""What stands between two steps of confirming: no byte of the archive, but another transfer may have its turn."""

_STEP_BYTES = 4 * 1024 * 1024
_LOOKED_UP = 100


class Confirmed:
    """One transfer of a part of an archive; ``said`` is what was confirmed for it, None where nothing was due."""

    def __init__(self, archive: Archive, state_folder: Path, days: int) -> None:
        self._archive, self._state_folder = archive, state_folder
        self._rule = ByteCheckRule.from_now(days=days)
        self._confirmation: Confirmation | None = None
        self._touched: Sequence[Member] = ()

    @property
    def said(self) -> str | None:
        """What was confirmed, on one line."""
        return self._confirmation.summary if self._confirmation and self._confirmation.files_to_confirm else None

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """Yield where the bytes of the archive come from, with ``WAIT`` while a file of them is confirmed.

        What is in no file of the range is not looked at. Raises OtherBytesError before the first byte of a file that
        holds other bytes, SourceChangedError and CatalogError.
        """
        places: dict[int, int] | None = None
        looked_up = 0
        begun: set[str] = set()
        try:
            for segment in self._archive.ready_entity.segments(start, stop):
                if isinstance(segment, FileSegment):
                    if places is None:
                        places = self._places(start, stop)
                    at = places.get(id(segment.source))
                    if at is not None:
                        if at >= looked_up:
                            looked_up = at + _LOOKED_UP
                            self._look_up(at, looked_up)
                        name = self._touched[at].name
                        if self._confirmation and name not in begun:
                            begun.add(name)
                            yield from _confirm(self._confirmation, name, segment.source.label)
                yield segment
        finally:
            if self._confirmation:
                self._confirmation.store_results()

    def _places(self, start: int, stop: int) -> dict[int, int]:
        """Find the members in a range, and the place of each among them by its source."""
        layout = self._archive.layout
        last = layout.member_at(min(stop, layout.directory_offset) - 1)
        self._touched = layout.members[layout.member_at(start) : last + 1]
        return {id(one.source): at for at, one in enumerate(self._touched) if isinstance(one.source, FileSource)}

    def _look_up(self, first: int, stop: int) -> None:
        """Find what is due of some members: of all of them at once, the first byte would wait for ten thousand."""
        names = {one.name for one in self._touched[first:stop] if isinstance(one.source, FileSource)}
        found = Confirmation.of(self._archive, self._state_folder, self._rule, names)
        if self._confirmation:
            self._confirmation.add(found)
        else:
            self._confirmation = found


def _confirm(confirmation: Confirmation, name: str, label: str) -> Iterator[Segment]:
    if name in confirmation.differing_members:
        raise OtherBytesError(label)
    file = confirmation.files_to_confirm.get(name)
    if file:
        yield WAIT
        yield from _read(confirmation, file)


def _read(confirmation: Confirmation, file: FileToConfirm) -> Iterator[Segment]:
    member = file.member
    assert isinstance(member.source, FileSource)  # noqa: S101 - only files are due
    read, since = None, 0
    try:
        for count in check_bytes(member.source, member.fixity, confirmation.is_trusted):
            read, since = (read or 0) + count, since + count
            if since >= _STEP_BYTES:
                since = 0
                yield WAIT
    except OtherBytesError as error:
        confirmation.record_result(member, read, error)
        raise
    confirmation.record_result(member, read, None)
