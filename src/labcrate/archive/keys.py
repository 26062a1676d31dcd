"""Keys that sign archives, and their signatures, in minisign's format (https://jedisct1.github.io/minisign).

``minisign`` is imported inside the functions that sign or check, because it loads a library of cryptography.
"""

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.messages.message import Message

if TYPE_CHECKING:
    from minisign import SecretKey
    from minisign import Signature as MinisignSignature

SIGNATURE_SUFFIX = ".minisig"
"""The end of a signature's file name, after the name of its archive."""

MAX_FILE_BYTES = 64 * 1024
"""The largest key or signature file that is read; minisign itself writes at most 10 kB."""

_PUBLIC_KEY_CHARACTERS = 56


def key_id_of(key_bytes: bytes) -> str:
    """Return the key id of a packed key or signature as minisign writes it (``%llX`` in its minisign.c).

    It is a little-endian number of 64 bits in hexadecimal, without leading zeros.
    """
    return f"{int.from_bytes(key_bytes[2:10], 'little'):X}"


class Readable(Protocol):
    """A source of the signed bytes, such as a binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""
        ...


class PublicKey(Struct, frozen=True):
    """A public key; ``text`` is its base64 form, as for ``minisign -P``."""

    text: str

    @property
    def key_id(self) -> str:
        """Return the key id: at most 16 hexadecimal digits."""
        return key_id_of(base64.b64decode(self.text))

    @property
    def file(self) -> bytes:
        """Return the content of a minisign public key file: a comment, and the key."""
        return f"untrusted comment: minisign public key {self.key_id}\n{self.text}\n".encode()

    def verify(self, data: Readable, signature: "MinisignSignature") -> None:
        """Raise ValueError unless the signature is by this key over the bytes of ``data``."""
        import minisign  # noqa: PLC0415

        minisign.PublicKey.from_base64(self.text).verify(data, signature)


def parse_public_key(data: str | bytes) -> PublicKey:
    """Read a public key from its base64 text, or from the content of its file. Raises ValueError."""
    import minisign  # noqa: PLC0415

    text = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    lines = [line.strip() for line in text.split(b"\n") if line.strip()]
    if len(lines) not in (1, 2) or len(lines[-1]) != _PUBLIC_KEY_CHARACTERS:
        raise ValueError(Message("key.not_a_public_key"))
    key = minisign.PublicKey.from_base64(lines[-1])
    return PublicKey(key.to_base64().decode("ascii"))


def read_small_file(path: Path) -> bytes:
    """Return the contents of a key or signature file.

    Raises OSError if it cannot be opened, and ValueError if it is not a file or too large.
    """
    # O_NONBLOCK: opening a named pipe must not wait for its writer.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return read_open_small_file(fd)
    finally:
        os.close(fd)


def read_open_small_file(fd: int) -> bytes:
    """Return the contents of an open key or signature file. Raises OSError and ValueError as ``read_small_file``."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise ValueError(Message("key.not_a_file"))
    data = b""
    while len(data) <= MAX_FILE_BYTES:
        part = os.pread(fd, MAX_FILE_BYTES + 1 - len(data), len(data))
        if not part:
            return data
        data += part
    raise ValueError(Message("key.file_too_large", most=MAX_FILE_BYTES))


class Signer:
    """A secret key that can sign. Its ``repr`` shows only the key id.

    Raises ValueError with the reason for a key that cannot sign.
    """

    def __init__(self, data: bytes) -> None:
        import minisign  # noqa: PLC0415

        self._key: SecretKey = minisign.SecretKey.from_bytes(data)
        if self._key.is_encrypted():
            raise ValueError(Message("key.has_password"))
        self.public = PublicKey(self._key.get_public_key().to_base64().decode("ascii"))
        # A damaged key makes signatures too, but they do not verify.
        minisign.PublicKey.from_base64(self.public.text).verify(b"", self._key.sign(b"", trusted_comment=""))

    def __repr__(self) -> str:
        return f"Signer({self.public.key_id})"

    def sign(self, manifest: bytes) -> bytes:
        """Return the signature file of a manifest: the same bytes for the same manifest and key.

        Ed25519 is deterministic (RFC 8032), and the trusted comment is the manifest's SHA-256 instead of a time.
        """
        signature = self._key.sign(
            manifest,
            untrusted_comment=f"signature of {MANIFEST_NAME} by key {self.public.key_id}",
            trusted_comment=hashlib.sha256(manifest).hexdigest(),
        )
        return bytes(signature) + b"\n"


def new_secret_key() -> bytes:
    """Return the content of a minisign secret key file for a new key without a password."""
    import minisign  # noqa: PLC0415

    return bytes(minisign.KeyPair.generate().secret_key) + b"\n"
