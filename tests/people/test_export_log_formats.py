"""The export log as JSON, CSV and words; texts of users cannot become formulas."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.values import replace

from labcrate.people.export_log import ExportLogLine, Outcome
from labcrate.people.export_log_formats import COLUMNS, as_csv, describe_contents, line_object

LINE = ExportLogLine(
    number=7,
    begun=datetime(2025, 5, 2, 8, tzinfo=UTC),
    ended=None,
    who="ana",
    via="login",
    address="192.0.2.1",
    session="42",
    options="",
    etag='"a,b"',
    start=0,
    length=10,
    total=10,
    bytes_sent=3,
    outcome=Outcome.RUNNING,
    reason=None,
)


TOLD = {
    "": "the whole session",
    "recording=hall a%26b.mp4": "recording hall a&b.mp4",
    "only=sensors&from=2025-05-02T08:40:00.000Z": "only sensor data, from 2025-05-02T08:40:00.000Z",
    "only=recordings&camera=1&camera=2": "only recordings, only camera 1, only camera 2",
    "pad=30s&readings=all&sensor=a%0Ab": "30s before and after, all readings of the lab, only sensor a\\nb",
    "later=word": "later: word",
}


@pytest.mark.parametrize(("options", "told"), TOLD.items())
def test_what_was_taken_is_told_in_words(options: str, told: str) -> None:
    """The contents of a transfer are described in words, with the first byte of a resumed download."""
    assert ", ".join(describe_contents(replace(LINE, options=options, start=0))) == told
    assert describe_contents(replace(LINE, options=options, start=1234))[-1] == "from byte 1,234"


def test_json_and_csv_tell_the_same() -> None:
    """Both have the same names and values; an unknown value is null, or an empty cell."""
    told = line_object(LINE)
    assert told["begunAt"] == "2025-05-02T08:00:00.000Z"
    assert told["endedAt"] is None
    assert told["outcome"] == "running"
    (row,) = csv.DictReader(io.StringIO(as_csv([LINE])))
    assert row == {name: "" if value is None else str(value) for name, value in told.items()}
    assert as_csv([LINE], heading=False).count("\r\n") == 1


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_no_cell_is_a_formula(first: str) -> None:
    """A text that a spreadsheet would read as a formula begins with an apostrophe."""
    (row,) = csv.DictReader(io.StringIO(as_csv([replace(LINE, who=f"{first}HYPERLINK(1)")]), newline=""))
    assert row["who"] == f"'{first}HYPERLINK(1)"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=4, max_size=4))
def test_any_text_stays_in_its_cell(texts: list[str]) -> None:
    """Any text stays in its row and column, and is complete."""
    who, options, etag, reason = texts
    line = replace(LINE, who=who, options=options, etag=etag, reason=reason)
    (heading, row) = csv.reader(io.StringIO(as_csv([line]), newline=""))
    assert tuple(heading) == COLUMNS
    told = dict(zip(heading, row, strict=True))
    for name, text in (("who", who), ("options", options), ("etag", etag), ("reason", reason)):
        assert told[name].removeprefix("'").replace("; ", ";") == text.removeprefix("'").replace("; ", ";")


@pytest.mark.parametrize("text", ["ana;=1+1", "x;-1", ";@SUM(A1)", "a;\n=b"])
def test_no_formula_hides_behind_a_semicolon(text: str) -> None:
    """A space follows a semicolon, where some spreadsheets split cells, so that no formula begins there."""
    (row,) = csv.DictReader(io.StringIO(as_csv([replace(LINE, who=text)]), newline=""))
    assert not re.search(r";[=+@\n-]", row["who"])
