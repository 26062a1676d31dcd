"""The removal of secrets from generated texts, JSON values, sensor messages and names."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from labcrate.secrets.credential_keys import (
    CAMERA_LEFT_OUT,
    CREDENTIALS,
    LEFT_OUT,
    PAYLOAD_CREDENTIALS,
    STEMS,
    is_bridge_topic,
    normalize_key,
)
from labcrate.secrets.matcher import Matcher, covered_ranges
from labcrate.secrets.values import Secrets
from labcrate.secrets.weak_values import VALUE_KEYS

REMOVED = "[removed]"
"""The text that replaces a secret."""

_ROOTS = "home|root|mnt|media|srv|opt|var|usr|etc|tmp|data|app|run|private|Users|Volumes"
_PATH = re.compile(
    rf"(?:\bfile://|(?<![\w./])/)(?:/?(?:{_ROOTS}))/[^\s\"'<>,;]*"
    r"|(?<!\w)[a-z]:\\[^\s\"'<>,;]+"
    r"|(?<![\w\\])\\\\[\w.$-]+\\[^\s\"'<>,;]+",
    re.IGNORECASE,
)
_PATH_NEEDLES = ("/", "\\")
_TEXT_NEEDLES = ("://", "\\", "%", "&", "\0", *(f"/{root.lower()}/" for root in _ROOTS.split("|")))
_ROUNDS = 3
_MAX_KEY_LENGTH = 200
_CACHED_FROM_LENGTH, _MAX_CACHED = 10_000, 8
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Cleaner:
    """A remover of a lab's secrets. ``places`` lists where they were, as JSON paths without values."""

    def __init__(self, secrets: Secrets, matcher: Matcher | None = None, known: dict[str, str] | None = None) -> None:
        self.matcher = matcher or Matcher(secrets)
        self.places: list[str] = []
        # Long texts and their cleaned forms: a note occurs in two places.
        self._cache = {} if known is None else known

    def clean_text(self, text: str) -> str:
        """Return a text with every secret and every absolute path replaced; the same text if it has none."""
        if len(text) < _CACHED_FROM_LENGTH:
            return self._clean_uncached(text)
        found = self._cache.get(text)
        if found is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            found = self._cache[text] = self._clean_uncached(text)
        return found

    def clean_name(self, name: str, replacement: str = "_") -> str:
        """Return the name of a file or camera with each secret replaced by ``_``, or by ``replacement``.

        An address that ends at the suffix (``192.0.2.7.3gp``) is replaced too.
        """
        cleaned = self._without_secrets(name, replacement)
        stem, dot, suffix = cleaned.rpartition(".")
        return self._without_secrets(stem, replacement) + dot + suffix if dot else cleaned

    def clean_json(self, value: Any, place: str = "", *, camera: bool = False) -> Any:
        """Return a copy of a JSON value without secrets; add where they were to ``places``.

        Values of credential keys are blanked, user names and stream paths are left out, texts are cleaned, also keys.
        ``camera``: the value describes a camera, where ``user`` is a login. Nothing else is changed.
        """
        return self._clean_value(value, place, CREDENTIALS, CAMERA_LEFT_OUT if camera else LEFT_OUT)

    def clean_payload(self, topic: str, payload: str, place: str = "") -> str:
        """Return a message's payload (JSON or any text) without secrets; the same text if it has none.

        A payload of the bridge is blanked as a whole. In a device's message, codes and users of a lock are blanked too.
        Numbers keep their digits.
        """
        if is_bridge_topic(topic):
            self.places.append(place or topic)
            return f'"{REMOVED}"'
        if _is_credential_name(topic.rpartition("/")[2]) and payload.strip(' "') not in _EMPTY_PAYLOADS:
            self.places.append(place or topic)
            return f'"{REMOVED}"'
        try:
            value = _DECODER.decode(payload)
            return self._encode_cleaned(payload, value, self.clean_message(value, place))
        except (msgspec.DecodeError, UnicodeError):
            return self._clean_text_at(payload, place)
        except RecursionError:
            self.places.append(place)
            return f'"{REMOVED}"'

    def clean_message(self, payload: Any, place: str = "") -> Any:
        """Return a device's parsed message, cleaned as ``clean_payload`` does."""
        return self._clean_value(payload, place, PAYLOAD_CREDENTIALS, LEFT_OUT)

    def needles(self) -> tuple[str, ...]:
        """Return lower-case texts, at least one of which is in every payload that ``clean_payload`` changes.

        They serve to search a whole column before anything is parsed; case is ignored. Topics with ``bridge/`` are not
        included.
        """
        return tuple(sorted({*STEMS, *LEFT_OUT_STEMS, *_TEXT_NEEDLES, *self.matcher.text_needles()}))

    def _clean_uncached(self, text: str) -> str:
        cleaned = self._without_secrets(text, REMOVED)
        return _PATH.sub(REMOVED, cleaned) if any(n in cleaned for n in _PATH_NEEDLES) else cleaned

    def _clean_value(self, value: Any, place: str, credentials: frozenset[str], left_out: frozenset[str]) -> Any:
        if isinstance(value, dict):
            return self._clean_object(value, place, credentials, left_out)
        if isinstance(value, list):
            return [self._clean_value(inner, f"{place}[{i}]", credentials, left_out) for i, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        if value[:1] in ("{", "["):  # messages are often stored as texts
            try:
                inner = _DECODER.decode(value)
                return self._encode_cleaned(value, inner, self._clean_value(inner, place, credentials, left_out))
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                return self._clean_text_at(value, place)
        return self._clean_text_at(value, place)

    def _clean_object(
        self, value: dict[Any, Any], place: str, credentials: frozenset[str], left_out: frozenset[str]
    ) -> dict[Any, Any]:
        cleaned: dict[Any, Any] = {}
        last_numbers: dict[str, int] = {}
        topic = value.get("topic")
        is_bridge_message = isinstance(topic, str) and is_bridge_topic(topic)
        names_credential = any(_is_credential_name(value.get(name)) for name in _NAME_KEYS)
        beside_credential = names_credential or any(map(_ends_in_credential_name, value.values()))
        for key, inner in value.items():
            name = normalize_key(str(key))
            clean_key = self.clean_text(key) if isinstance(key, str) else key
            at = f"{place}.{_shorten_key(str(clean_key))}" if place else _shorten_key(str(clean_key))
            if name in left_out:
                self.places.append(at)
                continue
            if clean_key != key:
                self.places.append(at)
                clean_key = _unused_key(str(clean_key), last_numbers, cleaned, value)
            is_credential = (
                name in credentials
                or is_bridge_topic(str(key))
                or (is_bridge_message and name in ("payload", "message"))
            )
            is_credential = is_credential or (names_credential and name == "value")
            is_credential = is_credential or (
                beside_credential and name in VALUE_KEYS and self.matcher.is_weak_value(inner)
            )
            if is_credential and _has_content(inner):
                self.places.append(at)
                cleaned[clean_key] = REMOVED
            else:
                cleaned[clean_key] = self._clean_value(inner, at, credentials, left_out)
        return cleaned

    def _encode_cleaned(self, text: str, value: Any, cleaned: Any) -> str:
        """Return the text of a cleaned value: the original text if nothing was changed."""
        if cleaned == value and not _has_duplicate_keys(text):
            return self.clean_text(text)
        return self.clean_text(_ENCODER.encode(cleaned).decode())

    def _clean_text_at(self, text: str, place: str) -> str:
        cleaned = self.clean_text(text)
        if cleaned != text:
            self.places.append(place)
        return cleaned

    def _without_secrets(self, text: str, replacement: str) -> str:
        for _ in range(_ROUNDS):
            data = text.encode("utf-8", "surrogatepass")
            hits = self.matcher.find(data)
            if not hits:
                return text
            text = replace_ranges(data, covered_ranges(hits), replacement.encode()).decode("utf-8", "surrogatepass")
        return replacement if self.matcher.find(text.encode("utf-8", "surrogatepass")) else text


_NAME_KEYS = ("property", "attribute", "key", "name")
"""Keys of an object whose text may name its ``value``."""

_EMPTY_PAYLOADS = frozenset({"", "null", "true", "false", "[]", "{}"})


def _is_credential_name(name: object) -> bool:
    return isinstance(name, str) and len(name) < 64 and normalize_key(name) in CREDENTIALS


def _ends_in_credential_name(value: object) -> bool:
    return isinstance(value, str) and _is_credential_name(value.rpartition("/")[2])


LEFT_OUT_STEMS = ("username", "user_name", "user-name", "mqttuser", "mqtt_user", "streampath", "stream_path")
"""Parts of the keys in ``LEFT_OUT``, as programs spell them."""


def replace_ranges(data: bytes, ranges: Iterable[tuple[int, int]], replacement: bytes) -> bytes:
    """Return the data with each of the sorted ranges replaced."""
    parts = []
    at = 0
    for start, stop in ranges:
        parts += [data[at:start], replacement]
        at = stop
    return b"".join([*parts, data[at:]])


def _has_content(value: Any) -> bool:
    """Return whether a credential's value could be one: not if it is empty, null, true or false."""
    return value is not None and not isinstance(value, bool) and value not in ("", [], {})


def _has_duplicate_keys(text: str) -> bool:
    """Return whether an object in a JSON text has a key twice: a parser sees only one of the values."""
    has_duplicates = False

    def pairs(found: list[tuple[str, Any]]) -> None:
        nonlocal has_duplicates
        has_duplicates = has_duplicates or len({key for key, _ in found}) < len(found)

    try:
        json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return True
    return has_duplicates


def _unused_key(key: str, numbers: dict[str, int], *objects: dict[Any, Any]) -> str:
    """Return a key that none of the objects has; two keys may be equal after cleaning.

    ``numbers`` has the last number that was tried for each key: all before it are in use.
    """
    number = numbers.get(key, 1)
    name = key if number == 1 else f"{key} ({number})"
    while any(name in known for known in objects):
        number += 1
        name = f"{key} ({number})"
    numbers[key] = number
    return name


def _shorten_key(key: str) -> str:
    """Return a key, shortened for a place: a place is repeated for everything inside it."""
    return key if len(key) <= _MAX_KEY_LENGTH else f"{key[:_MAX_KEY_LENGTH]}…"
