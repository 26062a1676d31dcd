"""Archives in Python: session, tables and recordings, read from the ZIP without unpacking it."""

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
from labcrate.api.tables import read_parquet, read_table
from labcrate.archive.directory import ListedMember, printable_name, read_directory, size_limit_text
from labcrate.archive.members import open_zip
from labcrate.archive.names import unsafe_name_reason
from labcrate.archive.signature import read_public_key, verify_signed
from labcrate.archive.verify import Report, verify_archive
from labcrate.errors import UsageError, VerificationError
from labcrate.messages.message import Message
from labcrate.model.session import Session
from labcrate.plan import member_names as names
from labcrate.plan.plan import State

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64_000_000
"""Largest metadata or data package that is read, in bytes."""

_READ_ON_OPEN_BYTES = 1_000_000  # metadata up to this size are read when the archive is opened


class Archive:
    """A session archive that is open for reading; a context manager. Returned by ``labcrate.open``.

    The CRC-32 of documents and tables is checked when they are read, that of recordings is not: ``verify`` checks
    everything. ``session`` is the session as the lab described it, ``state`` says whether the export was complete.
    """

    def __init__(self, file: io.FileIO, path: Path) -> None:
        self.path = path
        self._file = file
        self._label = printable_name(os.fsencode(path.name))
        self._directory = read_directory(file.fileno(), self._label)
        self._members_by_name = {member.raw_name: member for member in self._directory.members}
        if len(self._members_by_name) < len(self._directory.members):
            raise self._damaged_error(Message("open.central_directory"), Message("open.name_twice"))
        head = self._read_metadata_head()
        self.session: Session = self._parse(names.METADATA, lambda: read_session(head))
        self.state: State = self._parse(names.METADATA, lambda: State(str(decode_value(head.state))))
        if self._members_by_name[names.METADATA.encode()].size_bytes <= _READ_ON_OPEN_BYTES:
            _ = self.metadata  # so that it can be used after ``close``, too

    def __repr__(self) -> str:
        return f"<labcrate.Archive {self._label}: session {self.session.id}, {self.state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive; frames and files that were read from it can still be used."""
        self._file.close()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Return the whole of ``data/session_metadata.json``; if it is over 1 MB, it is read on first use."""
        data = self._read_document(names.METADATA, MAX_DOCUMENT_BYTES)
        return self._parse(names.METADATA, lambda: msgspec.json.decode(data, type=dict[str, Any]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the export."""
        return tuple(map(str, self.metadata.get("warnings", ())))

    @property
    def members(self) -> tuple[str, ...]:
        """Return the names of all files in the archive, in their order; names that no export has are escaped."""
        members = self._directory.members
        return tuple(
            member.name if unsafe_name_reason(member.raw_name) else member.raw_name.decode() for member in members
        )

    @cached_property
    def recordings(self) -> pl.DataFrame:
        """Return one row per recording (``data/recordings.csv``): file, camera, start, end, duration_s, codec, ..."""
        return self.table(names.RECORDINGS_CSV)

    @cached_property
    def readings(self) -> pl.DataFrame:
        """Return one row per reading (``data/zigbee-sensors.csv``), in time order: timestamp, topic, values, ...

        They come from ``data/zigbee-sensors.parquet`` if the CSV was left out. Raises UsageError if both were.
        """
        only_parquet = names.ZIGBEE_CSV not in self._columns and names.ZIGBEE_PARQUET in self._columns
        return self.table(names.ZIGBEE_PARQUET if only_parquet else names.ZIGBEE_CSV)

    def table(self, name: str) -> pl.DataFrame:
        """Return a CSV or Parquet table that the archive's data package describes, with typed columns; times are UTC.

        Raises UsageError for any other name, VerificationError for a damaged table.
        """
        if name not in self._columns:
            tables = list(self._columns)
            raise UsageError(Message("open.no_table", name=name, archive=self._label, tables=tables))
        data, read = self._read_document(name), read_parquet if name.endswith(".parquet") else read_table
        return self._parse(name, lambda: read(data, self._columns[name]))

    def open(self, name: str) -> BinaryIO:
        """Open one file of the archive for binary reading without unpacking it; the file is seekable.

        Raises UsageError if there is no such file, VerificationError if its data cannot be found.
        """
        member = self._members_by_name.get(name.encode("utf-8", "surrogatepass"))
        if member is None:
            raise UsageError(Message("open.no_member", name=name, archive=self._label))
        return cast("BinaryIO", io.BufferedReader(self._open_member(member)))

    def verify(
        self,
        progress: Callback | None = None,
        *,
        key: str | os.PathLike[str] | None = None,
        signature: str | os.PathLike[str] | None = None,
    ) -> Report:
        """Check every byte, CRC-32 and SHA-256; without findings the archive is complete and unaltered.

        With ``key`` (the lab's public key: its text, or its file) also check that the archive was signed by that key;
        ``signature`` is the file with the signature (None: ``NAME.zip.minisig`` beside the archive). Raises
        VerificationError if the archive is too damaged to be checked, UsageError for an invalid key.
        """
        total = sum(member.size_bytes for member in self._directory.members)
        advance = StageProgress("verifying", progress, total).advance
        if key is None:
            if signature is not None:
                raise UsageError(Message("open.signature_without_key"))
            return verify_archive(self.path, advance)
        return verify_signed(self.path, read_public_key(key), Path(signature) if signature else None, advance)

    @cached_property
    def _columns(self) -> dict[str, list[tuple[str, str]]]:
        data = self._read_document(names.DATAPACKAGE, MAX_DOCUMENT_BYTES // 4)
        return self._parse(names.DATAPACKAGE, lambda: read_table_columns(data))

    def _read_metadata_head(self) -> MetadataHead:
        if names.METADATA.encode() not in self._members_by_name:
            raise VerificationError(Message("open.no_session_archive", archive=self._label, file=names.METADATA))
        data = self._read_document(names.METADATA, MAX_DOCUMENT_BYTES)
        head = self._parse(names.METADATA, lambda: read_head(data))
        if problem := self._parse(names.METADATA, lambda: format_problem(head)):
            raise VerificationError(Message("open.other_format", archive=self._label, problem=problem))
        return head

    def _parse(self, member: str, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except (ValueError, RecursionError) as error:
            raise self._damaged_error(member, str(error)) from error

    def _read_document(self, name: str, max_bytes: int | None = None) -> bytes:
        """Return the content of a file of at most ``max_bytes``, after checking its CRC-32."""
        member = self._members_by_name.get(name.encode())
        if member is None:
            raise self._damaged_error(name, Message("open.missing"))
        if max_bytes is not None and member.size_bytes > max_bytes:
            limit = size_limit_text(member.size_bytes, max_bytes)
            raise self._damaged_error(name, Message("open.too_large", limit=limit))
        with io.BufferedReader(self._open_member(member)) as file:  # reads into one buffer, without a copy
            data = file.read(member.size_bytes)
        if isal_zlib.crc32(data) != member.crc32:
            raise self._damaged_error(name, Message("open.other_crc32"))
        return data

    def _open_member(self, member: ListedMember) -> MemberFile:
        if not member.is_stored:
            raise self._damaged_error(member.name, Message("open.compressed"))
        fd = self._file.fileno()
        start = data_start(fd, member)
        if start is None or start + member.size_bytes > self._directory.offset:
            raise self._damaged_error(member.name, Message("open.not_in_place"))
        return MemberFile(os.dup(fd), start, member.size_bytes, member.name)

    def _damaged_error(self, member: str, problem: str) -> VerificationError:
        return VerificationError(Message("open.damaged", archive=self._label, member=member, problem=problem))


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open a session archive for reading, without unpacking it. Close it, or use it in a ``with`` statement.

    Raises UsageError if the file cannot be opened; VerificationError if it is not a ZIP, damaged, not exported by
    labcrate, or of a newer format version.
    """
    absolute_path = Path(path).absolute()
    fd, _ = open_zip(absolute_path)
    file = io.FileIO(fd)
    try:
        return Archive(file, absolute_path)
    except BaseException:
        file.close()
        raise
