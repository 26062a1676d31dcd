"""An archive as Python sees it: session, tables and recordings, read in place without unpacking."""

import io
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar, cast

import msgspec
import polars as pl
from isal import isal_zlib

from labcrate.api.member_file import MemberFile, data_start
from labcrate.api.metadata import (
    MetadataHead,
    decode_value,
    format_problem,
    read_head,
    read_session,
    read_table_columns,
)
from labcrate.api.progress import Callback, StageProgress
from labcrate.api.tables import read_table
from labcrate.archive.directory import ListedMember, printable_name, read_directory, size_limit_text
from labcrate.archive.members import open_zip
from labcrate.archive.names import unsafe_name_reason
from labcrate.archive.signature import read_public_key, verify_signed
from labcrate.archive.verify import Report, verify_archive
from labcrate.errors import UsageError, VerificationError
from labcrate.model.session import Session
from labcrate.plan import member_names as names
from labcrate.plan.plan import State

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64_000_000
"""The bytes that metadata or data package may have to be read."""

_READ_ON_OPEN_BYTES = 1_000_000  # metadata up to this size are there before they are asked for


class Archive:
    """A session archive that is open for reading; a context manager. Made by ``labcrate.open``.

    Documents and tables are checked against their CRC-32 when they are read, recordings are not:
    ``verify`` checks all of it. ``session`` is the session as the lab described it, ``state`` how whole the export was.
    """

    def __init__(self, file: io.FileIO, path: Path) -> None:
        self.path = path
        self._file = file
        self._label = printable_name(os.fsencode(path.name))
        self._directory = read_directory(file.fileno(), self._label)
        self._members_by_name = {member.raw_name: member for member in self._directory.members}
        if len(self._members_by_name) < len(self._directory.members):
            raise self._damaged_error("its central directory", "a name is there twice")
        head = self._read_metadata_head()
        self.session: Session = self._parse(names.METADATA, lambda: read_session(head))
        self.state: State = self._parse(names.METADATA, lambda: State(str(decode_value(head.state))))
        if self._members_by_name[names.METADATA.encode()].size_bytes <= _READ_ON_OPEN_BYTES:
            _ = self.metadata  # so that it is there after ``close``, too

    def __repr__(self) -> str:
        return f"<labcrate.Archive {self._label}: session {self.session.id}, {self.state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive; frames and files that were taken from it stay usable."""
        self._file.close()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The whole of ``data/session_metadata.json``; over 1 MB it is read when it is first asked for."""
        data = self._read_document(names.METADATA, MAX_DOCUMENT_BYTES)
        return self._parse(names.METADATA, lambda: msgspec.json.decode(data, type=dict[str, Any]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was worth knowing when it was exported."""
        return tuple(map(str, self.metadata.get("warnings", ())))

    @property
    def members(self) -> tuple[str, ...]:
        """The names of all files in the archive, in their order; those that no export gives, escaped."""
        members = self._directory.members
        return tuple(
            member.name if unsafe_name_reason(member.raw_name) else member.raw_name.decode() for member in members
        )

    @cached_property
    def recordings(self) -> pl.DataFrame:
        """One row per recording (``data/recordings.csv``): file, camera, start, end, duration_s, codec, ..."""
        return self.table(names.RECORDINGS_CSV)

    @cached_property
    def readings(self) -> pl.DataFrame:
        """One row per reading (``data/zigbee-sensors.csv``), in time order: timestamp, topic, device_id, values."""
        return self.table(names.ZIGBEE_CSV)

    def table(self, name: str) -> pl.DataFrame:
        """A CSV that the archive's data package describes, with typed columns; times are UTC.

        Raises UsageError for any other name, VerificationError for a table that is damaged.
        """
        if name not in self._columns:
            raise UsageError(f"{name} is no table that {self._label} describes; it has {', '.join(self._columns)}.")
        data = self._read_document(name)
        return self._parse(name, lambda: read_table(data, self._columns[name]))

    def open(self, name: str) -> BinaryIO:
        """Open one file of the archive for reading in binary, seekable, without unpacking it.

        Raises UsageError when there is no such file, VerificationError when it is not where the
        archive says.
        """
        member = self._members_by_name.get(name.encode("utf-8", "surrogatepass"))
        if member is None:
            raise UsageError(f"There is no {name} in {self._label}; its attribute 'members' lists what there is.")
        return cast("BinaryIO", io.BufferedReader(self._open_member(member)))

    def verify(
        self,
        progress: Callback | None = None,
        *,
        key: str | os.PathLike[str] | None = None,
        signature: str | os.PathLike[str] | None = None,
    ) -> Report:
        """Check every byte, CRC-32 and SHA-256 against the manifest; without findings the archive is whole.

        With ``key`` (the lab's public key: its text, or the file that holds it) also that it was signed by that key:
        ``signature`` is the file, ``NAME.zip.minisig`` beside the archive unless it is named.
        Raises VerificationError where damage is such that nothing can be compared, UsageError for what is no key.
        """
        total = sum(member.size_bytes for member in self._directory.members)
        advance = StageProgress("verifying", progress, total).advance
        if key is None:
            if signature is not None:
                raise UsageError("A signature says nothing without the key that it is to be by; name that, too: key.")
            return verify_archive(self.path, advance)
        return verify_signed(self.path, read_public_key(key), Path(signature) if signature else None, advance)

    @cached_property
    def _columns(self) -> dict[str, list[tuple[str, str]]]:
        data = self._read_document(names.DATAPACKAGE, MAX_DOCUMENT_BYTES // 4)
        return self._parse(names.DATAPACKAGE, lambda: read_table_columns(data))

    def _read_metadata_head(self) -> MetadataHead:
        if names.METADATA.encode() not in self._members_by_name:
            raise VerificationError(
                f"{self._label} is a ZIP, but no session archive: it has no {names.METADATA}. "
                "Name a file that labcrate exported."
            )
        data = self._read_document(names.METADATA, MAX_DOCUMENT_BYTES)
        head = self._parse(names.METADATA, lambda: read_head(data))
        if problem := self._parse(names.METADATA, lambda: format_problem(head)):
            raise VerificationError(f"{self._label} {problem}")
        return head

    def _parse(self, member: str, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except (ValueError, RecursionError) as error:
            raise self._damaged_error(member, str(error)) from error

    def _read_document(self, name: str, max_bytes: int | None = None) -> bytes:
        """The whole of a file of at most so many bytes, known to be what was packed."""
        member = self._members_by_name.get(name.encode())
        if member is None:
            raise self._damaged_error(name, "it is missing")
        if max_bytes is not None and member.size_bytes > max_bytes:
            raise self._damaged_error(name, f"it is {size_limit_text(member.size_bytes, max_bytes)}")
        with io.BufferedReader(self._open_member(member)) as file:  # which reads into the one place where it is kept
            data = file.read(member.size_bytes)
        if isal_zlib.crc32(data) != member.crc32:
            raise self._damaged_error(name, "its CRC-32 is another")
        return data

    def _open_member(self, member: ListedMember) -> MemberFile:
        if not member.is_stored:
            raise self._damaged_error(member.name, "it is compressed, so another program packed it again")
        fd = self._file.fileno()
        start = data_start(fd, member)
        if start is None or start + member.size_bytes > self._directory.offset:
            raise self._damaged_error(member.name, "it is not where the central directory says")
        return MemberFile(os.dup(fd), start, member.size_bytes, member.name)

    def _damaged_error(self, member: str, what: str) -> VerificationError:
        return VerificationError(
            f"{self._label} is damaged at {member}: {what}. 'labcrate verify' tells more; export or copy it again."
        )


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open a session archive for reading, without unpacking it. Close it, or use it in a ``with``.

    Raises UsageError when the file cannot be opened; VerificationError when it is no ZIP, a damaged
    one, no archive of labcrate's, or one of a newer format version.
    """
    absolute_path = Path(path).absolute()
    fd, _ = open_zip(absolute_path)
    file = io.FileIO(fd)
    try:
        return Archive(file, absolute_path)
    except BaseException:
        file.close()
        raise
