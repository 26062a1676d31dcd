"""Conditional requests and ranges as pure functions: RFC 9110, sections 13 and 14.

A server may ignore a Range header (14.2). This one does if the header is malformed or names several ranges: then the
whole is sent. A malformed date in a condition is ignored; a malformed tag matches nothing.

The attributes of ``aiohttp.web.Request`` are not exact enough. ``http_range`` sends the whole for ``bytes=-0`` and
refuses blanks and empty elements of a list. ``if_match`` drops all tags after a malformed one, and an empty header.
``if_range`` reads dates only, and the time zone of dates is ignored. werkzeug accepts tags without quotes.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

# 8.8.3: an opaque tag holds 0x21 and 0x23 to 0x7e, and 0x80 to 0xff, which aiohttp has decoded.
_TAG = re.compile('(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')

# 14.1.1 and 14.2; a list may have empty elements (5.6.1.2).
_RANGE = re.compile("bytes=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 20

# 5.6.7: the format in use, and the two obsolete formats that must still be accepted.
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT", re.ASCII)
_RFC_850_DATE = re.compile(r"[A-Z][a-z]{2,5}day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT", re.ASCII)
_ASCTIME_DATE = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}", re.ASCII)
_DATES = {
    _DATE: "%a, %d %b %Y %H:%M:%S GMT",
    _RFC_850_DATE: "%A, %d-%b-%y %H:%M:%S GMT",
    _ASCTIME_DATE: "%a %b %d %H:%M:%S %Y",
}

Headers = Mapping[str, str]
"""The conditional headers of a request by lower-case name; several with one name are joined by commas (5.3)."""

CONDITIONAL_HEADERS = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range", "if-range")


@dataclass(frozen=True, slots=True)
class Representation:
    """What a GET would send: its length in bytes, its strong entity tag with quotes, and when it last changed.

    ``modified`` is None if dates are not used as a condition, as for an archive: it may change twice in a second.
    """

    length: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class SelectedRange:
    """What to send: the status, and the bytes from ``start`` to ``stop`` (exclusive)."""

    status: HTTPStatus
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """Return the number of bytes."""
        return self.stop - self.start

    def content_range(self, total: int) -> str | None:
        """Return the Content-Range header (14.4) for a total in bytes, or None."""
        if self.status == HTTPStatus.PARTIAL_CONTENT:
            return f"bytes {self.start}-{self.stop - 1}/{total}"
        return f"bytes */{total}" if self.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE else None


def select_range(method: str, headers: Headers, representation: Representation) -> SelectedRange:
    """Return what to send for GET or HEAD: conditions in the order of section 13.2.2, then the range."""
    status = _failed_status(headers, representation)
    if status:
        return SelectedRange(status)
    whole = SelectedRange(HTTPStatus.OK, 0, representation.length)
    if method != "GET" or "range" not in headers or not _may_send_range(headers, representation):
        return whole
    return _requested_range(headers["range"], representation.length) or whole


def requested_etags(headers: Headers) -> list[str]:
    """Return the strong entity tags in If-Match, and in If-Range if there is a range: one of them is requested."""
    named = [headers.get("if-match", ""), headers.get("if-range", "") if "range" in headers else ""]
    return [tag for value in named for prefix, tag in _TAG.findall(value) if not prefix]


def is_unconditional_resume(headers: Headers) -> bool:
    """Return whether a range from the middle is requested without a condition that names the state it belongs to."""
    match = _RANGE.fullmatch(headers.get("range", "").strip(" \t"))
    return bool(match and _parse_number(match[1])) and not {"if-range", "if-match"} & headers.keys()


def parse_date(text: str | None) -> datetime | None:
    """Return an HTTP date (5.6.7) as an instant, or None for any other text."""
    text = (text or "").strip(" \t")
    for pattern, date_format in _DATES.items():
        if pattern.fullmatch(text):  # strptime alone would accept invalid dates, which must be ignored
            with suppress(ValueError):
                date = datetime.strptime(text, date_format).replace(tzinfo=UTC)
                latest = datetime.now(UTC).year + 50
                return date.replace(year=latest - (latest - date.year) % 100) if pattern is _RFC_850_DATE else date
    return None


def _failed_status(headers: Headers, representation: Representation) -> HTTPStatus | None:
    # A date has whole seconds.
    modified = representation.modified and representation.modified.replace(microsecond=0)
    if "if-match" in headers:
        if not _lists_etag(headers["if-match"], representation.etag, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    # 13.1.4: without a date the header must be ignored. But then the client could get a state that it does not expect.
    elif (since := parse_date(headers.get("if-unmodified-since"))) and (modified is None or modified > since):
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in headers:
        return (
            HTTPStatus.NOT_MODIFIED if _lists_etag(headers["if-none-match"], representation.etag, weak=True) else None
        )
    since = parse_date(headers.get("if-modified-since"))
    return HTTPStatus.NOT_MODIFIED if since and modified and modified <= since else None


def _lists_etag(value: str, etag: str, *, weak: bool) -> bool:
    """Return whether a list of entity tags contains this one (8.8.3.2); ``*`` contains all."""
    return value.strip(" \t") == "*" or any(tag == etag and (weak or not w) for w, tag in _TAG.findall(value))


def _may_send_range(headers: Headers, representation: Representation) -> bool:
    """Return whether If-Range allows a part to be sent (13.1.5); without the header, it is allowed.

    Only the strong entity tag allows it. A date does not: no date here is a strong validator (8.8.2.2), because the
    description of a session can change, and a recording can be replaced, without a change of its date.
    """
    return "if-range" not in headers or headers["if-range"].strip(" \t") == representation.etag


def _requested_range(range_header: str, length: int) -> SelectedRange | None:
    """Return the requested range; None if the header must be ignored."""
    match = _RANGE.fullmatch(range_header.strip(" \t"))
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = _parse_number(match[2])
        if last and not length:
            return None  # it is satisfiable, but Content-Range cannot express it
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
    """Return a number; one with very many digits as a number that is larger than any file."""
    digits = digits.lstrip("0")
    return 10**_MAX_DIGITS if len(digits) > _MAX_DIGITS else int(digits or "0")
