"""What a request's conditions and range come to: RFC 9110, sections 13 and 14, as pure functions.

A server may ignore a Range header (14.2), and this one does where it is malformed or asks for several parts: then
the whole is sent. Conditions that cannot be read count as the RFC has it: a date as not there, a tag as another one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

# 8.8.3: an opaque tag holds 0x21 and 0x23 to 0x7e, and 0x80 to 0xff, which come decoded.
_TAG = re.compile('(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')

# 14.1.1 and 14.2; a list may have empty elements (5.6.1.2).
_RANGE = re.compile("bytes=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER = 20

# 5.6.7: the form to be written, and the two obsolete ones that are still to be understood.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY, _MONTH, _TIME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", f"(?P<month>{'|'.join(_MONTHS)})", r"(?P<time>\d\d:\d\d:\d\d)"
_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"{_DAY}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)

Headers = Mapping[str, str]
"""Those of a request that count here, by lower-case name; several of one name are joined by commas (5.3)."""

CONDITIONS = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range", "if-range")


@dataclass(frozen=True, slots=True)
class Representation:
    """What could be sent: its length in bytes, its strong entity tag with its quotes, and when it last changed.

    ``modified`` is None where no date is taken for an answer, as of an archive: it may change twice in a second.
    """

    length: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: the status, and the bytes from ``start`` up to ``stop`` (exclusive) where it has a body of them."""

    status: HTTPStatus
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start

    def content_range(self, total: int) -> str | None:
        """The header of that name (14.4), where the answer has one."""
        if self.status == HTTPStatus.PARTIAL_CONTENT:
            return f"bytes {self.start}-{self.stop - 1}/{total}"
        return f"bytes */{total}" if self.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE else None


def answer(method: str, headers: Headers, there: Representation) -> Answer:
    """What GET or HEAD comes to, in the order of section 13.2.2."""
    refused = _refused(headers, there)
    if refused:
        return Answer(refused)
    whole = Answer(HTTPStatus.OK, 0, there.length)
    if method != "GET" or "range" not in headers or not _goes_on(headers, there):
        return whole
    return _part(headers["range"], there.length) or whole


def tags_wanted(headers: Headers) -> list[str]:
    """The strong entity tags that a request insists on, or would go on with: one of these should be sent."""
    named = [headers.get("if-match", ""), headers.get("if-range", "") if "range" in headers else ""]
    return [tag for value in named for prefix, tag in _TAG.findall(value) if not prefix]


def goes_on_blindly(headers: Headers) -> bool:
    """Whether a part from somewhere in the middle is wanted, of whatever there is: nothing says what was there."""
    match = _RANGE.fullmatch(headers.get("range", "").strip(" \t"))
    return bool(match and _number(match[1])) and not {"if-range", "if-match"} & headers.keys()


def parse_date(text: str | None) -> datetime | None:
    """An HTTP date (5.6.7) as an instant, or None for what is none."""
    found = next((match for pattern in _DATES if (match := pattern.fullmatch((text or "").strip(" \t")))), None)
    if not found:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        century = datetime.now(UTC).year // 100 * 100
        year += century if century + year <= datetime.now(UTC).year + 50 else century - 100
    hour, minute, second = map(int, found["time"].split(":"))
    try:
        return datetime(year, 1 + _MONTHS.index(found["month"]), int(found["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _refused(headers: Headers, there: Representation) -> HTTPStatus | None:
    modified = there.modified and there.modified.replace(microsecond=0)  # a date has whole seconds
    if "if-match" in headers:
        if not _names(headers["if-match"], there.etag, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    # 13.1.4 would have the date ignored where there is none. But who sends it wants nothing of another state.
    elif (since := parse_date(headers.get("if-unmodified-since"))) and (modified is None or modified > since):
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in headers:
        return HTTPStatus.NOT_MODIFIED if _names(headers["if-none-match"], there.etag, weak=True) else None
    since = parse_date(headers.get("if-modified-since"))
    return HTTPStatus.NOT_MODIFIED if since and modified and modified <= since else None


def _names(value: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags names this one (8.8.3.2); ``*`` names all there are."""
    return value.strip(" \t") == "*" or any(tag == etag and (weak or not w) for w, tag in _TAG.findall(value))


def _goes_on(headers: Headers, there: Representation) -> bool:
    """Whether the part is wanted of this very representation (13.1.5): without If-Range, of whatever there is.

    Only a strong entity tag tells. A date never does: none here is a strong validator (8.8.2.2), because a session
    can be described anew, and a recording be replaced, with its date the same.
    """
    return "if-range" not in headers or headers["if-range"].strip(" \t") == there.etag


def _part(wanted: str, length: int) -> Answer | None:
    """The one range that is wanted; None where it is to be ignored."""
    match = _RANGE.fullmatch(wanted.strip(" \t"))
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
    """A number, or one that is larger than any file."""
    digits = digits.lstrip("0")
    return 10**_LONGEST_NUMBER if len(digits) > _LONGEST_NUMBER else int(digits or "0")
