"""Lines of the export log for machines and for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from labcrate.model.timespan import format_instant
from labcrate.people.exports import Line

COLUMNS = (
    "number", "begunAt", "endedAt", "who", "via", "address", "session", "options", "etag", "start", "length", "total",
    "bytesSent", "outcome", "reason",
)  # fmt: skip
# What a spreadsheet takes for the beginning of a formula, in wide letters too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def line_object(line: Line) -> dict[str, Any]:
    """A line as JSON has it; times are ISO 8601 in UTC, sizes bytes."""
    values = (
        line.number,
        format_instant(line.begun),
        format_instant(line.ended) if line.ended else None,
        line.who,
        line.via,
        line.address,
        line.session,
        line.options,
        line.etag,
        line.start,
        line.length,
        line.total,
        line.bytes_sent,
        str(line.outcome),
        line.reason,
    )
    return dict(zip(COLUMNS, values, strict=True))


def as_csv(lines: Iterable[Line], *, heading: bool = True) -> str:
    """Lines as CSV (RFC 4180), in which no cell is a formula: names and addresses are others' words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows(map(_cell, line_object(line).values()) for line in lines)
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
