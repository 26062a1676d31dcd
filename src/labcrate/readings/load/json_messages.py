"""Messages of JSON files as rows: those of one topic, and those of a flat list that name their topics."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.dialect import lines_as_utf8
from labcrate.readings.load.payload import compact
from labcrate.readings.load.payload_texts import compact_raws
from labcrate.readings.load.segment_rows import RawRows, ReadContext, read_rows
from labcrate.readings.load.segments import SEGMENT_ROWS, FaultList, SegmentInfo, SourceSegment

T = TypeVar("T")

NO_MESSAGE = Message("readings.no_message")
NO_FLAT_MESSAGE = Message("readings.no_flat_message")


class TopicMessage(msgspec.Struct, gc=False):
    """A message in the list of its topic."""

    timestamp: object = None
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class FlatMessage(TopicMessage, gc=False):
    """A message that names its topic, or its device."""

    topic: object = None
    device_id: object = None


MESSAGES = msgspec.json.Decoder(list[TopicMessage])
FLAT_MESSAGES = msgspec.json.Decoder(list[FlatMessage])
_TOPIC_MESSAGE = msgspec.json.Decoder(TopicMessage)
_FLAT_MESSAGE = msgspec.json.Decoder(FlatMessage)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def topic_segment(messages: bytes | msgspec.Raw, info: SegmentInfo, key: str, context: ReadContext) -> SourceSegment:
    """Return a JSON list of messages of the topic ``info.stream``; ``key`` is the list's name in the file.

    Raises ValueError if it is no list.
    """
    decoded: list[TopicMessage] = []
    broken: dict[int, Message] = {}
    try:
        decoded = MESSAGES.decode(messages)
    except (ValueError, RecursionError):
        for row, part in enumerate(_RAWS.decode(messages)):
            try:
                decoded.append(_TOPIC_MESSAGE.decode(part))
            except (ValueError, RecursionError):
                decoded.append(TopicMessage())
                broken[row] = NO_MESSAGE
    topic, count, first = info.stream, len(decoded), info.first_place
    info = replace(info, places=count)
    if topic and not context.topics.is_reading(topic):
        counted = replace(info, no_readings={topic: count} if count else {})
        return SourceSegment(counted, pl.DataFrame(schema=SEGMENT_ROWS))
    raw = RawRows(
        times=_as_text([message.timestamp for message in decoded]),
        topic=pl.Series([topic], dtype=pl.String).new_from_index(0, count),
        places=range(first, first + count),
        where=lambda row: f"{key}[{first + row}]",
        payloads=_payloads_of(decoded),
        broken=broken,
    )
    return read_rows(raw, context, info, FaultList())


def flat_segment(
    parts: Sequence[msgspec.Raw | bytes],
    info: SegmentInfo,
    places: Sequence[int],
    where: Callable[[int], int | str],
    context: ReadContext,
    *,
    is_last: bool = False,
) -> SourceSegment:
    """Return messages that name their topics; ``places`` and ``where`` are those of their rows.

    With ``is_last``, a last message that ends too early is truncated.
    """
    messages: list[FlatMessage] = []
    broken: dict[int, Message] = {}
    truncated: int | None = None
    for row, part in enumerate(parts):
        try:
            message = decode_text(_FLAT_MESSAGE, part)
        except (ValueError, RecursionError) as error:
            message = FlatMessage()
            if is_last and row == len(parts) - 1 and "truncated" in str(error):
                truncated = row
        messages.append(message)
        if message.payload is msgspec.UNSET:
            broken[row] = NO_FLAT_MESSAGE
    made: set[str] = set()
    raw = RawRows(
        times=_as_text([message.timestamp for message in messages]),
        topic=pl.Series([_topic(message, context.topics.base, made) for message in messages], dtype=pl.String),
        places=places,
        where=where,
        payloads=_payloads_of(messages),
        broken=broken,
        truncated_from=truncated,
        made_topics=frozenset(made),
    )
    return read_rows(raw, context, info, FaultList())


def decode_text(decoder: msgspec.json.Decoder[T], text: bytes | memoryview | msgspec.Raw) -> T:
    """Return the value of a JSON text; one that is not UTF-8 is read as Windows-1252. Raises ValueError."""
    try:
        return decoder.decode(text)
    except ValueError:
        utf8, foreign, _ = lines_as_utf8(bytes(text))
        if not foreign:
            raise
    return decoder.decode(utf8)


def _topic(message: FlatMessage, base: str, made: set[str]) -> str:
    if isinstance(message.topic, str) and message.topic:
        return message.topic
    if isinstance(message.device_id, str) and message.device_id:
        topic = f"{base}/{message.device_id}"
        made.add(topic)
        return topic
    return ""


def _payloads_of(messages: Sequence[TopicMessage]) -> Callable[[list[int]], tuple[pl.Series, pl.Series]]:
    def payloads(rows: list[int]) -> tuple[pl.Series, pl.Series]:
        raws = [messages[row].payload for row in rows]
        texts = None if msgspec.UNSET in raws else compact_raws(raws, _compact_text)  # type: ignore[arg-type]
        if texts is None:
            texts = pl.Series([payload_text(raw) for raw in raws], dtype=pl.String)
        return texts, pl.repeat(False, len(rows), eager=True)

    return payloads


def _compact_text(text: str) -> str | None:
    try:
        return compact(text)
    except ValueError:
        return None


def payload_text(raw: msgspec.Raw | msgspec.UnsetType) -> str | None:
    """Return a payload as compact JSON, None if it is not JSON; one that is not UTF-8 is read as Windows-1252."""
    if raw is msgspec.UNSET:
        return None
    try:
        return compact(raw)
    except ValueError:
        pass
    text, foreign, _ = lines_as_utf8(bytes(raw))
    if not foreign:
        return None
    try:
        return compact(text)
    except ValueError:
        return None


def _as_text(timestamps: Sequence[object]) -> pl.Series:
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
