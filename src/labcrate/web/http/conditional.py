"""Conditions and ranges of requests as pure functions: RFC 9110, sections 13 and 14.

A server may ignore a Range header (14.2), and this one does where it is malformed or names several parts: then
the whole is sent. Of conditions that cannot be read, a date counts as not there, and a tag as another one.

The attributes of ``aiohttp.web.Request`` are not exact enough. ``http_range`` sends the whole for ``bytes=-0`` and
refuses blanks and empty elements of a list. ``if_match`` drops all tags behind one that is malformed, and an empty
header. ``if_range`` reads dates alone, and all dates ignore their time zone. werkzeug takes tags without quotes.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

# 8.8.3: an opaque tag holds 0x21 and 0x23 to 0x7e, and 0x80 to 0xff, which come decoded.
_TAG = re.compile('(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')

# 14.1.1 and 14.2; a list may have empty elements (5.6.1.2).
_RANGE = re.compile("bytes=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 20

# 5.6.7: the form to be written, and the two obsolete ones that are still to be understood.
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT", re.ASCII)
_RFC_850_DATE = re.compile(r"[A-Z][a-z]{2,5}day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT", re.ASCII)
_ASCTIME_DATE = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}", re.ASCII)
_DATES = {
    _DATE: "%a, %d %b %Y %H:%M:%S GMT",
    _RFC_850_DATE: "%A, %d-%b-%y %H:%M:%S GMT",
    _ASCTIME_DATE: "%a %b %d %H:%M:%S %Y",
}

Headers = Mapping[str, str]
"""The conditional headers of a request by lower-case name; several of one name are joined by commas (5.3)."""

CONDITIONAL_HEADERS = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range", "if-range")


@dataclass(frozen=True, slots=True)
class Representation:
    """What a GET would send: its length in bytes, its strong entity tag with its quotes, and when it last changed.

    ``modified`` is None where no date is taken for an answer, as of an archive: it may change twice in a second.
    """

    length: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class SelectedRange:
    """What to send: the status, and the bytes from ``start`` up to ``stop`` (exclusive)."""

    status: HTTPStatus
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """Return the number of bytes."""
        return self.stop - self.start

    def content_range(self, total: int) -> str | None:
        """Return the header of that name (14.4), or None."""
        if self.status == HTTPStatus.PARTIAL_CONTENT:
            return f"bytes {self.start}-{self.stop - 1}/{total}"
        return f"bytes */{total}" if self.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE else None


def select_range(method: str, headers: Headers, representation: Representation) -> SelectedRange:
    """Return the answer to GET or HEAD: conditions in the order of section 13.2.2, then the range."""
    status = _failed_status(headers, representation)
    if status:
        return SelectedRange(status)
    whole = SelectedRange(HTTPStatus.OK, 0, representation.length)
    if method != "GET" or "range" not in headers or not _may_send_range(headers, representation):
        return whole
    return _requested_range(headers["range"], representation.length) or whole


def requested_etags(headers: Headers) -> list[str]:
    """Return the strong entity tags of If-Match, and of If-Range with a range: one of these should be sent."""
    named = [headers.get("if-match", ""), headers.get("if-range", "") if "range" in headers else ""]
    return [tag for value in named for prefix, tag in _TAG.findall(value) if not prefix]


def is_unconditional_resume(headers: Headers) -> bool:
    """Return whether a part from the middle is asked for without a condition that says of which state."""
    match = _RANGE.fullmatch(headers.get("range", "").strip(" \t"))
    return bool(match and _parse_number(match[1])) and not {"if-range", "if-match"} & headers.keys()


def parse_date(text: str | None) -> datetime | None:
    """Return an HTTP date (5.6.7) as an instant, or None for a text that is none."""
    text = (text or "").strip(" \t")
    for pattern, date_format in _DATES.items():
        if pattern.fullmatch(text):  # strptime alone would read what is no valid date, which is to be ignored
            with suppress(ValueError):
                date = datetime.strptime(text, date_format).replace(tzinfo=UTC)
                latest = datetime.now(UTC).year + 50
                return date.replace(year=latest - (latest - date.year) % 100) if pattern is _RFC_850_DATE else date
    return None


def _failed_status(headers: Headers, representation: Representation) -> HTTPStatus | None:
    modified = representation.modified and representation.modified.replace(microsecond=0)  # a date has whole seconds
    if "if-match" in headers:
        if not _lists_etag(headers["if-match"], representation.etag, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    # 13.1.4 would have the header ignored where there is no date. But its client asks for nothing of another state.
    elif (since := parse_date(headers.get("if-unmodified-since"))) and (modified is None or modified > since):
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in headers:
        return (
            HTTPStatus.NOT_MODIFIED if _lists_etag(headers["if-none-match"], representation.etag, weak=True) else None
        )
    since = parse_date(headers.get("if-modified-since"))
    return HTTPStatus.NOT_MODIFIED if since and modified and modified <= since else None


def _lists_etag(value: str, etag: str, *, weak: bool) -> bool:
    """Return whether a list of entity tags names this one (8.8.3.2); ``*`` names all there are."""
    return value.strip(" \t") == "*" or any(tag == etag and (weak or not w) for w, tag in _TAG.findall(value))


def _may_send_range(headers: Headers, representation: Representation) -> bool:
    """Return whether If-Range allows a part (13.1.5): without the header, every part.

    Only the strong entity tag does. A date never does: none here is a strong validator (8.8.2.2), because a session
    can be described anew, and a recording be replaced, with its date the same.
    """
    return "if-range" not in headers or headers["if-range"].strip(" \t") == representation.etag


def _requested_range(range_header: str, length: int) -> SelectedRange | None:
    """Return the one range that is asked for; None where it is to be ignored."""
    match = _RANGE.fullmatch(range_header.strip(" \t"))
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = _parse_number(match[2])
        if last and not length:
            return None  # satisfiable, and there is no way to say so
        return SelectedRange(HTTPStatus.PARTIAL_CONTENT, max(length - last, 0), length) if last else _UNSATISFIABLE
    first = _parse_number(match[1])
    if match[2] and _parse_number(match[2]) < first:
        return None
    if first >= length:
        return _UNSATISFIABLE
    stop = min(_parse_number(match[2]) + 1, length) if match[2] else length
    return SelectedRange(HTTPStatus.PARTIAL_CONTENT, first, stop)


_UNSATISFIABLE = SelectedRange(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


def _parse_number(digits: str) -> int:
    """Return a number, or one that is larger than any file."""
    digits = digits.lstrip("0")
    return 10**_MAX_DIGITS if len(digits) > _MAX_DIGITS else int(digits or "0")
