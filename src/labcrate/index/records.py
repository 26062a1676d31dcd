"""The index's record of one file, and its row in SQLite, which has a digest of all values."""

import os
import re
from contextlib import suppress
from hashlib import blake2b
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from labcrate.database.connection import upsert
from labcrate.messages.message import Message
from labcrate.messages.stored import message_from_json, message_to_json
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.secrets.copied_files import Redaction, ScanResult


class SecretSearch(Struct, frozen=True):
    """The result of a search for secrets, and how they could be redacted.

    ``fingerprint`` is the keyed hash of the set of secrets that was searched for.
    """

    fingerprint: str
    result: ScanResult
    redaction: Redaction = Redaction.NONE


class PatchedFixity(Struct, frozen=True):
    """The fixity of a file after redaction; ``patches`` is the SHA-256 of the redacted bytes and their positions."""

    patches: str
    fixity: Fixity


class IndexedFile(Struct, frozen=True):
    """The index's record of one file in one state. A field is None until its value is computed.

    ``confirmed_ms`` is when its bytes were last read and matched the fixity, ``differs_ms`` when they last did not
    match it although size and times were unchanged. Both are in milliseconds since 1970.
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
        """Return the result of the search with this fingerprint, if the last search had it."""
        return self.search if self.search and self.search.fingerprint == fingerprint else None


_NAMES = (
    "path", "size_bytes", "mtime_ns", "ctime_ns", "inode", "crc32", "sha256", "probe", "search", "patched",
    "confirmed_ms", "differs_ms", "digest",
)  # fmt: skip
COLUMNS = ", ".join(_NAMES)
STORE_STATEMENT = upsert("file", _NAMES, key="path")
"""The SQL statement that stores a row in place of an older one of the same path."""
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
    # MessagePack encodes each value's type and length, so different values give different bytes.
    return blake2b(_encode(values), digest_size=_DIGEST_BYTES, person=_PERSON).digest()


def is_intact(row: tuple[object, ...]) -> bool:
    """Return whether a row is as it was stored, that is whether its values match its digest."""
    try:
        return _digest(row[:-1]) == row[-1]
    except (TypeError, ValueError, OverflowError):  # a damaged page may return any values
        return False


def storable_identity(identity: Identity) -> Identity:
    """Return a state in SQLite's signed 64 bits. Inode numbers may need 64 bits, times after the year 2262 more."""
    return Identity(*((number + (1 << 63)) % (1 << 64) - (1 << 63) for number in astuple(identity)))


def to_row(record: IndexedFile) -> tuple[object, ...]:
    """Return the row of a record."""
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
    """Return the record of an intact row."""
    path, size, mtime, ctime, inode, crc32, sha256, probe, search, patched, confirmed, differs, _ = row
    whole = crc32 is not None and sha256 is not None and 0 <= crc32 < 1 << 32 and _SHA256.fullmatch(sha256)
    fixity = Fixity(size, crc32, sha256) if whole and crc32 is not None and sha256 is not None else None
    return IndexedFile(
        os.fsdecode(path),
        Identity(size, mtime, ctime, inode),
        fixity,
        _parse(probe, _PROBE),
        _parse(search, _SEARCH),
        _parse(patched, _PATCHED),
        confirmed,
        differs,
    )


def _parse(text: str | None, decoder: "msgspec.json.Decoder[T]") -> T | None:
    """Return the value of a JSON text, or None if there is none or it does not parse."""
    if text is not None:
        with suppress(msgspec.DecodeError):
            return decoder.decode(text)
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


_PROBE = msgspec.json.Decoder(Probe, dec_hook=_from_json)
_SEARCH = msgspec.json.Decoder(SecretSearch, dec_hook=_from_json)
_PATCHED = msgspec.json.Decoder(PatchedFixity, dec_hook=_from_json)
