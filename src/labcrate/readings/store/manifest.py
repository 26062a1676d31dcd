"""What an index of readings holds: the segments of both files that were read, and the parts with their readings."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256

import msgspec

from labcrate.messages.message import Message
from labcrate.messages.stored import message_from_json, message_to_json
from labcrate.readings.load.segments import Effect, RowFault, SegmentInfo
from labcrate.readings.load.source_file import FileRead

VERSION = 1
"""The version of the index; one of another version is made again."""

FileState = tuple[int, int, int, int]
"""Size in bytes, modification and status change in nanoseconds, and inode."""


class KindCount(msgspec.Struct, frozen=True, array_like=True):
    """The readings of one kind (topic, and whether its messages are whole) in a part, by source, with their ends."""

    topic: str
    whole: bool
    both: int
    json: int
    csv: int
    first_us: int
    last_us: int

    @property
    def rows(self) -> int:
        """Return the number of readings."""
        return self.both + self.json + self.csv


class PartInfo(msgspec.Struct, frozen=True, array_like=True):
    """One part: the readings from ``start_us`` to ``end_us``, both included. Parts do not overlap in time."""

    name: str
    start_us: int
    end_us: int
    rows: int
    size_bytes: int
    digest: bytes
    kinds: tuple[KindCount, ...]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One file of readings as it was read; ``state`` is None if it must be compared by its bytes next time."""

    state: FileState | None = None
    form: bytes = b""
    in_time_order: bool = True
    segments: tuple[SegmentInfo, ...] = ()
    faults: tuple[RowFault, ...] = ()
    fatal: tuple[Message | str, Message] | None = None
    exists: bool = False

    def as_known(self) -> FileRead:
        """Return what is known of the file, for reading it again."""
        return FileRead(
            self.form, self.segments, faults=self.faults, fatal=self.fatal, in_time_order=self.in_time_order
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """An index of readings. ``parts`` are in the order of time.

    ``renamed`` are topics made from a row's device_id, with the topic of that device. ``repeated`` are the rows with a
    time that occurs twice, with the instant that was chosen (`repeated_hours.REPEATED`, as an Arrow file).
    """

    json: SourceInfo = SourceInfo()
    csv: SourceInfo = SourceInfo()
    parts: tuple[PartInfo, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    repeated: bytes = b""
    next_id: int = 1

    @property
    def sources(self) -> tuple[SourceInfo, SourceInfo]:
        """Return both files."""
        return self.json, self.csv

    @property
    def has_local_times(self) -> bool:
        """Return whether some times had no zone."""
        return any(segment.has_local_times for source in self.sources for segment in source.segments)


class _StoredFault(msgspec.Struct, array_like=True):
    what: str
    where: int | str
    effect: Effect
    count: int
    topic: str | None
    us: int | None
    other_us: int | None


class _StoredSource(msgspec.Struct, array_like=True):
    state: FileState | None
    form: bytes
    in_time_order: bool
    segments: list[SegmentInfo]
    faults: list[list[_StoredFault]]
    own_faults: list[_StoredFault]
    fatal: tuple[str, str] | None
    exists: bool


class _StoredManifest(msgspec.Struct, array_like=True):
    version: int
    sources: tuple[_StoredSource, _StoredSource]
    parts: tuple[PartInfo, ...]
    renamed: dict[str, str]
    repeated: bytes
    next_id: int


_DECODER = msgspec.msgpack.Decoder(_StoredManifest)
_DIGEST_BYTES = 32


def digest_for(name: str, data: bytes) -> bytes:
    """Return the hash that begins a stored file, by which damage is noticed, and a file under the name of another."""
    return sha256(name.encode() + b"\0" + data).digest()


def encode_manifest(manifest: Manifest, key: str) -> bytes:
    """Return the manifest that is stored under a key as bytes, which begin with their hash."""
    stored = _StoredManifest(
        VERSION,
        (_store_source(manifest.json), _store_source(manifest.csv)),
        manifest.parts,
        manifest.renamed,
        manifest.repeated,
        manifest.next_id,
    )
    data = msgspec.msgpack.encode(stored)
    return digest_for(key, data) + data


def decode_manifest(data: bytes, key: str) -> Manifest | None:
    """Return the manifest that ``encode_manifest`` wrote; None for damaged bytes, another key and another version."""
    digest, data = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if digest_for(key, data) != digest:
        return None
    try:
        stored = _DECODER.decode(data)
        if stored.version != VERSION:
            return None
        json, csv = map(_load_source, stored.sources)
    except (ValueError, msgspec.MsgspecError):
        return None
    return Manifest(json, csv, stored.parts, stored.renamed, stored.repeated, stored.next_id)


def _store_source(source: SourceInfo) -> _StoredSource:
    fatal = None if source.fatal is None else (_store_text(source.fatal[0]), message_to_json(source.fatal[1]))
    return _StoredSource(
        source.state,
        source.form,
        source.in_time_order,
        [replace(one, faults=()) for one in source.segments],
        [_store_faults(one.faults) for one in source.segments],
        _store_faults(source.faults),
        fatal,
        source.exists,
    )


def _store_faults(faults: Iterable[RowFault]) -> list[_StoredFault]:
    return [
        _StoredFault(message_to_json(one.what), one.where, one.effect, one.count, one.topic, one.us, one.other_us)
        for one in faults
    ]


def _load_source(stored: _StoredSource) -> SourceInfo:
    """Return a source. Raises ValueError if one of its messages is of another version of labcrate."""
    segments = [
        replace(one, faults=_load_faults(faults)) for one, faults in zip(stored.segments, stored.faults, strict=True)
    ]
    fatal = None if stored.fatal is None else (_load_text(stored.fatal[0]), _load_message(stored.fatal[1]))
    return SourceInfo(
        stored.state,
        stored.form,
        stored.in_time_order,
        tuple(segments),
        _load_faults(stored.own_faults),
        fatal,
        stored.exists,
    )


def _load_faults(stored: Iterable[_StoredFault]) -> tuple[RowFault, ...]:
    return tuple(
        RowFault(_load_message(one.what), one.where, one.effect, one.count, one.topic, one.us, one.other_us)
        for one in stored
    )


def _store_text(text: Message | str) -> str:
    return message_to_json(text) if isinstance(text, Message) else f"={text}"


def _load_text(text: str) -> Message | str:
    return text[1:] if text.startswith("=") else _load_message(text)


def _load_message(text: str) -> Message:
    message = message_from_json(text)
    if message is None:
        raise ValueError(text)
    return message
