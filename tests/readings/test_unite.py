"""Readings spread over both files, written in any form, are united: each once, in order."""

import csv
import io
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings
from labcrate.readings.write.tables import write_zigbee_csv, write_zigbee_json

START = datetime(2025, 5, 2, 10, tzinfo=UTC)
TOPICS = ("zigbee2mqtt/door", "zigbee2mqtt/attic/door", 'zigbee2mqtt/Küche "oben",\nlinks')

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(max_size=8)) | st.sampled_from(
    [22, 22.5, 1e-7, "ON", '{"a', "[", '"']
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
payloads = st.dictionaries(
    st.sampled_from(["temperature", "occupancy", "motion", "topic", "payload", "", "action", "color"]),
    values,
    max_size=4,
) | st.sampled_from([21, 21.5, True, None, "ON", "off ", "{half"])


class Message(NamedTuple):
    """A reading of a test: milliseconds after the start, topic, payload."""

    at: int
    topic: str
    payload: Any

    @property
    def instant(self) -> datetime:
        return START + timedelta(milliseconds=self.at)


messages = st.builds(Message, st.integers(0, 6), st.sampled_from(TOPICS), payloads)


def shuffled(value: Any, chance: random.Random) -> Any:
    """Return the same JSON value with its keys in another order and whole numbers perhaps with a fraction."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    if isinstance(value, list):
        return [shuffled(one, chance) for one in value]
    small = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if small and chance.random() < 0.5 else value


def dumped(value: Any, chance: random.Random) -> str:
    """Return JSON text in a random form."""
    indent, ascii_only = chance.choice([None, 1]), chance.choice([True, False])
    return json.dumps(shuffled(value, chance), indent=indent, ensure_ascii=ascii_only)


def spelled(instant: datetime, chance: random.Random) -> str:
    """Return the instant as one of the usual ISO 8601 spellings."""
    zoned = instant.astimezone(UTC)
    return chance.choice([format_instant(zoned), zoned.isoformat(), zoned.isoformat(timespec="microseconds")])


def as_json(messages: list[Message], chance: random.Random) -> io.BytesIO:
    """Return the messages as the JSON file, in any order and spelling."""
    by_topic: dict[str, list[str]] = {}
    for message in chance.sample(messages, len(messages)):
        text = f'{{"payload": {dumped(message.payload, chance)}, "timestamp": "{spelled(message.instant, chance)}"}}'
        by_topic.setdefault(message.topic, []).append(text)
    lists = ",".join(f"{json.dumps(topic)}: [{', '.join(texts)}]" for topic, texts in by_topic.items())
    return io.BytesIO(f'{{"messages": {{{lists}}}}}'.encode())


def as_csv(messages: list[Message], chance: random.Random) -> io.BytesIO:
    """Return the messages as the CSV file, in any order and spelling."""
    text = io.StringIO(newline="")
    dialect = chance.choice(["excel", "unix"])  # few quotes, or all
    writer = csv.writer(text, dialect, lineterminator=chance.choice(["\n", "\r\n"]))
    writer.writerow(["timestamp", "topic", "device_id", "payload"])
    for message in chance.sample(messages, len(messages)):
        row = [spelled(message.instant, chance), message.topic, "", dumped(message.payload, chance)]
        writer.writerow(row)
    return io.BytesIO(text.getvalue().encode())


def normal(value: Any) -> Any:
    """Return a value that compares and hashes by JSON value: numbers by size, never a boolean as a number."""
    if isinstance(value, dict):
        return frozenset((key, normal(one)) for key, one in value.items())
    if isinstance(value, list):
        return tuple(normal(one) for one in value)
    return (type(value).__name__, value) if isinstance(value, (bool, str)) else value


def counted(found: list[Message]) -> Counter[Any]:
    """Return how often each message occurs, payloads compared by value."""
    return Counter((message.at, message.topic, normal(message.payload)) for message in found)


def messages_of(readings: Readings) -> list[Message]:
    """Return the frame's readings as messages."""
    rows = readings.frame.select("timestamp", "topic", "payload").iter_rows()
    return [Message((at - START) // timedelta(milliseconds=1), topic, json.loads(text)) for at, topic, text in rows]


@settings(deadline=None, max_examples=rounds(15, 40))
@given(st.lists(messages, max_size=12), st.lists(messages, max_size=4), st.data(), st.randoms(use_true_random=False))
def test_the_union_holds_every_reading_as_often_as_the_richer_file(
    every: list[Message], twice: list[Message], data: st.DataObject, chance: random.Random
) -> None:
    """However readings are spread over the files and written, the union has each exactly as often as required."""
    all_of_them = every + twice + twice
    in_json = [one for one in all_of_them if data.draw(st.booleans())]
    in_csv = [one for one in all_of_them if data.draw(st.booleans())]
    readings = load_readings(as_json(in_json, chance), as_csv(in_csv, chance), TimeSpan())
    assert readings.problems == ()
    assert counted(messages_of(readings)) == counted(in_json) | counted(in_csv)
    assert readings.both == (counted(in_json) & counted(in_csv)).total()
    assert readings.frame.equals(readings.frame.sort("timestamp", "topic", "payload"))


@pytest.mark.thorough
@settings(deadline=None, max_examples=rounds(15, 40))
@given(st.lists(messages, max_size=12), st.integers(-1, 7), st.integers(-1, 7), st.randoms(use_true_random=False))
def test_a_window_takes_what_lies_inside_and_at_its_ends(
    every: list[Message], start: int, end: int, chance: random.Random
) -> None:
    """From both files, a window holds the readings from its start to its end, both included, and no other."""
    window = TimeSpan(*(START + timedelta(milliseconds=at) for at in (start, end)))
    readings = load_readings(as_json(every, chance), as_csv(every, chance), window)
    inside = [one for one in every if start <= one.at <= end]
    assert counted(messages_of(readings)) == counted(inside)
    assert readings.lab.json == readings.lab.csv == readings.lab.total == len(every)
    outside = [one.at for one in every]
    if not inside and every and start <= end:
        assert readings.lab.nearest is not None
        found = (readings.lab.nearest - START) // timedelta(milliseconds=1)
        distance = {at: max(start - at, at - end) for at in outside}
        assert distance[found] == min(distance.values())


@settings(deadline=None, max_examples=rounds(15, 40))
@given(st.lists(messages, max_size=12), st.randoms(use_true_random=False))
def test_written_files_load_again_as_the_same_frame(every: list[Message], chance: random.Random) -> None:
    """A frame written as CSV and as JSON is loaded unchanged, from one file or both."""
    readings = load_readings(as_json(every, chance), None, TimeSpan())
    json_file, csv_file = io.BytesIO(), io.BytesIO()
    write_zigbee_json(readings, json_file)
    write_zigbee_csv(readings, csv_file, "42")
    for one, other in ((json_file, None), (None, csv_file), (json_file, csv_file)):
        again = load_readings(one and io.BytesIO(one.getvalue()), other and io.BytesIO(other.getvalue()), TimeSpan())
        assert again.problems == ()
        assert again.frame.equals(readings.frame)
