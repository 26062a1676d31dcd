"""The exact sizes of the text tables, from a summary of the readings."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.readings.load.timestamps import instant_at
from labcrate.readings.load.topics import Topics
from labcrate.readings.property_types import ValueKind
from labcrate.readings.units import Units
from labcrate.readings.values.key_kinds import KeyKinds
from labcrate.readings.write.columns import LONG_COLUMNS, columns_of
from labcrate.readings.write.long import quote, value_kind
from labcrate.readings.write.summary import TableSummary, ValueFacts

_TIME_BYTES, _LONGER = 24, 3
_TRUE, _FALSE, _NULL = 4, 5, 4


@dataclass(frozen=True, slots=True)
class TableSizes:
    """The bytes of each text table."""

    zigbee_json: int
    zigbee_csv: int
    sensor_json: int
    sensor_csv: int


def table_sizes(summary: TableSummary, topics: Topics, session_id: str) -> TableSizes:
    """Return the bytes of the tables of the summarised readings; ``topics`` are those that it was made with."""
    csv_bytes, json_bytes = _long_bytes(summary, topics, session_id)
    return TableSizes(_by_topic_bytes(summary, topics), _wide_bytes(summary, topics, session_id), json_bytes, csv_bytes)


def summary_key_kinds(summary: TableSummary) -> KeyKinds:
    """Return the kinds of the values of each top-level key, as `key_kinds.find_key_kinds` does."""
    found: dict[str, dict[str, frozenset[ValueKind]]] = {}
    for (topic, path), facts in summary.values.items():
        if len(path) == 1 and facts.kinds:
            device = summary.topics[topic, True].device_id
            devices = found.setdefault(path[0], {})
            devices[device] = devices.get(device, frozenset()) | facts.kinds  # type: ignore[operator]
    return {key: dict(sorted(devices.items())) for key, devices in sorted(found.items())}


def _size(text: str) -> int:
    return len(text.encode())


def _json_size(value: object) -> int:
    return len(msgspec.json.encode(value))


def _header_bytes(names: Iterable[str]) -> int:
    quoted = (quote(name) if any(c in name for c in ',"\r\n') else name for name in names)
    return sum(_size(name) + 1 for name in quoted)


def _by_topic_bytes(summary: TableSummary, topics: Topics) -> int:
    messages: dict[str, int] = {}
    size = 0
    for (topic, _), facts in summary.topics.items():
        messages[topic] = messages.get(topic, 0) + facts.messages
        each = len('{"timestamp":"","payload":}') + _TIME_BYTES
        size += facts.messages * each + facts.long_times * _LONGER + facts.payload_bytes
    for number, (topic, count) in enumerate(sorted(messages.items())):
        size += (2 if number else 1) + _json_size(topic) + len(": [\n") + 2 * (count - 1) + len("\n]")
    devices = {
        topics.device_and_key(topic, facts.device_id, whole)[0] for (topic, whole), facts in summary.topics.items()
    }
    last = max((facts.last_us for facts in summary.topics.values()), default=None)
    about = {
        "topics": sorted(messages),
        "deviceCount": len(devices),
        "lastUpdated": None if last is None else format_instant(instant_at(last)),
    }
    return len('{\n"messages": {') + size + len("\n},\n") + _json_size(about)


def _wide_bytes(summary: TableSummary, topics: Topics, session_id: str) -> int:
    layout = columns_of(summary_key_kinds(summary), topics.devices)
    size = _header_bytes(column.name for column in layout)
    for (topic, _), facts in summary.topics.items():
        # Every row has as many commas as columns but one, and a line end.
        row = len(layout) + 2 + _TIME_BYTES + sum(_size(quote(text)) for text in (topic, facts.device_id, session_id))
        size += facts.messages * row + facts.long_times * _LONGER + facts.payload_cell_bytes + facts.motion_bytes
    return size + sum(facts.wide_bytes for facts in summary.values.values())


def _long_bytes(summary: TableSummary, topics: Topics, session_id: str) -> tuple[int, int]:
    """Return the bytes of the long table as CSV and as JSON."""
    units = Units(topics.devices)
    csv_bytes = _header_bytes(column.name for column in LONG_COLUMNS)
    json_bytes = len('{\n"sessionId": ,\n"readings": [\n\n]\n}\n') + _json_size(json_id(session_id))
    counts: dict[tuple[str, str], int] = {}
    for (topic, path), facts in summary.values.items():
        device, key = topics.device_and_key(topic, summary.topics[topic, bool(path)].device_id, bool(path))
        name = "-".join(path) if path else key or "value"
        counts[device, name] = counts.get((device, name), 0) + facts.values
        unit = units.unit_of(device, name)
        csv_bytes += _csv_bytes(facts, [device, name, *([unit] if unit else []), value_kind(name), session_id])
        json_bytes += _object_bytes(facts, device, name, unit)
    for owner, values in counts.items():
        changed = summary.chains[owner].changed
        same = values - 1 - changed
        csv_bytes += changed * (_TRUE + 2) + same * (_FALSE + 2)
        json_bytes += changed * _TRUE + same * _FALSE + _NULL
    total = sum(counts.values())
    return csv_bytes, json_bytes + 2 * max(total - 1, 0)


def _csv_bytes(facts: ValueFacts, texts: list[str]) -> int:
    row = len(LONG_COLUMNS) + _TIME_BYTES + 2 + sum(_size(quote(text)) for text in texts)
    return facts.values * row + facts.long_times * _LONGER + facts.cell_bytes


def _object_bytes(facts: ValueFacts, device: str, name: str, unit: str | None) -> int:
    keys = '{"timestamp":"","device_id":,"property":,"value":,"unit":,"kind":"","changed":}'
    row = len(keys) + _TIME_BYTES + sum(_json_size(text) for text in (device, name, unit)) + len(value_kind(name))
    return facts.values * row + facts.long_times * _LONGER + facts.json_bytes
