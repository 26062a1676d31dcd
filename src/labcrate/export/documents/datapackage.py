"""``data/recordings.csv``, and ``datapackage.json``: the tables as a Frictionless Data Package.

Source: https://specs.frictionlessdata.io.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter
from typing import Any, NamedTuple

from labcrate.export.documents.metadata import JsonObject
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import MemberDescription, session_title
from labcrate.readings.write.columns import Column

# A recording's start times by other sources in one cell, without the one that was chosen.
OTHER_STARTS = "startClaims"
# The last column, whose value no recording has itself.
_SESSION = "session"


class RecordingColumn(NamedTuple):
    """A column of ``data/recordings.csv``.

    ``key`` is its key in the metadata's recording, ``type`` its Frictionless type.
    """

    name: str
    key: str
    type: str
    unit: str | None
    description: Message


RECORDING_COLUMNS = (
    RecordingColumn("file", "file", "string", None, Message("column.file")),
    RecordingColumn("camera_id", "cameraId", "string", None, Message("column.camera_id")),
    RecordingColumn("camera_name", "cameraName", "string", None, Message("column.camera_name")),
    RecordingColumn("start", "startTime", "datetime", None, Message("column.start")),
    RecordingColumn("end", "endTime", "datetime", None, Message("column.end")),
    RecordingColumn("start_source", "startSource", "string", None, Message("column.start_source")),
    RecordingColumn(
        "start_uncertainty_s", "startUncertaintySeconds", "number", "s", Message("column.start_uncertainty_s")
    ),
    RecordingColumn("other_starts", OTHER_STARTS, "string", None, Message("column.other_starts")),
    RecordingColumn("duration_s", "durationSeconds", "number", "s", Message("column.duration_s")),
    RecordingColumn("video_codec", "videoCodec", "string", None, Message("column.video_codec")),
    RecordingColumn("width", "width", "integer", "px", Message("column.width")),
    RecordingColumn("height", "height", "integer", "px", Message("column.height")),
    RecordingColumn("frame_rate", "frameRate", "number", "1/s", Message("column.frame_rate")),
    RecordingColumn("audio_codec", "audioCodec", "string", None, Message("column.audio_codec")),
    RecordingColumn("readable", "readable", "boolean", None, Message("column.readable")),
    RecordingColumn("size_bytes", "sizeBytes", "integer", "B", Message("column.size_bytes")),
    RecordingColumn("sha256", "sha256", "string", None, Message("column.sha256")),
    RecordingColumn("linked_by", "linkedBy", "string", None, Message("column.linked_by")),
    RecordingColumn("source", "source", "string", None, Message("column.source")),
    RecordingColumn("session", _SESSION, "string", None, Message("column.session")),
)


def recordings_csv(recordings: Iterable[JsonObject], session_id: str) -> bytes:
    """Return the content of ``data/recordings.csv``: UTF-8, RFC 4180 but with line feeds alone at line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in RECORDING_COLUMNS])
    writer.writerows([*_row(recording), session_id] for recording in recordings)
    return text.getvalue().encode()


_KEYS = [column.key for column in RECORDING_COLUMNS if column.key != _SESSION]
_VALUES = itemgetter(*_KEYS)
_STARTS_AT = _KEYS.index(OTHER_STARTS)
_BOOLEANS_AT = [i for i, column in enumerate(RECORDING_COLUMNS) if column.type == "boolean"]


def _row(recording: JsonObject) -> list[Any]:
    """Return the cells of a recording but the session; the CSV writer writes None as an empty cell."""
    row = list(_VALUES(recording))
    row[_STARTS_AT] = _other_starts(row[_STARTS_AT])
    for i in _BOOLEANS_AT:
        row[i] = "true" if row[i] else "false"
    return row


def _other_starts(claims: Iterable[JsonObject]) -> str:
    """Return the start times that were not chosen: ``file name 2025-05-02T08:00:00.000Z (1 s); ...``."""
    other_claims = (claim for claim in claims if not claim["taken"])
    return "; ".join(f"{claim['source']} {claim['start']} ({claim['uncertaintySeconds']} s)" for claim in other_claims)


_TABLE_NAMES = {
    names.ZIGBEE_CSV: "zigbee-sensors",
    names.ZIGBEE_PARQUET: "zigbee-sensors-parquet",
    names.SENSOR_CSV: "sensor-readings",
    names.SENSOR_PARQUET: "sensor-readings-parquet",
    names.RECORDINGS_CSV: "recordings",
}


_PARQUET = (names.ZIGBEE_PARQUET, names.SENSOR_PARQUET)


def datapackage(plan: Plan, members: Sequence[MemberDescription], tables: Mapping[str, Sequence[Column]]) -> JsonObject:
    """Return the descriptor of the tables that labcrate wrote (types, units, meaning) and of the session's files.

    ``tables`` has the columns of the tables that were made from the readings, by their names in the archive.
    """
    schemas = {
        **{name: _schema(columns, is_text=name not in _PARQUET) for name, columns in tables.items()},
        names.RECORDINGS_CSV: {
            "fields": [_field(c.name, c.type, c.unit, c.description) for c in RECORDING_COLUMNS],
            "primaryKey": "file",
        },
    }
    own = list(_session_file_resources(plan, members))
    return {
        "profile": "data-package" if own or tables.keys() & set(_PARQUET) else "tabular-data-package",
        "name": f"session-{_slug(plan.session.id)}",
        "title": session_title(plan),
        "created": format_instant(plan.latest_change),
        "resources": [
            *(_resource(one, schemas[one.name]) for one in members if one.name in schemas),
            *own,
        ],
    }


def _session_file_resources(plan: Plan, members: Sequence[MemberDescription]) -> Iterator[JsonObject]:
    """Yield the session's own files: tables if their columns are known, otherwise files of any content."""
    taken_names, by_name = set(_TABLE_NAMES.values()), {member.name: member for member in members}
    for file in plan.session_files:
        member, name = by_name[file.member], _resource_name(file.member, taken_names)
        taken_names.add(name)
        if file.columns:
            described = {
                "profile": "tabular-data-resource",
                "format": "csv",
                "schema": _session_file_schema(file.columns),
            }
        else:
            # Without the type, frictionless treats every CSV and JSON as a table and checks its rows.
            described = {"profile": "data-resource", "type": "file"}
        yield {
            **described,
            "name": name,
            "path": member.name,
            "description": member.description,
            "mediatype": member.media_type,
            "bytes": member.size_bytes,
            "hash": f"sha256:{member.sha256}",
        }


def _resource_name(member: str, taken_names: Collection[str]) -> str:
    """Return a name that no other resource has."""
    base_name = _slug(member.removeprefix("data/"))
    return next(name for n in count(1) if (name := base_name if n == 1 else f"{base_name}-{n}") not in taken_names)


def _session_file_schema(columns: Sequence[Column]) -> JsonObject:
    """Return the columns of a table that labcrate did not write: its times may have any format."""
    fields = [_field(c.name, c.type, c.unit, c.description) for c in columns]
    return {"fields": [{**one, "format": "any"} if one["type"] == "datetime" else one for one in fields]}


def _slug(text: str) -> str:
    """Return a text in the characters of a package's name (Data Package v1, "name"): a-z, 0-9, ``.``, ``_``, ``-``."""
    ascii_letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", ascii_letters).strip("-") or "other"


def _resource(member: MemberDescription, schema: JsonObject) -> JsonObject:
    if member.name in _PARQUET:
        # As a file: frictionless reads tables in Parquet only with an extension that few have.
        described = {"profile": "data-resource", "type": "file"}
        form = {"format": "parquet", "mediatype": member.media_type}
    else:
        described = {"profile": "tabular-data-resource"}
        form = {"format": "csv", "mediatype": "text/csv", "encoding": "utf-8"}
    return {
        **described,
        "name": _TABLE_NAMES[member.name],
        "path": member.name,
        "description": member.description,
        **form,
        "bytes": member.size_bytes,
        "hash": f"sha256:{member.sha256}",
        "schema": schema,
    }


def _schema(columns: Sequence[Column], *, is_text: bool) -> JsonObject:
    """Return the columns of a table; times that are not texts have no format."""
    fields = [_field(c.name, c.type, c.unit, c.description) for c in columns]
    return {"fields": fields if is_text else [{k: v for k, v in one.items() if k != "format"} for one in fields]}


def _field(name: str, kind: str, unit: str | None, description: str) -> JsonObject:
    field: JsonObject = {"name": name, "type": kind, "description": description}
    if kind == "datetime":
        field["format"] = "%Y-%m-%dT%H:%M:%S.%fZ"
    if unit:
        field["unit"] = unit
    return field
