"""The columns of those of a session's own files that are tables of a known form."""

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import replace

from labcrate.lab.folder import Lab
from labcrate.plan.plan import SessionFile
from labcrate.readings.write.columns import Column
from labcrate.readings.write.platform_files import describe_platform_csv

ColumnsOf = Callable[[str, bytes], tuple[Column, ...] | None]
"""The columns of a table, from its path below the session's folder and its beginning; None for an unknown form."""

_HEAD_BYTES = 64 * 1024


def describe_platform_table(name: str, head: bytes) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the reference platform writes into a session's folder; None for any other."""
    try:
        line = head.partition(b"\n")[0].decode("utf-8-sig")
        return describe_platform_csv(name, next(csv.reader([line]), []))
    except (UnicodeDecodeError, csv.Error):
        return None


def with_columns(lab: Lab, files: Iterable[SessionFile], folder: str, columns_of: ColumnsOf) -> tuple[SessionFile, ...]:
    """Return the files, the CSVs among them with their columns where their form is known."""
    return tuple(
        replace(file, columns=_columns(lab, file.path, folder, columns_of))
        if file.path.lower().endswith(".csv")
        else file
        for file in files
    )


def _columns(lab: Lab, path: str, folder: str, columns_of: ColumnsOf) -> tuple[Column, ...]:
    try:
        with os.fdopen(lab.open(path), "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:  # gone or closed since it was indexed: writing the archive will say so
        return ()
    return columns_of(path.removeprefix(f"{folder}/"), head) or ()
