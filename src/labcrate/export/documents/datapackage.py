"""``datapackage.json``: the tables as a Frictionless Data Package (https://specs.frictionlessdata.io)."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any

from labcrate.export.documents.recordings import COLUMNS as RECORDING_COLUMNS
from labcrate.model.timespan import format_instant
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import Part, titled
from labcrate.readings.write.columns import Column

Object = dict[str, Any]

_TABLE_NAMES = {
    names.ZIGBEE_CSV: "zigbee-sensors",
    names.SENSOR_CSV: "sensor-readings",
    names.RECORDINGS_CSV: "recordings",
}


def datapackage(plan: Plan, parts: Sequence[Part], zigbee: Sequence[Column], sensors: Sequence[Column]) -> Object:
    """The descriptor of the tables that labcrate wrote (types, units, meaning) and of the session's own files."""
    schemas = {
        names.ZIGBEE_CSV: _schema(zigbee),
        names.SENSOR_CSV: _schema(sensors),
        names.RECORDINGS_CSV: {
            "fields": [_field(n, t, u, d) for n, _, t, u, d in RECORDING_COLUMNS],
            "primaryKey": "file",
        },
    }
    own = list(_own_resources(plan, parts))
    return {
        "profile": "data-package" if own else "tabular-data-package",
        "name": f"session-{_slug(plan.session.id)}",
        "title": titled(plan),
        "created": format_instant(plan.latest_change),
        "resources": [
            *(_resource(part, schemas[part.name]) for part in parts if schemas.get(part.name, {}).get("fields")),
            *own,
        ],
    }


def _own_resources(plan: Plan, parts: Sequence[Part]) -> Iterator[Object]:
    """The session's own files: a table where its form is known, else a file whose content nobody judges."""
    taken, by_name = set(_TABLE_NAMES.values()), {part.name: part for part in parts}
    for file in plan.session_files:
        part, name = by_name[file.member], _resource_name(file.member, taken)
        taken.add(name)
        if file.columns:
            described = {"profile": "tabular-data-resource", "format": "csv", "schema": _own_schema(file.columns)}
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


def _resource_name(member: str, taken: Collection[str]) -> str:
    """A name that no other resource has."""
    wished = _slug(member.removeprefix("data/"))
    return next(name for n in count(1) if (name := wished if n == 1 else f"{wished}-{n}") not in taken)


def _own_schema(columns: Sequence[Column]) -> Object:
    """The columns of a table that labcrate did not write: its times may have any form."""
    fields = [_field(c.name, c.type, c.unit, c.description) for c in columns]
    return {"fields": [{**one, "format": "any"} if one["type"] == "datetime" else one for one in fields]}


def _slug(text: str) -> str:
    """A text in the letters that a package's name may have (Data Package v1, "name"): a-z, 0-9, ``.``, ``_``, ``-``."""
    ascii_letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", ascii_letters).strip("-") or "other"


def _resource(part: Part, schema: Object) -> Object:
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


def _schema(columns: Sequence[Column]) -> Object:
    return {"fields": [_field(c.name, c.type, c.unit, c.description) for c in columns]}


def _field(name: str, kind: str, unit: str | None, description: str) -> Object:
    field: Object = {"name": name, "type": kind, "description": description}
    if kind == "datetime":
        field["format"] = "%Y-%m-%dT%H:%M:%S.%fZ"
    if unit:
        field["unit"] = unit
    return field
