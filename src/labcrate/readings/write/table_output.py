"""Functions for all tables: targets, rows, lines, and readings in batches."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from labcrate.readings.load.slice import CHUNK_ROWS, Readings, decode_payloads

if TYPE_CHECKING:
    import polars as pl

_BETWEEN = ",\n"

Target = Path | IO[bytes]
"""A file to create or replace, or one that is open for writing in binary and stays open."""


def open_target(target: Target) -> AbstractContextManager[IO[bytes]]:
    """Return the target, open; a path is closed at the end, a file is not."""
    return target.open("wb") if isinstance(target, Path) else nullcontext(target)


def write_header(names: Iterable[str], file: IO[bytes]) -> None:
    """Write the columns' names, quoted only if necessary, as in the lab's own file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    file.write(text.getvalue().encode())


def write_rows(table: pl.DataFrame, file: IO[bytes]) -> None:
    """Write a table of texts, every cell quoted but null, which is empty between two commas.

    Polars reads a quoted empty cell as a text and its column as one of texts. An empty text is ``""``.
    """
    text = io.BytesIO()
    table.write_csv(text, include_header=False, quote_style="non_numeric")
    file.write(text.getbuffer())


def write_lines(batches: Iterable[pl.Series], file: IO[bytes]) -> None:
    """Write JSON values, one per line, with commas between them."""
    between = b""
    for batch in batches:
        if len(batch):
            text = io.BytesIO()
            # Writing a table of one column without quotes is the fastest way to join them.
            batch.to_frame().write_csv(text, include_header=False, quote_style="never", line_terminator=_BETWEEN)
            file.write(between)
            file.write(text.getbuffer()[: -len(_BETWEEN)])
            between = _BETWEEN.encode()


def iter_batches(readings: Readings) -> Iterator[tuple[pl.DataFrame, list[object]]]:
    """Return the frame in batches, each with its decoded payloads."""
    return zip(readings.frame.iter_slices(CHUNK_ROWS), decode_payloads(readings.frame["payload"]), strict=True)
