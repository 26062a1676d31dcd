"""Messages in a flat list, or one JSON object per line: ``{"timestamp", "topic", "payload"}``, topics in any order.

A message without a topic is of the device in its ``device_id``, as in the CSV.
"""

from collections.abc import Sequence

import msgspec
import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.dialect import lines_as_utf8
from labcrate.readings.load.payload import compact
from labcrate.readings.load.source import FileReadings, ReadingsCollector

_ROWS = 50_000
NO_MESSAGE = Message("readings.no_flat_message")


class _FlatMessage(msgspec.Struct, gc=False):
    timestamp: object = None
    topic: object = None
    device_id: object = None
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _FirstLine(msgspec.Struct):
    timestamp: object
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_MESSAGE = msgspec.json.Decoder(_FlatMessage)
_LINE = msgspec.json.Decoder(_FirstLine)


def begins_with_message(text: bytes) -> bool:
    """Return whether the first line of a text is a message."""
    line, _, _ = lines_as_utf8(text.lstrip().partition(b"\n")[0])
    try:
        return _LINE.decode(line).messages is msgspec.UNSET
    except (ValueError, RecursionError):
        return False


def read_list(parts: Sequence[msgspec.Raw], key: str, collector: ReadingsCollector) -> FileReadings:
    """Return the messages of a list; ``key`` is the name of the list in the file."""
    for start in range(0, len(parts), _ROWS):
        _add_messages(
            parts[start : start + _ROWS], [f"{key}[{place}]" for place in range(start, start + _ROWS)], collector
        )
    return collector.result()


def read_lines(text: bytes, collector: ReadingsCollector) -> FileReadings:
    """Return the messages of a text with one per line; a last line that ends too early is truncated."""
    whole, _, _ = lines_as_utf8(text)
    numbered = [(number, line) for number, line in enumerate(whole.split(b"\n"), 1) if line.strip()]
    for start in range(0, len(numbered), _ROWS):
        some = numbered[start : start + _ROWS]
        last = start + _ROWS >= len(numbered)
        lines = [line for _, line in some]
        _add_messages(
            lines,
            [Message("readings.line", line=str(number)) for number, _ in some],
            collector,
            len(lines) - 1 if last else None,
        )
    return collector.result()


def _add_messages(
    parts: Sequence[msgspec.Raw | bytes],
    places: Sequence[Message | str],
    collector: ReadingsCollector,
    last: int | None = None,
) -> None:
    messages: list[_FlatMessage] = []
    broken: dict[int, Message] = {}
    truncated: int | None = None
    for row, part in enumerate(parts):
        try:
            message = _decoded(part)
        except (ValueError, RecursionError) as error:
            message = _FlatMessage()
            truncated = row if row == last and "truncated" in str(error) else None
        messages.append(message)
        if message.payload is msgspec.UNSET:
            broken[row] = NO_MESSAGE
    topic = pl.Series([_topic(message, collector) for message in messages], dtype=pl.String)
    texts = as_text([message.timestamp for message in messages])
    batch = collector.read_batch(texts, topic, places.__getitem__, broken, truncated)
    collector.kinds.update(
        (topic, (payload_text(messages[row].payload) or "").startswith("{"))
        for topic, row in collector.first_rows_of_new_topics(batch)
    )
    rows = batch.inside.arg_true().to_list()
    collector.add_payloads(batch, rows, [payload_text(messages[row].payload) for row in rows], [False] * len(rows))


def _decoded(part: msgspec.Raw | bytes) -> _FlatMessage:
    try:
        return _MESSAGE.decode(part)
    except ValueError:
        text, foreign, _ = lines_as_utf8(bytes(part))
        if not foreign:
            raise
    return _MESSAGE.decode(text)


def _topic(message: _FlatMessage, collector: ReadingsCollector) -> str:
    if isinstance(message.topic, str) and message.topic:
        return message.topic
    if isinstance(message.device_id, str) and message.device_id:
        made = f"{collector.topics.base}/{message.device_id}"
        collector.topics_from_ids.add(made)
        return made
    return ""


def payload_text(raw: msgspec.Raw | msgspec.UnsetType) -> str | None:
    """Return a payload as compact JSON, None if it is not JSON; one that is not UTF-8 is read as Windows-1252."""
    if raw is msgspec.UNSET:
        return None
    try:
        return compact(raw)
    except ValueError:
        pass
    data = bytes(raw)
    text, foreign, _ = lines_as_utf8(data)
    if not foreign:
        return None
    try:
        return compact(text)
    except ValueError:
        return None


def as_text(timestamps: Sequence[object]) -> pl.Series:
    """Return timestamps as text: numbers count from 1970, other values than text are unreadable."""
    try:
        return pl.Series(timestamps, dtype=pl.String)
    except TypeError:
        return pl.Series([_text(value) for value in timestamps], dtype=pl.String)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:f}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
