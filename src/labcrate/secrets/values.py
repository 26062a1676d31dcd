"""The values that must not be exported, collected from the lab's own documents and never guessed from key names.

A strong value is searched for everywhere. A weak one (short, digits only, a common word) would be found all over a
lab's files, so it counts only as the whole value of a credential key, or before ``@`` in a URL.
"""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import msgspec

from labcrate.secrets.credential_keys import (
    ADDRESSES,
    CAMERA_LEFT_OUT,
    CREDENTIALS,
    LEFT_OUT,
    is_bridge_topic,
    normalize_key,
)
from labcrate.secrets.urls import Url, find_urls


class SecretKind(StrEnum):
    """The kinds of secrets, in the words of messages; of two kinds that one value has, the first is reported."""

    CAMERA_PASSWORD = "a camera's password"  # noqa: S105 - a kind
    PASSWORD = "a password or token"  # noqa: S105 - a kind
    URL_CREDENTIALS = "a URL with credentials"
    STREAM_URL = "a stream URL"
    CAMERA_ADDRESS = "a camera's address"
    ADDRESS = "a network address"


SECRET_KINDS = tuple(SecretKind)
MIN_STRONG_LENGTH = 8
"""A credential with fewer characters is weak."""

COMMON_WORDS = frozenset({"admin", "password", "camera", "live", "main"})
MAX_VALUE_LENGTH = 16 * 1024
"""Of a longer value, this many characters are searched for."""

SEARCH_VERSION = 2
"""Increased when the search finds more than before, so that stored results of an older one are not used."""

_STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtspu", "rtmp", "rtmps", "rtp", "srt", "udp", "mms", "rtmpt"})
_WEB_SCHEMES = frozenset({"http", "https"})
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_])){0,252}")
_PORT = re.compile(r":[0-9]{1,5}\Z")
_NETWORK_KEY_BYTES = 16
_MAX_NESTED = 4
_REMOVED = "[removed]"
MAX_URLS = 1000
"""URLs of one text that are collected as values; later ones are found only by their passwords."""

_MAX_TEXT_JSON = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """One value that must not be exported. Its ``repr`` shows only the kind: values never reach a log."""

    value: str
    kind: SecretKind
    address: bool = False

    def __repr__(self) -> str:
        return f"Secret({self.kind})"


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The values of a lab that must not be exported: ``strong`` ones count anywhere, ``weak`` ones as a whole."""

    strong: tuple[Secret, ...] = ()
    weak: tuple[Secret, ...] = ()

    def __repr__(self) -> str:
        return f"Secrets({len(self.strong)} strong, {len(self.weak)} weak)"

    def fingerprint(self, key: bytes) -> str:
        """Return a keyed hash of the values and of the search method (BLAKE2b, RFC 7693), in hex.

        A search result is valid as long as this stays the same. ``key`` (1 to 64 random bytes, the index's own) keeps
        short passwords from being found by trying. Raises ValueError without a key.
        """
        if not key:
            raise ValueError("the hash of secrets needs a key, else short ones could be found by trying")
        digest = hashlib.blake2b(key=key, digest_size=32)
        rows = [(secret.kind, secret.value, strong) for strong, group in self._groups() for secret in group]
        digest.update(json.dumps([SEARCH_VERSION, sorted(rows)]).encode())
        return digest.hexdigest()

    def _groups(self) -> tuple[tuple[bool, tuple[Secret, ...]], ...]:
        return (True, self.strong), (False, self.weak)


def collect_secrets(documents: Iterable[tuple[str, Any]]) -> Secrets:
    """Collect the secrets of JSON documents, each given with its path in the lab.

    Documents named ``cameras.json`` have passwords, addresses and stream URLs; so do messages of the bridge, in any
    document. Every document may have values of credential keys and passwords in URLs. A document named ``users.json``
    is skipped.
    """
    found = _Collector()
    for path, value in documents:
        name = path.rpartition("/")[2]
        if name != "users.json":
            _collect_from(found, value, "camera" if name == "cameras.json" else "")
    return found.secrets()


def merge_secrets(parts: Iterable[Secrets]) -> Secrets:
    """Return the secrets of several files as one, the same as ``collect_secrets`` makes of all their documents."""
    found = _Collector()
    for part in parts:
        found.take(part)
    return found.secrets()


def is_weak(value: str) -> bool:
    """Return whether a credential is too common to be searched for alone."""
    return len(value) < MIN_STRONG_LENGTH or value.isdigit() or value.casefold() in COMMON_WORDS


def spellings_of_address(text: str) -> tuple[str, ...]:
    """Return the spellings of a network address; none for a text that does not count as one.

    ``localhost``, 0.0.0.0, loopback addresses and host names without a dot reveal nothing about a lab.
    """
    text = text.strip().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        is_name = "." in text and _HOST_NAME.fullmatch(text) and any(c.isalpha() for c in text)
        return (text,) if is_name else ()
    if address.is_loopback or address.is_unspecified:
        return ()
    if address.version == 4:
        return (str(address),)
    spellings = {text.partition("%")[0].lower(), address.compressed, address.exploded}
    return tuple(sorted(s for s in spellings if len(s) > 5))


class _Collector:
    """The values collected so far, each with the first of its kinds."""

    def __init__(self) -> None:
        self._strong: dict[str, Secret] = {}
        self._weak: dict[str, Secret] = {}

    def add_credential(self, value: str, kind: SecretKind) -> None:
        if not value:
            return
        weak = is_weak(value)
        if weak or value not in _REMOVED:  # otherwise the replacement itself would contain a secret
            _add(self._weak if weak else self._strong, Secret(value[:MAX_VALUE_LENGTH], kind))

    def address(self, text: str, kind: SecretKind) -> None:
        for spelling in spellings_of_address(text):
            _add(self._strong, Secret(spelling, kind, address=True))

    def add_stream_url(self, url: str) -> None:
        _add(self._strong, Secret(url[:MAX_VALUE_LENGTH], SecretKind.STREAM_URL))

    def take(self, others: Secrets) -> None:
        for group, secrets in ((self._strong, others.strong), (self._weak, others.weak)):
            for secret in secrets:
                _add(group, secret)

    def secrets(self) -> Secrets:
        return Secrets(*(tuple(group[value] for value in sorted(group)) for group in (self._strong, self._weak)))


def _add(group: dict[str, Secret], secret: Secret) -> None:
    before = group.get(secret.value)
    if before is None or SECRET_KINDS.index(secret.kind) < SECRET_KINDS.index(before.kind):
        group[secret.value] = secret


def _collect_from(found: _Collector, document: Any, place: str) -> None:
    """Collect from a document without recursion; ``place`` is ``camera``, ``bridge`` or empty."""
    waiting: list[tuple[Any, str, str]] = [(document, "", place)]
    while waiting:
        value, key, place = waiting.pop()
        if isinstance(value, dict):
            topic = value.get("topic")
            inside = "bridge" if isinstance(topic, str) and is_bridge_topic(topic) else place
            for name, inner in value.items():
                waiting.append((inner, normalize_key(str(name)), "bridge" if is_bridge_topic(str(name)) else inside))
                _collect_urls(found, str(name), "", inside)
        elif isinstance(value, list):
            if key == "networkkey":
                _collect_network_key(found, value)
            waiting.extend((inner, key, place) for inner in value)
        elif isinstance(value, str):
            _collect_text(found, value, key, place)
            if value[:1] in ("{", "[") and len(value) <= _MAX_TEXT_JSON:
                waiting.extend((inner, key, place) for inner in _decoded(value))
        elif isinstance(value, int | float) and not isinstance(value, bool) and key in CREDENTIALS:
            found.add_credential(str(value), SecretKind.PASSWORD)


def _decoded(text: str) -> Iterator[Any]:
    """Yield the value of a text that is JSON: messages are often stored as texts."""
    try:
        yield msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return


def _collect_text(found: _Collector, text: str, key: str, place: str) -> None:
    left_out = key in (CAMERA_LEFT_OUT if place == "camera" else LEFT_OUT) or (place == "bridge" and key == "user")
    if key in CREDENTIALS and not left_out:
        found.add_credential(text, SecretKind.CAMERA_PASSWORD if place == "camera" else SecretKind.PASSWORD)
    elif place and not left_out and "://" not in text:
        _collect_address(found, text, key, place)
    _collect_urls(found, text, key, place)


def _collect_address(found: _Collector, text: str, key: str, place: str) -> None:
    """Collect an address that is the whole of a text, alone or followed by a port or a path."""
    kind = SecretKind.CAMERA_ADDRESS if place == "camera" else SecretKind.ADDRESS
    text = text.strip()
    if key in ADDRESSES:
        host = text.partition("/")[0].rpartition("@")[2]
        found.address(host if host.count(":") > 1 else _PORT.sub("", host), kind)
        return
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return
    found.address(text, kind)


def _collect_urls(found: _Collector, text: str, key: str, place: str) -> None:
    if not place and "@" not in text and "?" not in text:
        return  # outside cameras and the bridge, only the parts before ``@`` and after ``?`` count
    for url in islice(find_urls(text), MAX_URLS):
        for password in url.passwords():
            found.add_credential(password, SecretKind.CAMERA_PASSWORD if place == "camera" else SecretKind.PASSWORD)
        for name, value in url.query():
            if normalize_key(name) in CREDENTIALS:
                found.add_credential(value, SecretKind.CAMERA_PASSWORD if place == "camera" else SecretKind.PASSWORD)
        if place:
            _collect_host(found, url, key, place)


def _collect_host(found: _Collector, url: Url, key: str, place: str) -> None:
    """Collect the host of a URL of a camera or the bridge; of a web page only if its key names an address."""
    try:
        ipaddress.ip_address(url.host)
        is_number = True
    except ValueError:
        is_number = False
    if url.scheme not in _WEB_SCHEMES or is_number or key in ADDRESSES or url.password:
        found.address(url.host, SecretKind.CAMERA_ADDRESS if place == "camera" else SecretKind.ADDRESS)
    if (
        url.scheme in _STREAM_SCHEMES
        and len(url.text) >= MIN_STRONG_LENGTH
        and url.host not in ("", "localhost", "127.0.0.1")
    ):
        found.add_stream_url(url.text[: _length_before_nested(url.text)])


def _length_before_nested(url: str) -> int:
    """Return the length of a URL before the excess URLs inside it; those are found separately.

    Otherwise a text of nothing but URLs would give as many nested values, a thousand characters each.
    """
    at = -1
    for _ in range(_MAX_NESTED):
        at = url.find("://", at + 1)
        if at < 0:
            return len(url)
    return at


def _collect_network_key(found: _Collector, numbers: list[Any]) -> None:
    """Collect a Zigbee network key, which is written as a list of 16 bytes or in hex."""
    if len(numbers) == _NETWORK_KEY_BYTES and all(type(n) is int and 0 <= n <= 255 for n in numbers):
        for text in (bytes(numbers).hex(), bytes(numbers).hex().upper(), *_number_lists(numbers)):
            found.add_credential(text, SecretKind.PASSWORD)


def _number_lists(numbers: list[int]) -> tuple[str, str]:
    words = [str(n) for n in numbers]
    return ",".join(words), ", ".join(words)
