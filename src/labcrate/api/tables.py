"""The archive's tables as Polars frames, with the types in its data package (Frictionless table schema)."""

import io
from collections.abc import Mapping, Sequence

import polars as pl
from polars.exceptions import PolarsError

from labcrate.messages.message import Message

INSTANT = pl.Datetime("us", "UTC")
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def read_table(data: bytes, columns: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Return a CSV with these columns (name, Frictionless type) as a frame; an empty cell is null in every type.

    Times are UTC with microseconds. Raises ValueError for a table that does not match the columns.
    """
    try:
        texts = pl.read_csv(data, infer_schema=False)
    except PolarsError as error:
        raise ValueError(Message("open.not_csv")) from error
    if texts.columns != [name for name, _ in columns]:
        raise ValueError(Message("open.other_columns"))
    try:
        return texts.select(_typed_column(texts[name].replace("", None), kind) for name, kind in columns)
    except PolarsError as error:
        raise ValueError(Message("open.other_type")) from error


def read_parquet(data: bytes, columns: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Return a Parquet table with these columns (name, Frictionless type) as a frame.

    Raises ValueError for a table that does not match the columns.
    """
    try:
        table = pl.read_parquet(io.BytesIO(data))
    except PolarsError as error:
        raise ValueError(Message("open.not_parquet")) from error
    if table.columns != [name for name, _ in columns]:
        raise ValueError(Message("open.other_columns"))
    return table


def _typed_column(texts: pl.Series, kind: str) -> pl.Series:
    match kind:
        case "datetime":
            return texts.str.to_datetime(_TIME_FORMAT, time_unit="us", time_zone="UTC")
        case "number":
            return texts.cast(pl.Float64)
        case "integer":
            whole = texts.cast(pl.Int64, strict=False)
            # A device's counter can need more than 64 bits; then an approximate float is better than null.
            return whole if whole.null_count() == texts.null_count() else texts.cast(pl.Float64)
        case "boolean":
            return texts.replace_strict(_BOOLEANS, return_dtype=pl.Boolean)
        case _:
            return texts


_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
