"""Reading ``zigbee-data.json``: ``{"messages": {topic: [{"timestamp", "payload"}]}}``.

The file is read once into memory, then decoded topic by topic; payloads stay undecoded bytes of that memory, and only
those inside the window are looked at. Read and not mapped: a platform that rewrites its file meanwhile would otherwise
kill the process with SIGBUS.
"""

import re
from collections.abc import Sequence

import msgspec
import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.payload import compact
from labcrate.readings.problems import Problem
from labcrate.readings.source import UNREADABLE_PAYLOAD, Gatherer, Opened, Source, Where
from labcrate.readings.topics import Topics

_BOM = b"\xef\xbb\xbf"
_NO_MESSAGE = "this is no object with a timestamp and a payload, so it was left out"
_NO_LIST = "this is no list of messages, so it was left out"
_NO_TOPIC = "the topic is empty, so its messages were left out"


class _File(msgspec.Struct):
    messages: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _Message(msgspec.Struct, gc=False):
    timestamp: object = None
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_MESSAGES = msgspec.json.Decoder(list[_Message])


def read_json(file: Opened, label: str, window: TimeSpan, topics: Topics) -> Source:
    """Read the readings inside the window; a file that is no such JSON becomes a fatal problem."""
    data = file.read()
    try:
        whole = msgspec.json.decode(memoryview(data)[len(_BOM) :] if data.startswith(_BOM) else data, type=_File)
    except (ValueError, RecursionError) as error:
        return Source(problems=(_unparsable(label, data, str(error)),))
    gatherer = Gatherer(label, window, topics)
    if whole.messages is msgspec.UNSET:
        gatherer.tally.add('there is no "messages" in it, so it was taken as having no readings', "")
        return gatherer.source()
    for topic, raw in whole.messages.items():
        _gather(topic, raw, gatherer)
    return gatherer.source()


def _gather(topic: str, raw: msgspec.Raw, gatherer: Gatherer) -> None:
    key = f"messages[{msgspec.json.encode(topic).decode()}]"
    places: Sequence[int]
    try:
        messages = _MESSAGES.decode(raw)
        places = range(len(messages))
    except (ValueError, RecursionError):
        messages, places = _one_by_one(raw, key, gatherer)
    if messages and not topic:
        gatherer.tally.add(_NO_TOPIC, key, len(messages))
    elif messages and not gatherer.topics.is_reading(topic):
        gatherer.no_readings[topic] += len(messages)
    elif messages:
        _keep(topic, messages, lambda row: f"{key}[{places[row]}]", gatherer)


def _keep(topic: str, messages: list[_Message], where: Where, gatherer: Gatherer) -> None:
    us, mask = gatherer.times(_texts([message.timestamp for message in messages]), where)
    name = pl.Series([topic], dtype=pl.String)
    gatherer.add_keys(us, name.new_from_index(0, len(us)))
    rows = mask.arg_true().to_list()
    payloads = [_payload(messages[row].payload) for row in rows]
    if bad := [row for row, payload in zip(rows, payloads, strict=True) if payload is None]:
        gatherer.tally.add(UNREADABLE_PAYLOAD, where(bad[0]), len(bad))
    kept = pl.Series(payloads, dtype=pl.String)
    gatherer.add_rows(us.filter(mask), name.new_from_index(0, len(kept)), kept, pl.repeat(False, len(kept), eager=True))


def _payload(raw: msgspec.Raw | msgspec.UnsetType) -> str | None:
    try:
        return None if raw is msgspec.UNSET else compact(raw)
    except ValueError:
        return None


def _texts(timestamps: list[object]) -> pl.Series:
    """Timestamps as text: numbers count from 1970, anything else but text is unreadable."""
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


def _one_by_one(raw: msgspec.Raw, key: str, gatherer: Gatherer) -> tuple[list[_Message], list[int]]:
    """The messages of a topic that are not all as they should be, each with its place in the list."""
    try:
        parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (ValueError, RecursionError):
        gatherer.tally.add(_NO_LIST, key)
        return [], []
    messages, places = [], []
    for place, part in enumerate(parts):
        try:
            messages.append(msgspec.json.decode(part, type=_Message))
            places.append(place)
        except (ValueError, RecursionError):
            gatherer.tally.add(_NO_MESSAGE, f"{key}[{place}]")
    return messages, places


def _unparsable(label: str, data: bytes, error: str) -> Problem:
    """A problem that names the line: from the decoder's byte, or the last one if the text ends too early."""
    line = data.count(b"\n") + 1
    if not data or data.isspace():
        return Problem(label, "", "the file is empty; write it again or restore a copy", fatal=True)
    if "truncated" in error:
        what = "the JSON ends too early; wait until it is written, or restore a copy"
        return Problem(label, f"line {line}", what, fatal=True)
    if found := re.search(r" \(byte (\d+)\)", error):
        at = int(found[1])
        line = data.count(b"\n", 0, at) + 1
        reason = error.removeprefix("JSON is malformed: ").replace(found[0], "")
        return Problem(label, f"line {line}, byte {at}", f"this is not JSON ({reason}); repair it", fatal=True)
    what = f'it should be an object with an object "messages" ({error}); repair it'
    return Problem(label, "", what, fatal=True)
