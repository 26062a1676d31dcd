"""Lines of the export log as JSON, as CSV, and in words."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from labcrate.messages.message import Message
from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.people.export_log import ExportLogLine

COLUMNS = (
    "number", "begunAt", "endedAt", "who", "via", "address", "session", "options", "etag", "start", "length", "total",
    "bytesSent", "outcome", "reason",
)  # fmt: skip
# Message ids of options with any value, which the message names ...
_OPTION_IDS = {
    "recording": "contents.recording",
    "camera": "contents.camera",
    "sensor": "contents.sensor",
    "from": "contents.from",
    "to": "contents.until",
    "pad": "contents.pad",
}
# ... and of options with one particular value.
_FIXED_OPTION_IDS = {
    "only=sensors": "contents.only_sensors",
    "only=recordings": "contents.only_recordings",
    "readings=all": "contents.all_readings",
}
# Spreadsheets read a cell that begins with one of these, also in its wide form, as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Where the decimal sign is a comma, spreadsheets split cells at semicolons, and the rest is a cell of its own.
_INNER_FORMULA = re.compile(f";(?=[{re.escape(''.join(_FORMULA))}])")


def line_object(line: ExportLogLine) -> dict[str, Any]:
    """Return a line as a JSON object. Times are ISO 8601 in UTC, sizes are bytes."""
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


def describe_contents(line: ExportLogLine) -> list[Message]:
    """Return in a few words each what a transfer contained, and its first byte if that is not the first one."""
    parts = [_describe_option(name, value) for name, value in parse_qsl(line.options)]
    start = [Message("contents.from_byte", byte=line.start)] if line.start else []
    return (parts or [Message("contents.whole_session")]) + start


def _describe_option(name: str, value: str) -> Message:
    if id := _FIXED_OPTION_IDS.get(f"{name}={value}"):
        return Message(id)
    if id := _OPTION_IDS.get(name):
        return Message(id, value=value)
    return Message("contents.other", name=name, value=value)


def as_csv(lines: Iterable[ExportLogLine], *, heading: bool = True) -> str:
    """Return lines as CSV (RFC 4180) in which no cell is a formula, since users choose names and addresses."""
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
