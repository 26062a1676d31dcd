"""What the index remembers of one file, and its row in SQLite with a digest of all of it."""

import os
import re
from contextlib import suppress
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import TypeVar

import msgspec

from labcrate.database.connection import upsert
from labcrate.messages.message import Message
from labcrate.messages.stored import message_from_json, message_to_json
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.secrets.copied_files import Redaction, ScanResult


@dataclass(frozen=True, slots=True)
class SecretSearch:
    """What a search for secrets found, and how they could be taken out.

    ``fingerprint`` is the keyed hash of all that was searched for: another one, and the search says nothing.
    """

    fingerprint: str
    result: ScanResult
    redaction: Redaction = Redaction.NONE


@dataclass(frozen=True, slots=True)
class PatchedFixity:
    """The fixity of a file with bytes written over it; ``patches`` is the SHA-256 of what was written, and where."""

    patches: str
    fixity: Fixity


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """What is known of one file in one state; each thing is None until it was computed.

    ``confirmed_ms`` is when all its bytes were last read and fitted the fixity, ``differs_ms`` when they last did not,
    in milliseconds since 1970: it holds other bytes then, under the same size and times.
    """

    path: str
    identity: Identity
    fixity: Fixity | None = None
    probe: Probe | None = None
    search: SecretSearch | None = None
    patched: PatchedFixity | None = None
    confirmed_ms: int | None = None
    differs_ms: int | None = None

    def search_with(self, fingerprint: str) -> SecretSearch | None:
        """Return what is known of secrets in it, if just these were searched for."""
        return self.search if self.search and self.search.fingerprint == fingerprint else None


_NAMES = (
    "path", "size_bytes", "mtime_ns", "ctime_ns", "inode", "crc32", "sha256", "probe", "search", "patched",
    "confirmed_ms", "differs_ms", "digest",
)  # fmt: skip
COLUMNS = ", ".join(_NAMES)
STORE_STATEMENT = upsert("file", _NAMES, key="path")
"""The statement that stores a row, instead of what was known of its path."""
COLUMNS_2 = COLUMNS.removesuffix(", confirmed_ms, differs_ms, digest")
"""The columns of version 2, which had no digests."""

Row = tuple[
    bytes, int, int, int, int, int | None, str | None, str | None, str | None, str | None, int | None, int | None, bytes
]
T = TypeVar("T")

_SHA256 = re.compile("[0-9a-f]{64}")
_DIGEST_BYTES = 16
_PERSON = b"labcrate index 3"
_encode = msgspec.msgpack.Encoder().encode


def with_digest(values: tuple[object, ...]) -> tuple[object, ...]:
    """Return a whole row from the values of all columns but the digest."""
    return (*values, _digest(values))


def _digest(values: tuple[object, ...]) -> bytes:
    # MessagePack tells each value's kind and length: other values are other bytes.
    return blake2b(_encode(values), digest_size=_DIGEST_BYTES, person=_PERSON).digest()


def is_intact(row: tuple[object, ...]) -> bool:
    """Return whether a row is what was stored: all of its values fit its digest."""
    try:
        return _digest(row[:-1]) == row[-1]
    except (TypeError, ValueError, OverflowError):  # a damaged page may give anything
        return False


def storable_identity(identity: Identity) -> Identity:
    """The state in SQLite's signed 64 bits: inode numbers need the 64th, and times after the year 2262 more."""
    return Identity(*((number + (1 << 63)) % (1 << 64) - (1 << 63) for number in astuple(identity)))


def to_row(record: IndexedFile) -> tuple[object, ...]:
    """Return what is known of a file as a row."""
    identity, fixity = storable_identity(record.identity), record.fixity
    probe, search, patched = (
        msgspec.json.encode(part, enc_hook=_to_json).decode() if part else None
        for part in (record.probe, record.search, record.patched)
    )
    return with_digest(
        (
            os.fsencode(record.path),
            identity.size_bytes,
            identity.mtime_ns,
            identity.ctime_ns,
            identity.inode,
            fixity.crc32 if fixity else None,
            fixity.sha256 if fixity else None,
            probe,
            search,
            patched,
            record.confirmed_ms,
            record.differs_ms,
        )
    )


def from_row(row: Row) -> IndexedFile:
    """Return what a sound row says."""
    path, size, mtime, ctime, inode, crc32, sha256, probe, search, patched, confirmed, differs, _ = row
    whole = crc32 is not None and sha256 is not None and 0 <= crc32 < 1 << 32 and _SHA256.fullmatch(sha256)
    fixity = Fixity(size, crc32, sha256) if whole and crc32 is not None and sha256 is not None else None
    return IndexedFile(
        os.fsdecode(path),
        Identity(size, mtime, ctime, inode),
        fixity,
        _parse(probe, Probe),
        _parse(search, SecretSearch),
        _parse(patched, PatchedFixity),
        confirmed,
        differs,
    )


def _parse(text: str | None, kind: type[T]) -> T | None:
    """Return what a text says; a record that does not parse is one that is not there."""
    if text is not None:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(text, type=kind, dec_hook=_from_json)
    return None


def _to_json(value: object) -> str:
    if isinstance(value, Message):
        return message_to_json(value)
    raise NotImplementedError(f"a {type(value).__name__} cannot be stored")


def _from_json(kind: type, value: object) -> object:
    message = message_from_json(value) if kind is Message and isinstance(value, str) else None
    if message is None:
        raise ValueError("not a message of this version")
    return message
