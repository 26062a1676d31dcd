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
_LONGEST_NUMBER = 20

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

CONDITIONS = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range", "if-range")


@dataclass(frozen=True, slots=True)
class Representation:
    """What a GET would send: its length in bytes, its strong entity tag with its quotes, and when it last changed.

    ``modified`` is None where no date is taken for an answer, as of an archive: it may change twice in a second.
    """

    length: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
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


def answer(method: str, headers: Headers, there: Representation) -> Answer:
    """Return the answer to GET or HEAD: conditions in the order of section 13.2.2, then the range."""
    refused = _refused(headers, there)
    if refused:
        return Answer(refused)
    whole = Answer(HTTPStatus.OK, 0, there.length)
    if method != "GET" or "range" not in headers or not _goes_on(headers, there):
        return whole
    return _part(headers["range"], there.length) or whole


def requested_etags(headers: Headers) -> list[str]:
    """Return the strong entity tags of If-Match, and of If-Range with a range: one of these should be sent."""
    named = [headers.get("if-match", ""), headers.get("if-range", "") if "range" in headers else ""]
    return [tag for value in named for prefix, tag in _TAG.findall(value) if not prefix]


def is_unconditional_resume(headers: Headers) -> bool:
    """Return whether a part from the middle is asked for without a condition that says of which state."""
    match = _RANGE.fullmatch(headers.get("range", "").strip(" \t"))
    return bool(match and _number(match[1])) and not {"if-range", "if-match"} & headers.keys()


def parse_date(text: str | None) -> datetime | None:
    """Return an HTTP date (5.6.7) as an instant, or None for a text that is none."""
    text = (text or "").strip(" \t")
    for shape, form in _DATES.items():
        if shape.fullmatch(text):  # strptime alone would read what is no valid date, which is to be ignored
            with suppress(ValueError):
                at = datetime.strptime(text, form).replace(tzinfo=UTC)
                latest = datetime.now(UTC).year + 50
                return at.replace(year=latest - (latest - at.year) % 100) if shape is _RFC_850_DATE else at
    return None


def _refused(headers: Headers, there: Representation) -> HTTPStatus | None:
    modified = there.modified and there.modified.replace(microsecond=0)  # a date has whole seconds
    if "if-match" in headers:
        if not _names(headers["if-match"], there.etag, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    # 13.1.4 would have the header ignored where there is no date. But its client asks for nothing of another state.
    elif (since := parse_date(headers.get("if-unmodified-since"))) and (modified is None or modified > since):
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in headers:
        return HTTPStatus.NOT_MODIFIED if _names(headers["if-none-match"], there.etag, weak=True) else None
    since = parse_date(headers.get("if-modified-since"))
    return HTTPStatus.NOT_MODIFIED if since and modified and modified <= since else None


def _names(value: str, etag: str, *, weak: bool) -> bool:
    """Return whether a list of entity tags names this one (8.8.3.2); ``*`` names all there are."""
    return value.strip(" \t") == "*" or any(tag == etag and (weak or not w) for w, tag in _TAG.findall(value))


def _goes_on(headers: Headers, there: Representation) -> bool:
    """Return whether If-Range allows a part (13.1.5): without the header, every part.

    Only the strong entity tag does. A date never does: none here is a strong validator (8.8.2.2), because a session
    can be described anew, and a recording be replaced, with its date the same.
    """
    return "if-range" not in headers or headers["if-range"].strip(" \t") == there.etag


def _part(asked: str, length: int) -> Answer | None:
    """Return the one range that is asked for; None where it is to be ignored."""
    match = _RANGE.fullmatch(asked.strip(" \t"))
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = _number(match[2])
        if last and not length:
            return None  # satisfiable, and there is no way to say so
        return Answer(HTTPStatus.PARTIAL_CONTENT, max(length - last, 0), length) if last else _UNSATISFIABLE
    first = _number(match[1])
    if match[2] and _number(match[2]) < first:
        return None
    if first >= length:
        return _UNSATISFIABLE
    stop = min(_number(match[2]) + 1, length) if match[2] else length
    return Answer(HTTPStatus.PARTIAL_CONTENT, first, stop)


_UNSATISFIABLE = Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


def _number(digits: str) -> int:
    """Return a number, or one that is larger than any file."""
    digits = digits.lstrip("0")
    return 10**_LONGEST_NUMBER if len(digits) > _LONGEST_NUMBER else int(digits or "0")
