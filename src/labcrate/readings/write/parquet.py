"""Writing tables as Parquet, compressed with zstd, batch by batch."""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from labcrate.readings.write.columns import Column, ColumnType
from labcrate.readings.write.table_output import Target, open_target

PARQUET_TYPES: dict[ColumnType, pl.DataType] = {
    "datetime": pl.Datetime("us", "UTC"),
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
}
"""The types of columns by their Frictionless type."""

ROW_GROUP_ROWS = 65_536


def parse_cell(name: str, kind: ColumnType) -> pl.Expr:
    """Return a column of cells as text in its own type."""
    column = pl.col(name)
    match kind:
        case "boolean":
            return column == "true"
        case "number" | "integer":
            return column.cast(PARQUET_TYPES[kind], strict=False)
    return column


def write_parquet(batches: Iterable[pl.DataFrame], columns: Sequence[Column], target: Target) -> None:
    """Write batches of typed rows as one Parquet file; equal batches and an equal Polars give equal bytes.

    Row groups have a fixed size, so that neither the number of threads nor that of the batches' rows shows in the file.
    """
    schema = {column.name: PARQUET_TYPES[column.type] for column in columns}

    def produce(*_: object) -> Iterator[pl.DataFrame]:
        yield from batches

    with open_target(target) as file:
        register_io_source(produce, schema=schema).sink_parquet(
            file, compression="zstd", row_group_size=ROW_GROUP_ROWS, maintain_order=True
        )
