"""Read ``data/session_metadata.json`` and ``datapackage.json`` of an archive (docs/spec/archive-format.md)."""

from typing import Any

import msgspec

from labcrate.archive.directory import size_limit_text
from labcrate.archive.layout import FORMAT_VERSION
from labcrate.messages.message import Message
from labcrate.model.session import SelectedCamera, SelectedSensor, Session, is_session_id
from labcrate.model.timespan import TimeSpan, parse_instant
from labcrate.plan import member_names as names

MAX_VALUE_BYTES = 2_000_000
"""The most bytes of a value that every archive has. As Python objects it needs up to twenty times as many."""


class _SelectedCamera(msgspec.Struct, rename="camel"):
    id: str
    name: str | None = None
    recording_prefix: str | None = None


class _SelectedSensor(msgspec.Struct):
    id: str
    name: str | None = None


class _Session(msgspec.Struct, rename="camel"):
    id: int | str
    name: str | None = None
    description: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    status: str | None = None
    selected_cameras: tuple[_SelectedCamera, ...] = ()
    selected_sensors: tuple[_SelectedSensor, ...] = ()
    notes: str | None = None
    tags: tuple[str, ...] = ()
    time_zone: str | None = None
    described: dict[str, Any] = {}
    described_in: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()


class _Field(msgspec.Struct):
    name: str
    type: str


class _Schema(msgspec.Struct):
    fields: tuple[_Field, ...]


class _Resource(msgspec.Struct):
    path: str
    format: str | None = None
    encoding: str | None = None
    schema: _Schema | None = None


class _Package(msgspec.Struct):
    resources: tuple[_Resource, ...]


class MetadataHead(msgspec.Struct, rename="camel"):
    """The values that are needed to open an archive, each as JSON text; the rest of the metadata may be long."""

    format: msgspec.Raw = msgspec.Raw()
    format_version: msgspec.Raw = msgspec.Raw()
    state: msgspec.Raw = msgspec.Raw()
    session: msgspec.Raw = msgspec.Raw()


def read_head(metadata: bytes) -> MetadataHead:
    """Read only the head of ``data/session_metadata.json``. Raises ValueError."""
    return msgspec.json.decode(metadata, type=MetadataHead)


def decode_value(text: msgspec.Raw) -> Any:
    """Decode a value of the head; None if it is missing. Raises ValueError if it is not JSON, or too long."""
    if len(text) > MAX_VALUE_BYTES:
        limit = size_limit_text(len(text), MAX_VALUE_BYTES)
        raise ValueError(Message("open.value_too_large", limit=limit))
    return msgspec.json.decode(text) if text else None


def format_problem(head: MetadataHead) -> Message | None:
    """Return why this labcrate cannot read an archive with these metadata, with the remedy; None if it can."""
    version = decode_value(head.format_version)
    if decode_value(head.format) != names.FORMAT or not isinstance(version, int):
        return Message("open.not_labcrate")
    if version > FORMAT_VERSION:
        return Message("open.newer_version", version=str(version), newest=str(FORMAT_VERSION))
    return None


def read_session(head: MetadataHead) -> Session:
    """Return the session as the lab described it. Raises ValueError if the metadata are invalid."""
    session = msgspec.convert(decode_value(head.session), _Session)
    if not is_session_id(str(session.id)):
        raise ValueError(Message("open.invalid_session_id", id=repr(session.id)))
    start, end = (parse_instant(text) if text else None for text in (session.start_time, session.end_time))
    return Session(
        id=str(session.id),
        name=session.name,
        description=session.description,
        span=TimeSpan(start, end),
        status=session.status,
        cameras=tuple(SelectedCamera(c.id, c.name, c.recording_prefix) for c in session.selected_cameras),
        sensors=tuple(SelectedSensor(s.id, s.name) for s in session.selected_sensors),
        notes=session.notes,
        tags=session.tags,
        time_zone=session.time_zone,
        all_fields=session.described,
        description_files=session.described_in,
        removed_keys=session.removed_keys,
    )


def read_table_columns(package: bytes) -> dict[str, list[tuple[str, str]]]:
    """Return the columns (name, Frictionless type) of each table that labcrate wrote, by its path in the archive.

    The package has no encoding for the session's own files, and no columns for those in Parquet. Raises ValueError.
    """
    resources = msgspec.json.decode(package, type=_Package).resources
    return {
        resource.path: [(field.name, field.type) for field in resource.schema.fields]
        for resource in resources
        if resource.schema and (resource.encoding or resource.format == "parquet")
    }
