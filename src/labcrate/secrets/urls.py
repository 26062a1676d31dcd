"""URLs inside a text: their places, hosts, and the user and password before ``@``.

The grammar is that of RFC 3986, section 3.2, as far as it separates a password from a path: user information ends
before the first ``/``, ``?`` or ``#``. Every part is bounded, so that any text is read in linear time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

MAX_URL_LENGTH = 1600
"""The maximum length of a URL in characters; the rest is ignored."""

_NEVER_IN_URL = r"\s\x00-\x20\x7f\"'<>"  # in no part of a URL
_SCHEME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}\Z")
_CREDENTIALS = re.compile(
    rf"(?P<user>[^{_NEVER_IN_URL}/?#@:\\]{{0,128}}):(?P<password>[^{_NEVER_IN_URL}/?#\\]{{1,256}})@"
)
_USER = re.compile(rf"[^{_NEVER_IN_URL}/?#@:\\]{{1,128}}@")
_HOST = re.compile(rf"\[[0-9A-Fa-f:.%a-z]{{2,60}}\]|[^{_NEVER_IN_URL}/?#@:\\,;)\]}}]{{1,253}}")
_REST = re.compile(rf"[^{_NEVER_IN_URL}\\;,)\]}}|]{{0,1024}}")
_PLACEHOLDER = re.compile(r"\*+|x{3,}|X{3,}|\.{2,}|\[removed\]|\$?\{[^{}]{0,200}\}")


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """A URL in a text from ``start`` to ``stop``; ``password`` is empty if it has none."""

    start: int
    stop: int
    text: str
    scheme: str
    host: str
    user: str
    password: str

    def query(self) -> list[tuple[str, str]]:
        """Return the names and values after ``?``."""
        _, _, query = self.text.partition("?")
        try:
            return parse_qsl(query.partition("#")[0], max_num_fields=100)
        except ValueError:  # too many fields
            return []

    def passwords(self) -> set[str]:
        """Return the password as it is written and as it is decoded."""
        return {self.password, unquote(self.password)} - {""}


def find_urls(text: str) -> Iterator[Url]:
    """Yield the URLs of a text that contain ``://``, in order."""
    at = text.find("://")
    while at >= 0:
        url = url_at(text, at)
        if url is not None:
            yield url
        at = text.find("://", at + 3)


def url_at(text: str, at: int) -> Url | None:
    """Return the URL whose ``://`` is at ``at``; None if it has no scheme or no host."""
    scheme = _SCHEME_BEFORE.search(text[max(at - 21, 0) : at])
    if scheme is None:
        return None
    start, here = at - len(scheme[0]), at + 3
    user = password = ""
    found = _CREDENTIALS.match(text, here)
    if found:
        user, password, here = found["user"], found["password"], found.end()
        if _PLACEHOLDER.fullmatch(password):
            password = ""
    elif (only_user := _USER.match(text, here)) is not None:
        user, here = only_user[0][:-1], only_user.end()
    host = _HOST.match(text, here)
    if host is None and not password:
        return None
    after = host.end() if host else here
    rest = _REST.match(text, after)
    stop = rest.end() if rest else after
    stop = after + len(text[after:stop].rstrip(".:!?"))
    name = host[0].strip("[]") if host else ""
    return Url(start, stop, text[start:stop], scheme[0].lower(), name, user, password)
