"""What all the writers of tables share: targets, rows, lines, and readings in pieces."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from labcrate.readings.profile import CHUNK_ROWS, decoded
from labcrate.readings.slice import Readings

if TYPE_CHECKING:
    import polars as pl

Target = Path | IO[bytes]
"""A file to create or replace, or one that is open for writing in binary and stays open."""


def opened(target: Target) -> AbstractContextManager[IO[bytes]]:
    """The target, open; a path is closed in the end, a file is not."""
    return target.open("wb") if isinstance(target, Path) else nullcontext(target)


def write_header(names: Iterable[str], file: IO[bytes]) -> None:
    """Write the columns' names, quoted only where they must be, as in the lab's own file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    file.write(text.getvalue().encode())


def write_rows(table: pl.DataFrame, file: IO[bytes]) -> None:
    """Write a table of texts, every cell quoted; null is an empty cell."""
    file.write(table.fill_null("").write_csv(include_header=False, quote_style="always").encode())


def write_lines(pieces: Iterable[pl.Series], file: IO[bytes]) -> None:
    """Write JSON values, one to a line, with commas between them."""
    begun = False
    for piece in pieces:
        if len(piece):
            file.write(((",\n" if begun else "") + ",\n".join(piece)).encode())
            begun = True


def in_pieces(readings: Readings) -> Iterator[tuple[pl.DataFrame, list[object]]]:
    """The frame in pieces, each with its decoded payloads."""
    return zip(readings.frame.iter_slices(CHUNK_ROWS), decoded(readings.frame["payload"]), strict=True)
