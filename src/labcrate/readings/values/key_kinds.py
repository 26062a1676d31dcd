"""The kinds of the scalar values of each top-level key, by device: what columns and their types are made from."""

from collections.abc import Iterable, Mapping

import polars as pl

from labcrate.readings.load.payload import Number
from labcrate.readings.property_types import ValueKind, is_exact_float
from labcrate.readings.values.decode import DecodedBatch, Decoder, LikeMessages, inexact

KeyKinds = Mapping[str, Mapping[str, frozenset[ValueKind]]]
"""Top-level key to device (``device_id``) to the kinds of its scalar values; null and nested values have none."""

_Kinds = dict[str, dict[str, set[ValueKind]]]


def find_key_kinds(batches: Iterable[pl.DataFrame]) -> KeyKinds:
    """Return the kinds of all values in batches of readings."""
    found: _Kinds = {}
    decoder = Decoder()
    for batch in batches:
        _add(decoder.decode(batch), found)
    return {
        key: {device: frozenset(kinds) for device, kinds in sorted(devices.items())}
        for key, devices in sorted(found.items())
    }


def scalar_kind(value: object) -> ValueKind | None:
    """Return the kind of a value of `decode_one_by_one`; None if it is null or nested."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Number | int):
        return "number" if is_exact_float(str(value)) else "long number"
    return "string" if isinstance(value, str) else None


def _add(decoded: DecodedBatch, found: _Kinds) -> None:
    devices = dict(decoded.batch.select("topic", "device_id").unique().iter_rows())
    for messages in decoded.alike:
        _add_alike(messages, devices, found)
    topics = decoded.batch["topic"].gather(list(decoded.odd))
    for topic, payload in zip(topics, decoded.odd.values(), strict=True):
        if isinstance(payload, dict):
            for key, value in payload.items():
                if kind := scalar_kind(value):
                    _note(found, key, devices[topic], kind)


def _add_alike(messages: LikeMessages, devices: Mapping[str, str], found: _Kinds) -> None:
    leaves = {str(n): leaf for n, leaf in enumerate(messages.template.leaves) if len(leaf.path) == 1}
    if not leaves:
        return
    values = messages.values.select(*leaves).with_columns(messages.rows["topic"].alias("topic"))
    for column, leaf in leaves.items():
        if leaf.kind == "any number":
            long = inexact(values[column])
            values = values.with_columns(pl.when(long).then(column).alias(f"long {column}"))
            values = values.with_columns(pl.when(~long).then(column).alias(column))
    counts = values.group_by("topic").agg(pl.all().count())
    for row in counts.iter_rows(named=True):
        for column, leaf in leaves.items():
            kind: ValueKind = "number" if leaf.kind in ("number", "any number") else leaf.kind  # type: ignore[assignment]
            if row[column]:
                _note(found, leaf.path[0], devices[row["topic"]], kind)
            if row.get(f"long {column}"):
                _note(found, leaf.path[0], devices[row["topic"]], "long number")


def _note(found: _Kinds, key: str, device: str, kind: ValueKind) -> None:
    found.setdefault(key, {}).setdefault(device, set()).add(kind)
