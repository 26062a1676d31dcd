"""Reading ``zigbee-data.json``: ``{"messages": {topic: [{"timestamp", "payload"}]}}``, or messages in a flat list.

A large file is read piece by piece (`json_stream`); a small one, and one of an unusual form, is read at once.
The file is not mapped: a platform that rewrites it meanwhile would kill the process with SIGBUS.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from labcrate.messages.message import Message
from labcrate.readings.load.dialect import UTF8_BOM, lines_as_utf8, utf16_encoding
from labcrate.readings.load.json_messages import decode_text, flat_segment, topic_segment
from labcrate.readings.load.json_stream import OBJECT_FORM, PLATFORM_FORM, JsonReader
from labcrate.readings.load.segment_rows import ReadContext
from labcrate.readings.load.segments import Effect, RowFault, SegmentInfo, SourceSegment, digest_of
from labcrate.readings.load.source_file import FileRead, OpenFile

SMALL_FILE_BYTES = 16 << 20
"""A file of at most this size is read at once: it is read again as a whole when it changes."""

_NO_LIST = Message("readings.no_list")
_FLAT_ROWS = 20_000
_LINES_BYTES = 4 << 20
_TOPICS, _FLAT, _LINES, _WHOLE = b"topics", b"flat", b"lines", b"whole"


class _MessagesFile(msgspec.Struct):
    messages: dict[str, msgspec.Raw] | list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    timestamp: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _FirstLine(msgspec.Struct):
    timestamp: object
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_FILE: msgspec.json.Decoder[_MessagesFile | list[msgspec.Raw]] = msgspec.json.Decoder(_MessagesFile | list[msgspec.Raw])
_LINE = msgspec.json.Decoder(_FirstLine)


def read_json(
    file: OpenFile,
    context: ReadContext,
    known: FileRead | None = None,
    small_file_bytes: int = SMALL_FILE_BYTES,
    *,
    at_once: bool = False,
) -> FileRead:
    """Return the file's segments: those of ``known`` that did not change, and the others when iterated.

    A file that is no such JSON has a fatal problem. While the segments are read, OtherFormError may be raised: read the
    file again from its beginning, with ``at_once``.
    """
    head = file.read(small_file_bytes + 1)
    if not at_once and len(head) > small_file_bytes and utf16_encoding(head[:4]) is None:
        found = _read_stream(file, head, context, known)
        if found is not None:
            return found
    data = head + file.read()
    form = _WHOLE + digest_of(data)
    if known is not None and known.form == form:
        return FileRead(
            form, known.unchanged, faults=known.faults, fatal=known.fatal, in_time_order=known.in_time_order
        )
    del head
    return _read_whole(_as_utf8(data), form, context)


def _read_stream(file: OpenFile, head: bytes, context: ReadContext, known: FileRead | None) -> FileRead | None:
    """Return a large file as it is read piece by piece; None if its form is another."""
    reader = JsonReader(file, head)
    form = reader.read_beginning()
    if form is PLATFORM_FORM:
        read = FileRead(_TOPICS, in_time_order=False)
        read.new_segments = _stream_topics(reader, context, _known_streams(known, _TOPICS), read)
    elif form is not None:
        read = FileRead(_FLAT)
        key = "messages" if form is OBJECT_FORM else ""
        read.new_segments = _stream_flat(reader, key, context, _known_streams(known, _FLAT), read)
    elif _begins_with_message(head.removeprefix(UTF8_BOM)):
        read = FileRead(_LINES)
        read.new_segments = _stream_lines(reader, context, _known_streams(known, _LINES).get("", []), read)
    else:
        return None
    return read


def _known_streams(known: FileRead | None, form: bytes) -> dict[str, list[SegmentInfo]]:
    streams: defaultdict[str, list[SegmentInfo]] = defaultdict(list)
    if known is not None and known.form == form:
        for segment in known.unchanged:
            streams[segment.stream].append(segment)
    return streams


def _stream_topics(
    reader: JsonReader, context: ReadContext, known: dict[str, list[SegmentInfo]], read: FileRead
) -> Iterator[SourceSegment]:
    for topic in reader.read_topics():
        key, place = _topic_key(topic), 0
        for piece in reader.read_elements(known.get(topic, ())):
            if piece.known is not None:
                read.unchanged = (*read.unchanged, piece.known)
                place = piece.known.first_place + piece.known.places
                continue
            info = SegmentInfo(0, topic, len(piece.text), digest_of(piece.text), place, 0)
            segment = topic_segment(b"[" + piece.text + b"]", info, key, context)
            place += segment.info.places
            yield segment
    reader.check_rest()


def _stream_flat(
    reader: JsonReader, key: str, context: ReadContext, known: dict[str, list[SegmentInfo]], read: FileRead
) -> Iterator[SourceSegment]:
    place = 0
    for piece in reader.read_elements(known.get(key, ())):
        if piece.known is not None:
            read.unchanged = (*read.unchanged, piece.known)
            place = piece.known.first_place + piece.known.places
            continue
        parts = msgspec.json.decode(b"[" + piece.text + b"]", type=list[msgspec.Raw])
        info = SegmentInfo(0, key, len(piece.text), digest_of(piece.text), place, len(parts))
        yield _flat(parts, info, key, place, context)
        place += len(parts)
    if key:
        reader.check_rest()
    else:
        reader.check_end()


def _stream_lines(
    reader: JsonReader, context: ReadContext, known: Sequence[SegmentInfo], read: FileRead
) -> Iterator[SourceSegment]:
    line = 1
    for number, segment in enumerate(known):
        known_data = reader.peek(segment.size_bytes)
        if len(known_data) != segment.size_bytes or digest_of(known_data) != segment.digest:
            break
        small = segment.is_open or segment.size_bytes < _LINES_BYTES // 4
        if number == len(known) - 1 and small and not reader.is_all_read(segment.size_bytes):
            break
        reader.skip(segment.size_bytes)
        read.unchanged = (*read.unchanged, segment)
        line = segment.first_place + segment.places
    size = _LINES_BYTES
    while True:
        data = bytes(reader.peek(size))
        is_last = reader.is_all_read(size)
        end = len(data) if is_last else data.rfind(b"\n") + 1
        if not end and not is_last:
            size *= 2
            continue
        if data:
            yield _lines_segment(data[:end], line, context, is_last=is_last)
        if is_last:
            return
        line += data.count(b"\n", 0, end)
        reader.skip(end)
        size = _LINES_BYTES


def _lines_segment(raw: bytes, first_line: int, context: ReadContext, *, is_last: bool) -> SourceSegment:
    """Return a text with one message per line; a last line of the file that ends too early is truncated."""
    text, _, _ = lines_as_utf8(raw)
    numbered = [(number, line) for number, line in enumerate(text.split(b"\n"), first_line) if line.strip()]
    places = [number for number, _ in numbered]
    size, lines = len(raw), raw.count(b"\n")
    info = SegmentInfo(0, "", size, digest_of(raw), first_line, lines, is_open=not raw.endswith(b"\n"))
    return flat_segment([line for _, line in numbered], info, places, places.__getitem__, context, is_last=is_last)


def _flat(parts: Sequence[msgspec.Raw], info: SegmentInfo, key: str, first: int, context: ReadContext) -> SourceSegment:
    places = range(first, first + len(parts))
    return flat_segment(parts, info, places, lambda row: f"{key}[{first + row}]", context)


def _read_whole(data: bytes | memoryview, form: bytes, context: ReadContext) -> FileRead:
    try:
        whole = decode_text(_FILE, data)
    except (ValueError, RecursionError) as error:
        text = bytes(data)
        if _begins_with_message(text):
            return FileRead(form, new_segments=iter([_lines_segment(text, 1, context, is_last=True)]))
        return FileRead(form, fatal=_parse_problem(text, str(error)))
    read = FileRead(form)
    messages = whole if isinstance(whole, list) else whole.messages
    if isinstance(messages, list):
        read.new_segments = _whole_list(messages, "" if messages is whole else "messages", context)
    elif isinstance(messages, dict):
        read.in_time_order = False
        read.new_segments = _whole_topics(messages, context, read)
    elif isinstance(whole, _MessagesFile) and whole.timestamp is not msgspec.UNSET:
        # An object without messages may be a message itself.
        read.new_segments = iter([_lines_segment(bytes(data), 1, context, is_last=True)])
    else:
        read.faults = (RowFault(Message("readings.no_messages_key"), "", Effect.NOTE),)
    return read


def _whole_topics(messages: dict[str, msgspec.Raw], context: ReadContext, read: FileRead) -> Iterator[SourceSegment]:
    for topic, raw in messages.items():
        try:
            yield topic_segment(raw, SegmentInfo(0, topic, 0, b"", 0, 0), _topic_key(topic), context)
        except (ValueError, RecursionError):
            fault = RowFault(_NO_LIST, _topic_key(topic), Effect.ALWAYS, topic=topic or None)
            read.faults = (*read.faults, fault)


def _whole_list(parts: Sequence[msgspec.Raw], key: str, context: ReadContext) -> Iterator[SourceSegment]:
    for start in range(0, len(parts), _FLAT_ROWS):
        some = parts[start : start + _FLAT_ROWS]
        yield _flat(some, SegmentInfo(0, key, 0, b"", start, len(some)), key, start, context)


def _topic_key(topic: str) -> str:
    return f"messages[{msgspec.json.encode(topic).decode()}]"


def _begins_with_message(text: bytes) -> bool:
    """Return whether the first line of a text is a message."""
    line, _, _ = lines_as_utf8(text[: 1 << 20].lstrip().partition(b"\n")[0])
    try:
        return _LINE.decode(line).messages is msgspec.UNSET
    except (ValueError, RecursionError):
        return False


def _as_utf8(data: bytes) -> bytes | memoryview:
    """Return the text without a byte order mark; UTF-16 becomes UTF-8."""
    if encoding := utf16_encoding(data[:4]):
        return data.decode(encoding, "replace").encode()
    return memoryview(data)[len(UTF8_BOM) :] if data.startswith(UTF8_BOM) else data


def _parse_problem(data: bytes, error: str) -> tuple[Message | str, Message]:
    """Return the place and the fault: from the decoder's byte, or the last line if the text ends too early."""
    line = data.count(b"\n") + 1
    if not data or data.isspace():
        return "", Message("readings.json_empty")
    if "truncated" in error:
        return Message("readings.line", line=str(line)), Message("readings.json_truncated")
    if found := re.search(r" \(byte (\d+)\)", error):
        at = int(found[1])
        line = data.count(b"\n", 0, at) + 1
        reason = error.removeprefix("JSON is malformed: ").replace(found[0], "")
        where = Message("readings.line_and_byte", line=str(line), byte=str(at))
        return where, Message("readings.json_invalid", reason=reason)
    return "", Message("readings.json_wrong_shape", reason=error)
