"""Conditions and ranges, compared with a model that parses the grammar of RFC 9110 word by word."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from hypothesis import example, given
from hypothesis import strategies as st

from labcrate.web.http.conditional import (
    Representation,
    SelectedRange,
    is_unconditional_resume,
    parse_date,
    requested_etags,
    select_range,
)

ETAG, OTHER = '"abc"', '"abcd"'
MODIFIED = datetime(2025, 5, 2, 8, 5, tzinfo=UTC)

numbers = st.one_of(st.integers(0, 40), st.integers(0, 10**30)).map(str) | st.sampled_from(
    ["007", "", "0" * 5000 + "3"]
)
specs = st.builds(lambda first, last: f"{first}-{last}", numbers, numbers)
blanks = st.sampled_from(["", " ", "\t", ",", ", ,", " ,\t"])
legal = st.builds(
    lambda unit, before, spec, after: f"{unit}={before}{spec}{after}",
    st.sampled_from(["bytes", "Bytes", "BYTES"]), blanks, specs, blanks,
)  # fmt: skip
several = st.builds(lambda parts: "bytes=" + ",".join(parts), st.lists(specs, min_size=2, max_size=4))
illegal = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="bytes=-0123456789, \t", max_size=20),
    st.sampled_from(["bytes", "bytes=", "bytes=-", "byte\u017f=0-1", "bytes=\u0661-", "items=0-5", "bytes 0-5", "=0-5",
                     "bytes=+1-2", "bytes=1-2-3", "bytes=0x1-", "bytes=1_0-", "bytes= 1 - 2"]),
)  # fmt: skip
ranges = st.one_of(legal, several, illegal)


def model_part(value: str, length: int) -> SelectedRange:
    """Return the part for a Range header, by RFC 9110, section 14."""
    whole = SelectedRange(HTTPStatus.OK, 0, length)
    unit, equals, rest = value.strip(" \t").partition("=")
    specs = [spec.strip(" \t") for spec in rest.split(",") if spec.strip(" \t")]
    if not equals or unit.lower() != "bytes" or not unit.isascii() or len(specs) != 1:
        return whole
    first, dash, last = specs[0].partition("-")
    if not dash or not all(c in "0123456789" for c in first + last) or not first + last:
        return whole
    a, z = (int(text.lstrip("0")[:4000] or "0") if text else None for text in (first, last))
    unsatisfiable = SelectedRange(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    if a is None:
        assert z is not None
        positions = list(range(length))[-z:] if 0 < z <= length else list(range(length)) if z else []
        if z and not length:
            return whole
    elif z is not None and z < a:
        return whole
    else:
        positions = [p for p in range(length) if a <= p and (z is None or p <= z)]
    return SelectedRange(HTTPStatus.PARTIAL_CONTENT, positions[0], positions[-1] + 1) if positions else unsatisfiable


@given(ranges, st.integers(0, 30))
@example("bytes=0-0", 1)
@example("bytes=-0", 5)
@example("bytes=-5", 0)
@example("bytes=5-", 5)
def test_any_range_header(value: str, length: int) -> None:
    """Any text as Range gives the part of the model, the whole, or 416, and never an exception."""
    there = Representation(length, ETAG, MODIFIED)
    found = select_range("GET", {"range": value}, there)
    assert found == model_part(value, length)
    if found.status == HTTPStatus.PARTIAL_CONTENT:
        assert 0 <= found.start < found.stop <= length
        assert found.content_range(length) == f"bytes {found.start}-{found.start + found.length - 1}/{length}"
    elif found.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        assert found.content_range(length) == f"bytes */{length}"
    assert select_range("HEAD", {"range": value}, there) == SelectedRange(HTTPStatus.OK, 0, length)


tags = st.sampled_from([ETAG, OTHER, f"W/{ETAG}", f"W/{OTHER}", '""', "abc", '"\u00e9"'])
lists = st.one_of(st.lists(tags, max_size=3).map(", ".join), st.just("*"), st.just(" * "), st.text(max_size=8))
moments = st.sampled_from([MODIFIED - timedelta(seconds=1), MODIFIED, MODIFIED + timedelta(seconds=1)])
dates = st.one_of(
    moments.map(lambda at: format_datetime(at, usegmt=True)),
    moments.map(lambda at: at.strftime("%A, %d-%b-%y %H:%M:%S GMT")),
    moments.map(lambda at: at.strftime("%a %b %e %H:%M:%S %Y")),
    st.sampled_from(["yesterday", "Fri, 31 Feb 2025 08:05:00 GMT", "Fri, 02 May 2025 08:05:60 GMT", ""]),
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "if-match": lists, "if-unmodified-since": dates, "if-none-match": lists, "if-modified-since": dates,
        "range": st.sampled_from(["bytes=2-5", "bytes=99-", "nonsense"]), "if-range": st.one_of(tags, dates),
    },
)  # fmt: skip


def names(value: str, *, weak: bool) -> bool:
    """Return whether a list contains the tag; tags here contain no commas."""
    named = [tag.strip(" \t") for tag in value.split(",")]
    return value.strip(" \t") == "*" or ETAG in named or (weak and f"W/{ETAG}" in named)


def since(value: str | None) -> datetime | None:
    """Return the date in a header, one of the few that are tried."""
    known = {}
    for at in (MODIFIED - timedelta(seconds=1), MODIFIED, MODIFIED + timedelta(seconds=1)):
        known[format_datetime(at, usegmt=True)] = at
        known[at.strftime("%A, %d-%b-%y %H:%M:%S GMT")] = at
        known[at.strftime("%a %b %e %H:%M:%S %Y")] = at
    return known.get(value or "")


@given(requests, st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_conditions_in_their_order(headers: dict[str, str], method: str, dated: bool) -> None:
    """If-Match or If-Unmodified-Since, then If-None-Match or If-Modified-Since, then Range with If-Range.

    Without a date, content never counts as unmodified.
    """
    there = Representation(10, ETAG, MODIFIED + timedelta(microseconds=999_999) if dated else None)
    found = select_range(method, headers, there)
    if "if-match" in headers:
        allowed = names(headers["if-match"], weak=False)
    else:
        limit = since(headers.get("if-unmodified-since"))
        allowed = limit is None or (dated and limit >= MODIFIED)
    if "if-none-match" in headers:
        same = names(headers["if-none-match"], weak=True)
    else:
        limit = since(headers.get("if-modified-since"))
        same = limit is not None and dated and limit >= MODIFIED
    ranged = method == "GET" and "range" in headers and headers.get("if-range", ETAG) == ETAG
    expected = SelectedRange(HTTPStatus.OK, 0, 10) if not ranged else model_part(headers["range"], 10)
    if same:
        expected = SelectedRange(HTTPStatus.NOT_MODIFIED)
    if not allowed:
        expected = SelectedRange(HTTPStatus.PRECONDITION_FAILED)
    assert found == expected


@given(st.integers(315_532_800, 3_155_760_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_dates_of_all_three_forms(at: datetime) -> None:
    """Each of the three formats of RFC 9110, 5.6.7, is read; a year of two digits is at most 50 years ahead."""
    assert parse_date(format_datetime(at, usegmt=True)) == at
    assert parse_date(at.strftime("%a %b %e %H:%M:%S %Y")) == at
    short = parse_date(at.strftime("%A, %d-%b-%y %H:%M:%S GMT"))
    assert short is not None
    assert (short.year - at.year) % 100 == 0
    assert datetime.now(UTC).year - 50 <= short.year <= datetime.now(UTC).year + 50


@given(st.text(max_size=60), st.text(max_size=60))
def test_anything_as_a_date_or_tag(text: str, other: str) -> None:
    """No text as a date or tag causes an exception; only strong tags are returned."""
    assert parse_date(text) is None or isinstance(parse_date(text), datetime)
    assert all(
        tag.startswith('"') for tag in requested_etags({"if-match": text, "if-range": other, "range": "bytes=0-"})
    )
    assert requested_etags({"if-match": f"W/{ETAG}", "if-range": ETAG}) == []


@given(ranges, st.integers(1, 30))
def test_only_a_range_in_the_middle_without_a_condition_is_unconditional(value: str, length: int) -> None:
    """A range from the first byte, or with a condition, is not an unconditional resume."""
    part = select_range("GET", {"range": value}, Representation(length, ETAG, MODIFIED))
    if is_unconditional_resume({"range": value}):
        assert part.start > 0 or part.status != HTTPStatus.PARTIAL_CONTENT
    elif part.status == HTTPStatus.PARTIAL_CONTENT:
        assert part.start == 0 or value.partition("=")[2].lstrip(" \t,").startswith("-")
    assert not is_unconditional_resume({"range": value, "if-range": OTHER})
    assert not is_unconditional_resume({"range": value, "if-match": OTHER})
    assert requested_etags({"if-match": OTHER, "if-range": ETAG, "range": "x"}) == [OTHER, ETAG]
