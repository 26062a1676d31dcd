"""The archive's tables as Polars frames, typed as its data package says (Frictionless table schema)."""

from collections.abc import Mapping, Sequence

import polars as pl
from polars.exceptions import PolarsError

INSTANT = pl.Datetime("us", "UTC")
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def read_table(data: bytes, columns: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """A CSV with these columns (name, Frictionless type); an empty cell is null in every type.

    Times are UTC with microseconds. Raises ValueError for a table that is not as the columns say.
    """
    try:
        texts = pl.read_csv(data, infer_schema=False)
    except PolarsError as error:
        raise ValueError("it is no CSV with a header") from error
    if texts.columns != [name for name, _ in columns]:
        raise ValueError("its columns are not those that the data package describes")
    try:
        return texts.select(_typed_column(texts[name].replace("", None), kind) for name, kind in columns)
    except PolarsError as error:
        raise ValueError("a value is not of the type that the data package describes") from error


def _typed_column(texts: pl.Series, kind: str) -> pl.Series:
    match kind:
        case "datetime":
            return texts.str.to_datetime(_TIME_FORMAT, time_unit="us", time_zone="UTC")
        case "number":
            return texts.cast(pl.Float64)
        case "integer":
            whole = texts.cast(pl.Int64, strict=False)
            # A counter of a device can outgrow 64 bits; then a float is nearer than nothing.
            return whole if whole.null_count() == texts.null_count() else texts.cast(pl.Float64)
        case "boolean":
            return texts.replace_strict(_BOOLEANS, return_dtype=pl.Boolean)
        case _:
            return texts


_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
