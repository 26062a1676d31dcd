"""Make the layout of an archive from a plan: generate the documents, hash them, and sort the members."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from labcrate.archive.directory import MAX_IN_MEMORY_BYTES, MAX_MEMBERS
from labcrate.archive.layout import BytesSource, FileSource, Layout, Member
from labcrate.archive.manifest import manifest_line
from labcrate.errors import UsageError
from labcrate.export.documents.crate import crate_document
from labcrate.export.documents.datapackage import datapackage, recordings_csv
from labcrate.export.documents.metadata import (
    UNKNOWN_SHA256,
    devices_document,
    recording_object,
    session_metadata,
    to_json,
)
from labcrate.export.documents.readme import readme
from labcrate.export.media_types import media_type
from labcrate.export.reading_tables import TABLE_NAMES, Columns, ReadingTable, message_texts, reading_tables
from labcrate.export.redact import Replacements, check_generated, read_chunks
from labcrate.export.spool import Spool, Stored, file_source
from labcrate.export.table_files import MANY_READINGS, TableFiles, describe_many
from labcrate.lab.lab_files import FileReader
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity
from labcrate.model.timespan import from_ns
from labcrate.plan import member_names as names
from labcrate.plan.options import DataKind
from labcrate.plan.plan import CopiedFile, FileKind, Plan
from labcrate.plan.summary import MemberDescription, describe_file, describe_recording
from labcrate.readings.write.table_writers import write_text
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets

Tables = Mapping[str, Columns]
"""The columns of the tables that labcrate makes from the readings, by their names in the archive."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """An archive with a description of each member; ready to be written if the hashes of all members are known.

    ``table_files`` are tables that are written when they are needed, if there are any.
    """

    plan: Plan
    layout: Layout
    descriptions: tuple[MemberDescription, ...]
    table_files: TableFiles | None

    @property
    def has_all_tables(self) -> bool:
        """Return whether the hashes of all tables are known."""
        return self.table_files is None or self.table_files.is_complete


class _ArchiveBuilder:
    """The members of one archive while they are collected; they are sorted at the end."""

    def __init__(
        self,
        files: FileReader,
        plan: Plan,
        spool: Spool,
        tables: Mapping[str, Member],
        replacements: Replacements,
        matcher: Matcher,
    ) -> None:
        self.files, self.plan, self.spool, self.tables = files, plan, spool, tables
        self.replacements, self.matcher = replacements, matcher
        self.table_files: TableFiles | None = None
        self.sizes: Mapping[str, int] = {}
        self.members: dict[str, Member] = {}
        self.descriptions: dict[str, MemberDescription] = {}
        self.mtime_ns = int(plan.latest_change.timestamp()) * 1_000_000_000

    def add_document(self, name: str, media_type: str, description: str, content: bytes) -> None:
        """Add a generated document. Raises LabcrateError if it contains a secret, which is a defect of labcrate."""
        check_generated(self.matcher, name, [content])
        self._add(name, media_type, description, Fixity.of_bytes(content), self.mtime_ns, BytesSource(content))

    def add_tables(self, tables: Sequence[ReadingTable], *, later: bool) -> None:
        """Add tables of the readings; existing ones are reused, those that are text are written together.

        With ``later``, the text tables of very many readings are written when they are needed.
        """
        if len(self.plan.readings) >= MANY_READINGS:
            self._add_large_tables(tables, later=later)
        else:
            self._add_small_tables(tables)

    def _add_large_tables(self, tables: Sequence[ReadingTable], *, later: bool) -> None:
        readings, session_id = self.plan.readings, self.plan.session.id
        files = TableFiles(readings, session_id, tables, self.sizes, self.spool.folder, self.matcher)
        self.table_files = files
        written = {} if later else files.write()
        for table in tables:
            if found := self.tables.get(table.name):
                fixity, source = found.fixity, found.source
            elif table.name in written:
                fixity, source = written[table.name]
            elif table.text:
                fixity, source = files.fixities[table.name], files.source(table.name)
            else:
                fixity, source = self.spool.write(table.name, table.writer)
            self._add(table.name, media_type(table.name), table.description, fixity, self.mtime_ns, source)

    def _add_small_tables(self, tables: Sequence[ReadingTable]) -> None:
        written: dict[str, Stored] = {}
        texts = [(table.name, table.text) for table in tables if table.text and table.name not in self.tables]
        if texts:
            labels = [name for name, _ in texts]
            writer = partial(write_text, self.plan.readings, self.plan.session.id, [text for _, text in texts])
            written = dict(zip(labels, self.spool.write_several(labels, writer), strict=True))
        for table in tables:
            if found := self.tables.get(table.name):
                fixity, source = found.fixity, found.source
            else:
                fixity, source = written.get(table.name) or self.spool.write(table.name, table.writer)
                check_generated(self.matcher, table.name, read_chunks(source))
            self._add(table.name, media_type(table.name), table.description, fixity, self.mtime_ns, source)

    def add_file(self, item: CopiedFile, description: str) -> None:
        """Add a file of the lab or of a recorder unchanged, or its replacement without secrets."""
        source = self.replacements.get(item.member) or file_source(self.files, item)
        fixity = item.fixity or Fixity(item.identity.size_bytes, 0, "")
        self._add(item.member, media_type(item.member), description, fixity, item.identity.mtime_ns, source)

    def _add(
        self,
        name: str,
        media_type: str,
        description: str,
        fixity: Fixity,
        mtime_ns: int,
        source: BytesSource | FileSource,
    ) -> None:
        self.members[name] = Member(name, fixity, mtime_ns, source)
        sha256 = fixity.sha256 or UNKNOWN_SHA256
        self.descriptions[name] = MemberDescription(
            name, description, media_type, fixity.size_bytes, sha256, from_ns(mtime_ns)
        )

    def layout(self) -> Layout:
        """Return all members in their order."""
        return Layout([self.members[name] for name in sorted(self.members, key=_sort_key)])

    def sorted_descriptions(self) -> list[MemberDescription]:
        """Return the descriptions of the members so far, in their order."""
        return [self.descriptions[name] for name in sorted(self.descriptions, key=_sort_key)]


_ORDER = (
    names.README,
    names.METADATA,
    names.DEVICES,
    *TABLE_NAMES,
    names.SENSOR_DATA,  # other files of the session's own folder
    names.RECORDINGS_CSV,
    names.CRATE,
    names.DATAPACKAGE,
    names.MANIFEST,
    names.SESSION_FILES,  # all other files of the session's own folder
    names.RECORDINGS,
)

_RECORDINGS, _LAST = f"{names.RECORDINGS}/", len(_ORDER) - 1


def _sort_key(name: str) -> tuple[int, str]:
    """Return the position of a member: documents in the order of the specification, session files, recordings."""
    if name.startswith(_RECORDINGS):  # there may be thousands of them
        return _LAST, name
    if name in _ORDER:
        return _ORDER.index(name), ""
    folder = names.SENSOR_DATA if name.startswith(f"{names.SENSOR_DATA}/") else names.SESSION_FILES
    return _ORDER.index(folder), name


def assemble(
    files: FileReader,
    plan: Plan,
    spool: Spool,
    same_session: Iterable[Assembly] = (),
    replacements: Replacements | None = None,
    matcher: Matcher | None = None,
    *,
    tables_later: bool = False,
) -> Assembly:
    """Generate every document of the plan into the spool, and return the archive.

    A document that has the hashes of others is generated after them: tables, metadata, README, data package, crate,
    manifest. Tables of an archive of ``same_session`` are reused if they would be the same. ``replacements`` are the
    sources without secrets. Generated documents are searched for the secrets of ``matcher``. With ``tables_later``,
    the tables of very many readings are written when they are needed (see `TableFiles`).
    """
    alike = [one for one in same_session if _have_same_tables(one.plan, plan)]
    made = {name: member for one in alike for name, member in _generated_tables(one).items()}
    builder = _ArchiveBuilder(files, plan, spool, made, replacements or {}, matcher or Matcher(Secrets()))
    for recording in plan.recordings:
        builder.add_file(recording, describe_recording(recording))
    tables = _add_tables(builder, later=tables_later)
    for file in plan.session_files:
        if file.kind is not FileKind.SENSOR_DATA:
            builder.add_file(file, describe_file(file))
    rows = Message("document.recordings_csv", count=len(plan.recordings))
    recording_objects = [recording_object(recording) for recording in plan.recordings]
    builder.add_document(names.RECORDINGS_CSV, "text/csv", rows, recordings_csv(recording_objects, plan.session.id))
    metadata = to_json(session_metadata(plan, recording_objects))
    builder.add_document(names.METADATA, "application/json", Message("document.metadata"), metadata)
    devices = to_json(devices_document(plan))
    builder.add_document(names.DEVICES, "application/json", Message("document.devices"), devices)
    _add_readme(builder, tables)
    package = to_json(datapackage(plan, list(builder.descriptions.values()), tables))
    builder.add_document(names.DATAPACKAGE, "application/json", _DOCUMENT_DESCRIPTIONS[names.DATAPACKAGE], package)
    crate = to_json(
        crate_document(
            plan,
            [
                *builder.sorted_descriptions(),
                MemberDescription(names.MANIFEST, _DOCUMENT_DESCRIPTIONS[names.MANIFEST], "text/plain"),
            ],
        )
    )
    builder.add_document(names.CRATE, "application/ld+json", _DOCUMENT_DESCRIPTIONS[names.CRATE], crate)
    manifest = "".join(manifest_line(p.sha256 or "", p.name) for p in builder.sorted_descriptions())
    builder.add_document(names.MANIFEST, "text/plain", _DOCUMENT_DESCRIPTIONS[names.MANIFEST], manifest.encode())
    layout = builder.layout()
    check_limits(plan.session.id, layout, len(manifest.encode()))
    return Assembly(plan, layout, tuple(builder.sorted_descriptions()), builder.table_files)


def check_limits(session_id: str, layout: Layout, manifest_bytes: int) -> None:
    """Raise UsageError for an archive that is larger than ``verify`` reads."""
    if len(layout.members) > MAX_MEMBERS:
        id = "archive.too_many_files"
    elif max(layout.directory_bytes, manifest_bytes) > MAX_IN_MEMORY_BYTES:
        id = "archive.names_too_long"
    else:
        return
    raise UsageError(Message(id, session=session_id, files=len(layout.members), most=MAX_MEMBERS))


_DOCUMENT_DESCRIPTIONS = {
    names.README: Message("document.readme"),
    names.CRATE: Message("document.crate"),
    names.DATAPACKAGE: Message("document.datapackage"),
    names.MANIFEST: Message("document.manifest"),
}


def _have_same_tables(one: Plan, other: Plan) -> bool:
    """Return whether the tables of two plans are the same, because their writers get the same readings."""
    readings, others = one.readings, other.readings
    return (
        one.session.id == other.session.id
        and 0 < len(readings) == len(others)
        and readings.topics == others.topics
        and readings.has_same_rows(others)
    )


def _generated_tables(assembly: Assembly) -> Mapping[str, Member]:
    """Return the generated tables, without those of the session's own folder that have such a name."""
    own = {file.member for file in assembly.plan.session_files}
    members = {
        member.name: member
        for member in assembly.layout.members
        if member.name in TABLE_NAMES and member.name not in own
    }
    written = assembly.table_files.written if assembly.table_files else {}
    for name, (fixity, source) in written.items():
        if name in members:
            members[name] = msgspec.structs.replace(members[name], fixity=fixity, source=source)
    return {name: member for name, member in members.items() if member.fixity.sha256}


def _add_tables(builder: _ArchiveBuilder, *, later: bool) -> Tables:
    """Add the session's own sensor files and the chosen tables. Return the columns of the tables that have some.

    A file of the session's own with the name of a table takes its place.
    """
    plan = builder.plan
    if plan.options.only is DataKind.RECORDINGS:
        return {}
    for file in plan.session_files:
        if file.kind is FileKind.SENSOR_DATA:
            builder.add_file(file, describe_file(file))
    if len(plan.readings) >= MANY_READINGS:
        builder.sizes = describe_many(plan.readings, plan.session.id)
    tables = [table for table in reading_tables(plan) if table.name not in builder.descriptions]
    builder.add_tables(tables, later=later)
    if names.ZIGBEE_JSON not in builder.descriptions and names.ZIGBEE_CSV not in builder.descriptions:
        # The secrets of a compressed table would not be found in it.
        check_generated(builder.matcher, names.ZIGBEE_PARQUET, message_texts(plan.readings))
    return {table.name: table.columns for table in tables if table.columns}


def _add_readme(builder: _ArchiveBuilder, tables: Tables) -> None:
    later = [
        MemberDescription(name, text, "text/plain")
        for name, text in _DOCUMENT_DESCRIPTIONS.items()
        if name not in builder.descriptions
    ]
    ordered = sorted([*builder.sorted_descriptions(), *later], key=lambda one: _sort_key(one.name))
    text = readme(builder.plan, ordered, tables)
    builder.add_document(names.README, "text/plain", _DOCUMENT_DESCRIPTIONS[names.README], text)
