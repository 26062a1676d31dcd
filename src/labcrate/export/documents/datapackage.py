"""``data/recordings.csv``, and ``datapackage.json``: the tables as a Frictionless Data Package.

Source: https://specs.frictionlessdata.io.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from labcrate.export.documents.metadata import JsonObject
from labcrate.model.timespan import format_instant
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import MemberDescription, session_title
from labcrate.readings.write.columns import Column

# A recording's claims in one cell, without the one that was taken.
OTHER_STARTS = "startClaims"

# Column: its key in the metadata's recording, Frictionless type, unit, what it means.
RECORDING_COLUMNS: tuple[tuple[str, str, str, str | None, str], ...] = (
    ("file", "file", "string", None, "name inside the archive"),
    ("camera_id", "cameraId", "string", None, "the camera's id in the lab"),
    ("camera_name", "cameraName", "string", None, "the camera's name"),
    ("start", "startTime", "datetime", None, "when the recording starts, UTC"),
    ("end", "endTime", "datetime", None, "when the recording ends, UTC"),
    ("start_source", "startSource", "string", None, "where the start comes from"),
    (
        "start_uncertainty_s",
        "startUncertaintySeconds",
        "number",
        "s",
        "how wrong the start may be, either way",
    ),
    (
        "other_starts",
        OTHER_STARTS,
        "string",
        None,
        "what the other sources say of the start, with their uncertainty",
    ),
    ("duration_s", "durationSeconds", "number", "s", "length of the media; empty when it cannot be read"),
    ("video_codec", "videoCodec", "string", None, "video codec"),
    ("width", "width", "integer", "px", "picture width"),
    ("height", "height", "integer", "px", "picture height"),
    ("frame_rate", "frameRate", "number", "1/s", "declared frames per second; the delivered rate may differ"),
    ("audio_codec", "audioCodec", "string", None, "audio codec; empty when there is no sound"),
    ("readable", "readable", "boolean", None, "false for a damaged file, which is kept as it is"),
    ("size_bytes", "sizeBytes", "integer", "B", "file size"),
    ("sha256", "sha256", "string", None, "SHA-256 of the file, hexadecimal"),
    ("linked_by", "linkedBy", "string", None, "why it belongs to the session: its name, its folder or a register"),
    ("source", "source", "string", None, "where it lies in the lab folder, or below a recorder's"),
)


def recordings_csv(recordings: Iterable[JsonObject]) -> bytes:
    """The content of ``data/recordings.csv``: UTF-8, RFC 4180 but for line feeds alone at line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column for column, *_ in RECORDING_COLUMNS])
    writer.writerows(map(_row, recordings))
    return text.getvalue().encode()


_KEYS = [key for _, key, *_ in RECORDING_COLUMNS]
_VALUES = itemgetter(*_KEYS)
_STARTS_AT = _KEYS.index(OTHER_STARTS)
_BOOLEANS_AT = [i for i, (_, _, kind, _, _) in enumerate(RECORDING_COLUMNS) if kind == "boolean"]


def _row(recording: JsonObject) -> list[Any]:
    """Return the cells of a recording; the writer makes an empty one of None, and text of numbers."""
    row = list(_VALUES(recording))
    row[_STARTS_AT] = _other_starts(row[_STARTS_AT])
    for i in _BOOLEANS_AT:
        row[i] = "true" if row[i] else "false"
    return row


def _other_starts(claims: Iterable[JsonObject]) -> str:
    """The claims that were not taken: ``file name 2025-05-02T08:00:00.000Z (1 s); ...``."""
    other_claims = (claim for claim in claims if not claim["taken"])
    return "; ".join(f"{claim['source']} {claim['start']} ({claim['uncertaintySeconds']} s)" for claim in other_claims)


_TABLE_NAMES = {
    names.ZIGBEE_CSV: "zigbee-sensors",
    names.SENSOR_CSV: "sensor-readings",
    names.RECORDINGS_CSV: "recordings",
}


def datapackage(
    plan: Plan, parts: Sequence[MemberDescription], zigbee: Sequence[Column], sensors: Sequence[Column]
) -> JsonObject:
    """The descriptor of the tables that labcrate wrote (types, units, meaning) and of the session's own files."""
    schemas = {
        names.ZIGBEE_CSV: _schema(zigbee),
        names.SENSOR_CSV: _schema(sensors),
        names.RECORDINGS_CSV: {
            "fields": [_field(n, t, u, d) for n, _, t, u, d in RECORDING_COLUMNS],
            "primaryKey": "file",
        },
    }
    own = list(_session_file_resources(plan, parts))
    return {
        "profile": "data-package" if own else "tabular-data-package",
        "name": f"session-{_slug(plan.session.id)}",
        "title": session_title(plan),
        "created": format_instant(plan.latest_change),
        "resources": [
            *(_resource(part, schemas[part.name]) for part in parts if schemas.get(part.name, {}).get("fields")),
            *own,
        ],
    }


def _session_file_resources(plan: Plan, parts: Sequence[MemberDescription]) -> Iterator[JsonObject]:
    """The session's own files: a table where its form is known, else a file whose content nobody judges."""
    taken_names, by_name = set(_TABLE_NAMES.values()), {part.name: part for part in parts}
    for file in plan.session_files:
        part, name = by_name[file.member], _resource_name(file.member, taken_names)
        taken_names.add(name)
        if file.columns:
            described = {
                "profile": "tabular-data-resource",
                "format": "csv",
                "schema": _session_file_schema(file.columns),
            }
        else:
            # Without the type, frictionless takes any CSV and JSON for a table and checks its rows.
            described = {"profile": "data-resource", "type": "file"}
        yield {
            **described,
            "name": name,
            "path": part.name,
            "description": part.description,
            "mediatype": part.media_type,
            "bytes": part.size_bytes,
            "hash": f"sha256:{part.sha256}",
        }


def _resource_name(member: str, taken_names: Collection[str]) -> str:
    """A name that no other resource has."""
    base_name = _slug(member.removeprefix("data/"))
    return next(name for n in count(1) if (name := base_name if n == 1 else f"{base_name}-{n}") not in taken_names)


def _session_file_schema(columns: Sequence[Column]) -> JsonObject:
    """The columns of a table that labcrate did not write: its times may have any form."""
    fields = [_field(c.name, c.type, c.unit, c.description) for c in columns]
    return {"fields": [{**one, "format": "any"} if one["type"] == "datetime" else one for one in fields]}


def _slug(text: str) -> str:
    """A text in the letters that a package's name may have (Data Package v1, "name"): a-z, 0-9, ``.``, ``_``, ``-``."""
    ascii_letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", ascii_letters).strip("-") or "other"


def _resource(part: MemberDescription, schema: JsonObject) -> JsonObject:
    return {
        "profile": "tabular-data-resource",
        "name": _TABLE_NAMES[part.name],
        "path": part.name,
        "description": part.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": part.size_bytes,
        "hash": f"sha256:{part.sha256}",
        "schema": schema,
    }


def _schema(columns: Sequence[Column]) -> JsonObject:
    return {"fields": [_field(c.name, c.type, c.unit, c.description) for c in columns]}


def _field(name: str, kind: str, unit: str | None, description: str) -> JsonObject:
    field: JsonObject = {"name": name, "type": kind, "description": description}
    if kind == "datetime":
        field["format"] = "%Y-%m-%dT%H:%M:%S.%fZ"
    if unit:
        field["unit"] = unit
    return field
