"""Lines of the export log for machines and for spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from labcrate.messages.text import printable
from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.people.export_log import ExportLogLine

COLUMNS = (
    "number", "begunAt", "endedAt", "who", "via", "address", "session", "options", "etag", "start", "length", "total",
    "bytesSent", "outcome", "reason",
)  # fmt: skip
_OPTION_WORDS = {
    "recording": "recording {}",
    "camera": "only camera {}",
    "sensor": "only sensor {}",
    "from": "from {}",
    "to": "until {}",
    "pad": "{} before and after",
}
_FIXED_OPTION_WORDS = {
    "only=sensors": "only sensor data",
    "only=recordings": "only recordings",
    "readings=all": "all readings of the lab",
}
# What a spreadsheet takes for the beginning of a formula, in wide letters too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Where the decimal sign is a comma, spreadsheets split at semicolons, and what follows one begins a cell.
_INNER_FORMULA = re.compile(f";(?=[{re.escape(''.join(_FORMULA))}])")


def line_object(line: ExportLogLine) -> dict[str, Any]:
    """A line as JSON has it; times are ISO 8601 in UTC, sizes bytes."""
    values = (
        line.number,
        format_instant(line.begun),
        format_instant(line.ended) if line.ended else None,
        line.who,
        line.via,
        line.address,
        json_id(line.session),
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


def describe_contents(line: ExportLogLine) -> list[str]:
    """What was taken, and from which byte on: each as a few words for people."""
    pairs = parse_qsl(line.options)
    words = [
        _FIXED_OPTION_WORDS.get(f"{name}={value}") or _OPTION_WORDS.get(name, f"{name}: {{}}").format(printable(value))
        for name, value in pairs
    ]
    return (words or ["the whole session"]) + ([f"from byte {line.start:,}"] if line.start else [])


def as_csv(lines: Iterable[ExportLogLine], *, heading: bool = True) -> str:
    """Lines as CSV (RFC 4180), in which no cell is a formula: names and addresses are others' words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows(map(_csv_cell, line_object(line).values()) for line in lines)
    return text.getvalue()


def _csv_cell(value: object) -> str:
    text = "" if value is None else str(value)
    text = _INNER_FORMULA.sub("; ", text)
    return f"'{text}" if text.startswith(_FORMULA) else text
