"""The rows of ``zigbee-sensors``: a column for each top-level key of the messages, as exact text."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from labcrate.readings.load.payload import SCALAR_TEXT
from labcrate.readings.property_types import ValueKind, fits
from labcrate.readings.values.decode import DecodedBatch, LikeMessages, inexact
from labcrate.readings.values.key_kinds import scalar_kind
from labcrate.readings.values.template import LeafKind
from labcrate.readings.write.columns import Column

_MOTION = ("motion", "occupancy")


def wide_cells(decoded: DecodedBatch, layout: Sequence[Column]) -> pl.DataFrame:
    """Return the columns of keys (and ``motion``) for the batch's messages, in order; null is an empty cell."""
    keys = _Keys(layout)
    alike = [_cells(one, keys) for one in decoded.alike]
    odd = _odd_cells(decoded.odd, keys, keys.names)
    parts = pl.concat([part for part in (*alike, odd) if part.height], how="diagonal")
    place = pl.zeros(decoded.batch.height, dtype=pl.UInt32, eager=True)
    place = place.scatter(parts["row"], pl.int_range(parts.height, dtype=pl.UInt32, eager=True))
    ordered = parts.select(pl.all().gather(place))
    absent = [pl.lit(None, pl.String).alias(name) for name in keys.names if name not in ordered.columns]
    return ordered.with_columns(absent).select(keys.names)


class _Keys:
    """The columns for the values of each key: that of its type, and the one beside it."""

    def __init__(self, layout: Sequence[Column]) -> None:
        self.typed = {column.key: column for column in layout if column.key is not None and not column.beside}
        self.beside = {column.key: column.name for column in layout if column.key is not None and column.beside}
        self.names = [column.name for column in layout if column.key is not None or column.name == "motion"]

    def target(self, key: str, kind: LeafKind | ValueKind) -> str | None:
        """Return the name of the column for values of a key of that kind; numbers of any kind first fit a number."""
        if key == "motion" and kind == "boolean":
            return None  # it is in the fixed column
        column = self.typed.get(key)
        if column is not None and fits(kind, column.type):
            return column.name
        return self.beside.get(key)


def motion_cells(decoded: DecodedBatch) -> pl.DataFrame:
    """Return the cells of ``motion`` that are not empty, with the ``topic`` of their message."""
    keys = _Keys(())
    topics = decoded.batch["topic"]
    parts = [_cells(one, keys) for one in decoded.alike]
    parts.append(_odd_cells(decoded.odd, keys, ["motion"]))
    found = pl.concat([part.select("row", "motion") for part in parts if "motion" in part.columns])
    return found.drop_nulls().select(topics.gather(found.drop_nulls()["row"]).alias("topic"), "motion")


def _cells(messages: LikeMessages, keys: _Keys) -> pl.DataFrame:
    """Return the cells of like messages, with their ``row``."""
    columns: dict[str, pl.Series] = {"row": messages.rows["row"]}
    motion: dict[str, pl.Series] = {}
    for number, leaf in enumerate(messages.template.leaves):
        if len(leaf.path) != 1 or leaf.kind == "null":
            continue
        key, values = leaf.path[0], messages.values[str(number)]
        if leaf.kind == "string":
            values = values.str.strip_prefix('"').str.strip_suffix('"')
        elif leaf.kind == "boolean" and key in _MOTION:
            motion[key] = values
        target, beside = keys.target(key, leaf.kind), keys.beside.get(key)
        if leaf.kind == "any number" and beside not in (None, target):
            long = inexact(values)
            columns[beside] = values.set(~long.fill_null(True), None)
            values = values.set(long.fill_null(False), None)
        if target is not None:
            columns[target] = values
    if motion:
        found = [motion[key] for key in _MOTION if key in motion]
        columns["motion"] = pl.select(pl.coalesce(found)).to_series()
    return pl.DataFrame(columns)


def _odd_cells(odd: Mapping[int, object], keys: _Keys, names: Sequence[str]) -> pl.DataFrame:
    """Return the cells of messages that were decoded one by one, with their ``row``."""
    columns: dict[str, list[str | None]] = {name: [None] * len(odd) for name in names}
    for row, payload in enumerate(odd.values()):
        if not isinstance(payload, dict):
            continue
        for key, value in payload.items():
            kind = scalar_kind(value)
            target = keys.target(key, kind) if kind else None
            if target is not None:
                columns[target][row] = SCALAR_TEXT[type(value)](value)
        columns["motion"][row] = _motion(payload)
    cells = [pl.Series(name, column, dtype=pl.String) for name, column in columns.items()]
    return pl.DataFrame([pl.Series("row", list(odd), dtype=pl.UInt32), *cells])


def _motion(payload: Mapping[str, object]) -> str | None:
    """Return the payload's motion or, without one, its occupancy, if that is a boolean."""
    found: Iterator[bool] = (one for key in _MOTION if isinstance(one := payload.get(key), bool))
    return next(map(SCALAR_TEXT[bool], found), None)
