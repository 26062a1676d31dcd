"""Reading ``zigbee-data.json``: ``{"messages": {topic: [{"timestamp", "payload"}]}}``, or messages in a flat list.

The file is read into memory at once, then decoded topic by topic; payloads stay undecoded bytes of that memory, and
only those inside the window are decoded. The file is not mapped: a platform that rewrites it meanwhile would kill the
process with SIGBUS.
"""

import re

import msgspec
import polars as pl

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.dialect import UTF8_BOM, lines_as_utf8, utf16_encoding
from labcrate.readings.load.json_flat import as_text, begins_with_message, payload_text, read_lines, read_list
from labcrate.readings.load.problems import Extent, ReadingsProblem
from labcrate.readings.load.source import FileReadings, OpenFile, ReadingsCollector, RowLocation
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import Topics

_NO_MESSAGE = Message("readings.no_message")
_NO_LIST = Message("readings.no_list")


class _MessagesFile(msgspec.Struct):
    messages: dict[str, msgspec.Raw] | list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    timestamp: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _TopicMessage(msgspec.Struct, gc=False):
    timestamp: object = None
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_MESSAGE = msgspec.json.Decoder(_TopicMessage)
_MESSAGES = msgspec.json.Decoder(list[_TopicMessage])
_FILE: msgspec.json.Decoder[_MessagesFile | list[msgspec.Raw]] = msgspec.json.Decoder(_MessagesFile | list[msgspec.Raw])


def read_json(
    file: OpenFile, label: str, window: TimeSpan, topics: Topics, rules: TimeRules | None = None
) -> FileReadings:
    """Return the readings inside the window; a file that is no such JSON becomes a fatal problem."""

    def collector(in_time_order: bool = True) -> ReadingsCollector:
        return ReadingsCollector(label, window, topics, rules, in_time_order)

    data = _as_utf8(file.read())
    try:
        whole = _decoded(data)
    except (ValueError, RecursionError) as error:
        text = bytes(data)
        if begins_with_message(text):
            return read_lines(text, collector())
        return FileReadings(problems=(_parse_problem(label, text, str(error)),))
    if isinstance(whole, list):
        return read_list(whole, "", collector())
    if isinstance(whole.messages, dict):
        return _read_topics(whole.messages, collector(in_time_order=False))
    if isinstance(whole.messages, list):
        return read_list(whole.messages, "messages", collector())
    return _read_other(whole, bytes(data), collector())


def _read_topics(messages: dict[str, msgspec.Raw], collector: ReadingsCollector) -> FileReadings:
    for topic, raw in messages.items():
        _add_topic(topic, raw, collector)
    return collector.result()


def _read_other(whole: _MessagesFile, text: bytes, collector: ReadingsCollector) -> FileReadings:
    """Return the readings of an object without messages: it may be a message itself."""
    if whole.timestamp is not msgspec.UNSET:
        return read_lines(text, collector)
    collector.faults.add(Message("readings.no_messages_key"), "")
    return collector.result()


def _as_utf8(data: bytes) -> bytes | memoryview:
    """Return the text without a byte order mark; UTF-16 becomes UTF-8."""
    if encoding := utf16_encoding(data[:4]):
        return data.decode(encoding, "replace").encode()
    return memoryview(data)[len(UTF8_BOM) :] if data.startswith(UTF8_BOM) else data


def _decoded(data: bytes | memoryview) -> _MessagesFile | list[msgspec.Raw]:
    """Return the file's value; a text whose keys are not UTF-8 is read as Windows-1252. Payloads stay undecoded."""
    try:
        return _FILE.decode(data)
    except ValueError:
        text, foreign, _ = lines_as_utf8(bytes(data))
        if not foreign:
            raise
    return _FILE.decode(text)


def _add_topic(topic: str, raw: msgspec.Raw, collector: ReadingsCollector) -> None:
    key = f"messages[{msgspec.json.encode(topic).decode()}]"
    parts: list[msgspec.Raw] = []
    try:
        messages = _MESSAGES.decode(raw)
    except (ValueError, RecursionError):
        messages = []
        try:
            parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
        except (ValueError, RecursionError):
            collector.faults.add(_NO_LIST, key, extent=Extent.INSIDE, topic=topic or None)
            return
    broken = {}
    for place, part in enumerate(parts):
        try:
            messages.append(_MESSAGE.decode(part))
        except (ValueError, RecursionError):
            messages.append(_TopicMessage())
            broken[place] = _NO_MESSAGE
    if messages and topic and not collector.topics.is_reading(topic):
        collector.no_readings[topic] += len(messages)
    elif messages:
        _add_messages(topic, messages, broken, lambda row: f"{key}[{row}]", collector)


def _add_messages(
    topic: str,
    messages: list[_TopicMessage],
    broken: dict[int, Message],
    where: RowLocation,
    collector: ReadingsCollector,
) -> None:
    name = pl.Series([topic], dtype=pl.String)
    texts = as_text([message.timestamp for message in messages])
    batch = collector.read_batch(texts, name.new_from_index(0, len(texts)), where, broken)
    rows = batch.inside.arg_true().to_list()
    payloads = [payload_text(messages[row].payload) for row in rows]
    collector.add_payloads(batch, rows, payloads, [False] * len(rows))
    if collector.first_rows_of_new_topics(batch):
        known = next((text for text in payloads if text is not None), None) or payload_text(messages[0].payload) or ""
        collector.kinds.add((topic, known.startswith("{")))


def _parse_problem(label: str, data: bytes, error: str) -> ReadingsProblem:
    """Return a problem with the line: from the decoder's byte, or the last line if the text ends too early."""
    line = data.count(b"\n") + 1
    if not data or data.isspace():
        return ReadingsProblem(label, "", Message("readings.json_empty"), fatal=True)
    if "truncated" in error:
        where = Message("readings.line", line=str(line))
        return ReadingsProblem(label, where, Message("readings.json_truncated"), fatal=True)
    if found := re.search(r" \(byte (\d+)\)", error):
        at = int(found[1])
        line = data.count(b"\n", 0, at) + 1
        reason = error.removeprefix("JSON is malformed: ").replace(found[0], "")
        where = Message("readings.line_and_byte", line=str(line), byte=str(at))
        return ReadingsProblem(label, where, Message("readings.json_invalid", reason=reason), fatal=True)
    return ReadingsProblem(label, "", Message("readings.json_wrong_shape", reason=error), fatal=True)
