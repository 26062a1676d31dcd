"""Keeps secrets out of everything that leaves the lab.

Lab documents carry fields nobody planned for. Fields whose name says credential or network are
dropped, and texts that show an address, a URL or an absolute path are blanked where they show it.
What was dropped is listed by its key, so that nothing disappears in silence.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

REMOVED = "[removed]"

# fmt: off
_SECRET_WORDS = frozenset({
    "password", "passwd", "passphrase", "passcode", "pwd", "pass", "pin", "secret", "secrets", "token", "tokens",
    "bearer", "credential", "credentials", "auth", "authorization", "apikey", "username", "user", "users",
    "login", "ip", "ipv4", "ipv6", "ipaddress", "host", "hostname", "url", "uri", "rtsp", "onvif", "stream",
    "port", "mac", "macaddress", "ssid", "wifi", "psk", "cookie", "mqtt", "broker", "server", "gateway", "dns",
    "networkkey",
})
# fmt: on
_SECRET_PAIRS = frozenset({("api", "key"), ("network", "key"), ("private", "key"), ("access", "key"), ("pan", "id")})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_URL = r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+"
_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?![\w.]*\.\d)(?!\w)"
_IPV6 = r"(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])"
_POSIX_PATH = r"(?<![\w./])/(?:home|root|mnt|media|srv|opt|var|usr|etc|tmp|data|Users|Volumes)(?:/[^\s\"'<>,;]*)+"
_WINDOWS_PATH = r"(?<!\w)(?:[a-z]:\\|\\\\)[^\s\"'<>,;]+"
_SECRET_TEXT = re.compile("|".join((_URL, _IPV4, _IPV6, _POSIX_PATH, _WINDOWS_PATH)), re.IGNORECASE)


def is_secret_key(key: str) -> bool:
    """Whether a field's name says that its value opens something or tells where it is."""
    words = [word.lower() for word in _WORD.findall(key)]
    return (
        bool(_SECRET_WORDS.intersection(words))
        or "".join(words) in _SECRET_WORDS
        or any(pair in _SECRET_PAIRS for pair in pairwise(words))
    )


def redact_text(text: str) -> str:
    """The text with every URL, IP address and absolute path replaced by ``[removed]``."""
    return _SECRET_TEXT.sub(REMOVED, text)


def redact(value: Any, key: str = "", removed: list[str] | None = None) -> Any:
    """A copy of a JSON value without secrets; the keys that were dropped are appended to ``removed``."""
    removed = [] if removed is None else removed
    if isinstance(value, Mapping):
        kept = {}
        for name, item in value.items():
            path = f"{key}.{name}" if key else str(name)
            if is_secret_key(str(name)):
                removed.append(path)
            else:
                kept[redact_text(str(name))] = redact(item, path, removed)
        return kept
    if isinstance(value, list):
        return [redact(item, f"{key}[{i}]", removed) for i, item in enumerate(value)]
    return redact_text(value) if isinstance(value, str) else value
