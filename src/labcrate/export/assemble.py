"""From a plan to the archive's layout: generates the documents, hashes them, puts all in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
from labcrate.export.redact import Replacements, check_generated, read_chunks
from labcrate.export.spool import Spool, file_source
from labcrate.lab.lab_files import FileReader
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity
from labcrate.model.timespan import from_ns
from labcrate.plan import member_names as names
from labcrate.plan.options import DataKind
from labcrate.plan.plan import CopiedFile, FileKind, Plan
from labcrate.plan.summary import MemberDescription, describe_file, describe_readings, describe_recording, plural
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.table_writers import TableWriter, table_writers
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets

Columns = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Assembly:
    """An archive ready to be written, with a line about each of its members."""

    plan: Plan
    layout: Layout
    parts: tuple[MemberDescription, ...]


class _ArchiveBuilder:
    """Collects the members of one archive; order is decided in the end."""

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
        self.members: dict[str, Member] = {}
        self.parts: dict[str, MemberDescription] = {}
        self.mtime_ns = int(plan.latest_change.timestamp()) * 1_000_000_000

    def add_document(self, name: str, media_type: str, description: str, content: bytes) -> None:
        """Add a generated document. Raises LabcrateError where a secret came into it, which is a mistake of ours."""
        check_generated(self.matcher, name, [content])
        self._add(name, media_type, description, Fixity.of_bytes(content), self.mtime_ns, BytesSource(content))

    def add_table(self, name: str, media_type: str, description: str, writer: TableWriter) -> None:
        """Add a table of the readings; one that stands already is not written again."""
        if found := self.tables.get(name):
            self._add(name, media_type, description, found.fixity, self.mtime_ns, found.source)
        else:
            fixity, source = self.spool.write(name, writer)
            check_generated(self.matcher, name, read_chunks(source))
            self._add(name, media_type, description, fixity, self.mtime_ns, source)

    def file(self, item: CopiedFile, description: str) -> None:
        """Add a file of the lab or of a recorder as it is, or what stands for it without its secrets."""
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
        self.parts[name] = MemberDescription(
            name, description, media_type, fixity.size_bytes, sha256, from_ns(mtime_ns)
        )

    def layout(self) -> Layout:
        """All members in their order."""
        return Layout([self.members[name] for name in sorted(self.members, key=_sort_key)])

    def ordered_parts(self) -> list[MemberDescription]:
        """What is there so far, in its order."""
        return [self.parts[name] for name in sorted(self.parts, key=_sort_key)]


_ORDER = (
    names.README,
    names.METADATA,
    names.DEVICES,
    names.ZIGBEE_JSON,
    names.ZIGBEE_CSV,
    names.SENSOR_JSON,
    names.SENSOR_CSV,
    names.SENSOR_DATA,  # other files of the session's own folder
    names.RECORDINGS_CSV,
    names.CRATE,
    names.DATAPACKAGE,
    names.MANIFEST,
    names.SESSION_FILES,  # whatever else the session's own folder holds
    names.RECORDINGS,
)

_RECORDINGS, _LAST = f"{names.RECORDINGS}/", len(_ORDER) - 1


def _sort_key(name: str) -> tuple[int, str]:
    """Where a member comes: the documents in the order of the design, then the session's files and recordings."""
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
) -> Assembly:
    """Generate every document of the plan into the spool and lay the archive out.

    Documents come before those that tell their hashes: tables, metadata, README, data package,
    crate, manifest. Tables are taken from an archive of ``same_session`` where they would come out the
    same. ``redacted`` stands for files that hold secrets; what is generated is searched for those of ``matcher``.
    """
    tables = next((_generated_tables(one) for one in same_session if _have_same_tables(one.plan, plan)), {})
    builder = _ArchiveBuilder(files, plan, spool, tables, replacements or {}, matcher or Matcher(Secrets()))
    for recording in plan.recordings:
        builder.file(recording, describe_recording(recording))
    zigbee, sensors = _add_tables(builder)
    for file in plan.session_files:
        if file.kind is not FileKind.SENSOR_DATA:
            builder.file(file, describe_file(file))
    rows = plural(len(plan.recordings), "recording")
    recording_objects = [recording_object(recording) for recording in plan.recordings]
    builder.add_document(
        names.RECORDINGS_CSV, "text/csv", f"one row per recording: {rows}", recordings_csv(recording_objects)
    )
    metadata = to_json(session_metadata(plan, recording_objects))
    builder.add_document(
        names.METADATA, "application/json", "the session, its recordings, sensors and warnings", metadata
    )
    devices = to_json(devices_document(plan))
    builder.add_document(names.DEVICES, "application/json", "the session's cameras and Zigbee devices", devices)
    _add_readme(builder, zigbee, sensors)
    package = to_json(datapackage(plan, list(builder.parts.values()), zigbee, sensors))
    builder.add_document(names.DATAPACKAGE, "application/json", _DOCUMENT_DESCRIPTIONS[names.DATAPACKAGE], package)
    crate = to_json(
        crate_document(
            plan,
            [
                *builder.ordered_parts(),
                MemberDescription(names.MANIFEST, _DOCUMENT_DESCRIPTIONS[names.MANIFEST], "text/plain"),
            ],
        )
    )
    builder.add_document(names.CRATE, "application/ld+json", _DOCUMENT_DESCRIPTIONS[names.CRATE], crate)
    manifest = "".join(manifest_line(p.sha256 or "", p.name) for p in builder.ordered_parts())
    builder.add_document(names.MANIFEST, "text/plain", _DOCUMENT_DESCRIPTIONS[names.MANIFEST], manifest.encode())
    layout = builder.layout()
    check_limits(plan.session.id, layout, len(manifest.encode()))
    return Assembly(plan, layout, tuple(builder.ordered_parts()))


def check_limits(session_id: str, layout: Layout, manifest_bytes: int) -> None:
    """Raise UsageError for an archive that is larger than ``verify`` reads."""
    if len(layout.members) > MAX_MEMBERS:
        what = "archive.too_many_files"
    elif max(layout.directory_bytes, manifest_bytes) > MAX_IN_MEMORY_BYTES:
        what = "archive.names_too_long"
    else:
        return
    counts = {"files": f"{len(layout.members):,}", "most": f"{MAX_MEMBERS:,}"}
    raise UsageError(Message(what, session=session_id, **counts))


_TABLES = (names.ZIGBEE_JSON, names.ZIGBEE_CSV, names.SENSOR_JSON, names.SENSOR_CSV)
_DOCUMENT_DESCRIPTIONS = {
    names.README: "this text",
    names.CRATE: "RO-Crate 1.1: every file with its type, size and checksum",
    names.DATAPACKAGE: "Frictionless data package: the tables' columns, types and units",
    names.MANIFEST: "SHA-256 of every other file",
}


def _have_same_tables(one: Plan, other: Plan) -> bool:
    """Whether the tables of two plans come out the same: all that the writers are given is."""
    readings, others = one.readings, other.readings
    return (
        one.session.id == other.session.id
        and 0 < len(readings) == len(others)
        and readings.topics == others.topics
        and readings.frame.equals(others.frame)
    )


def _generated_tables(assembly: Assembly) -> Mapping[str, Member]:
    """The tables that were generated, not those that the session's own folder has under such a name."""
    own = {file.member for file in assembly.plan.session_files}
    return {
        member.name: member for member in assembly.layout.members if member.name in _TABLES and member.name not in own
    }


def _add_tables(builder: _ArchiveBuilder) -> tuple[Columns, Columns]:
    """Add the four sensor tables and the session's own files; give the columns of those that were made."""
    if builder.plan.options.only is DataKind.RECORDINGS:
        return (), ()
    readings = builder.plan.readings
    description = describe_readings(builder.plan)
    zigbee, sensors = zigbee_columns(readings), LONG_COLUMNS
    write = table_writers(readings, builder.plan.session.id)
    builder.add_table(
        names.ZIGBEE_JSON, "application/json", f"Zigbee messages by topic: {description}", write.zigbee_json
    )
    builder.add_table(names.ZIGBEE_CSV, "text/csv", f"the same messages, one row each: {description}", write.zigbee_csv)
    for file in builder.plan.session_files:
        if file.kind is FileKind.SENSOR_DATA:
            builder.file(file, describe_file(file))
    if names.SENSOR_JSON not in builder.parts:
        builder.add_table(names.SENSOR_JSON, "application/json", "one entry per measured value", write.sensor_json)
    if names.SENSOR_CSV in builder.parts:
        return zigbee, ()
    description = "one row per measured value, with its unit where that is certain"
    builder.add_table(names.SENSOR_CSV, "text/csv", description, write.sensor_csv)
    return zigbee, sensors


def _add_readme(builder: _ArchiveBuilder, zigbee: Columns, sensors: Columns) -> None:
    later = [
        MemberDescription(name, text, "text/plain")
        for name, text in _DOCUMENT_DESCRIPTIONS.items()
        if name not in builder.parts
    ]
    ordered = sorted([*builder.ordered_parts(), *later], key=lambda part: _sort_key(part.name))
    text = readme(builder.plan, ordered, zigbee, sensors)
    builder.add_document(names.README, "text/plain", _DOCUMENT_DESCRIPTIONS[names.README], text)
