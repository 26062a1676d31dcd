"""The readings as the two unified files: one row per reading, and one list of messages per topic.

Both are written piece by piece and come out the same, byte for byte, for the same readings. Values are exact: a text
that a spreadsheet would take for a formula stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import polars as pl

from labcrate.model.timespan import format_instant
from labcrate.readings.load.payload import SCALAR_TEXT
from labcrate.readings.load.profile import CHUNK_ROWS
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.timestamps import iso
from labcrate.readings.write.columns import Column, columns
from labcrate.readings.write.writing import Target, in_pieces, opened, write_header, write_lines, write_rows


def write_zigbee_csv(readings: Readings, target: Target) -> None:
    """Write one row per reading, in the columns that `columns.columns` names; every cell that is not empty is quoted.

    Numbers stand as in the source, truth values as ``true`` and ``false``, null as an empty cell.
    """
    layout = columns(readings)
    with opened(target) as file:
        write_header((column.name for column in layout), file)
        for piece, payloads in in_pieces(readings):
            cells = _cells(payloads, layout)
            write_rows(piece.select(iso("timestamp"), "topic", "device_id", *cells, "payload"), file)


def write_zigbee_json(readings: Readings, target: Target) -> None:
    """Write ``messages`` by topic, each topic's in time order and one to a line; the topics are sorted."""
    by_topic = readings.frame.sort("topic", maintain_order=True)
    counts = by_topic.group_by("topic", maintain_order=True).agg(pl.len())
    start = 0
    with opened(target) as file:
        file.write(b'{\n"messages": {')
        for number, (topic, count) in enumerate(counts.iter_rows()):
            file.write((b",\n" if number else b"\n") + msgspec.json.encode(topic) + b": [\n")
            write_lines(_messages(by_topic[start : start + count]), file)
            file.write(b"\n]")
            start += count
        summary = {
            "topics": counts["topic"].to_list(),
            "deviceCount": _count_devices(readings),
            "lastUpdated": format_instant(readings.last) if readings.last else None,
        }
        file.write(b"\n},\n" + msgspec.json.encode(summary).removeprefix(b"{") + b"\n")


def _cells(payloads: Sequence[object], layout: Sequence[Column]) -> list[pl.Series]:
    """The columns between device and payload, as text."""
    filled = [column for column in layout if column.key is not None or column.name == "motion"]
    cells: dict[str, list[str | None]] = {column.name: [None] * len(payloads) for column in filled}
    by_key = {column.key: cells[column.name] for column in filled if column.key is not None}
    motion, text_of = cells["motion"], SCALAR_TEXT
    for row, payload in enumerate(payloads):
        if not isinstance(payload, dict):
            continue
        for key, value in payload.items():
            if (column := by_key.get(key)) is not None and (write := text_of.get(type(value))) is not None:
                column[row] = write(value)
        motion[row] = _motion(payload)
        if "motion" in by_key and isinstance(payload.get("motion"), bool):
            by_key["motion"][row] = None  # it stands in the fixed column
    return [pl.Series(name, column, dtype=pl.String) for name, column in cells.items()]


def _motion(payload: Mapping[str, object]) -> str | None:
    """The payload's motion or, without one, its occupancy, if that is true or false."""
    told = payload.get("motion")
    if not isinstance(told, bool):
        told = payload.get("occupancy")
    return SCALAR_TEXT[bool](told) if isinstance(told, bool) else None


def _messages(readings: pl.DataFrame) -> Iterator[pl.Series]:
    for piece in readings.iter_slices(CHUNK_ROWS):
        text = pl.concat_str(pl.lit('{"timestamp":"'), iso("timestamp"), pl.lit('","payload":'), "payload", pl.lit("}"))
        yield piece.select(message=text)["message"]


def _count_devices(readings: Readings) -> int:
    return len({readings.topics.device_and_key(*kind)[0] for kind in readings.topic_kinds})
