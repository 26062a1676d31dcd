"""Functions for all tables: targets, headers and rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

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
