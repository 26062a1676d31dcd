"""Secrets that open the lab without a password: made at random, and kept as hashes alone."""

import hashlib
import secrets

_BYTES = 32


def make_secret(prefix: str = "") -> str:
    """A secret of 256 random bits that goes into a cookie or a header as it is."""
    return prefix + secrets.token_urlsafe(_BYTES)


def hash_secret(secret: str) -> bytes:
    """What is kept of a secret. It holds 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
