"""The export log over HTTP: for administrators, a page at a time, and as a CSV that no spreadsheet runs."""

import csv
import html
import io
import re
from typing import Any

import pytest

from labcrate.people.export_log import Outcome
from labcrate.people.roles import Role
from labcrate.web.routes.api import log as routes_log


def _write(server: Any, count: int, **fields: Any) -> list[int]:
    log = server.resources.export_log
    numbers = []
    for i in range(count):
        line = {
            "who": "Ana",
            "via": "login",
            "address": "192.0.2.7",
            "session": str(42 + i % 2),
            "options": "only=sensors",
            "etag": '"x"',
            "start": 0,
            "length": 100,
            "total": 100,
        } | fields
        numbers.append(log.begin(**line))
        log.end(numbers[-1], 100, Outcome.FINISHED)
    return numbers


def test_the_log_is_read_a_page_at_a_time(usual_lab: Any, serve: Any) -> None:
    """Pages follow one another by the number of the last line, until there is none."""
    server = serve(usual_lab.root)
    numbers = _write(server, 5)
    first = server.get("/api/log?limit=3").json()
    assert [line["number"] for line in first["lines"]] == numbers[:1:-1]
    assert first["before"] == numbers[2]
    second = server.get(f"/api/log?limit=3&before={first['before']}").json()
    assert [line["number"] for line in second["lines"]] == numbers[1::-1]
    assert second["before"] is None
    assert [line["session"] for line in server.get("/api/log?session=43").json()["lines"]] == [43, 43]
    line = first["lines"][0]
    assert (line["who"], line["bytesSent"], line["outcome"], line["reason"]) == ("Ana", 100, "finished", None)
    assert line["begunAt"].endswith("Z")


def test_the_csv_has_every_line(usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines are there in order, more than are read at once, and a spreadsheet opens it as UTF-8."""
    monkeypatch.setattr(routes_log, "_LINES_PER_WRITE", 4)
    server = serve(usual_lab.root)
    numbers = _write(server, 9, who="Iñaki")
    answer = server.get("/api/log.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="labcrate-log.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbfnumber,begunAt,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [int(row["number"]) for row in rows] == numbers[::-1]
    assert {row["who"] for row in rows} == {"Iñaki"}
    told = server.get("/api/log").json()["lines"]
    assert [list(row) for row in rows] == [list(line) for line in told]
    assert len(server.get("/api/log.csv?session=43").text.splitlines()) == 5


FILTERED = {
    "": 6, "session=42": 4, "who=iñ": 3, "who=IÑAKI": 3, "who=nobody": 0, "outcome=finished": 6, "outcome=broken": 0,
    "from=2020-01-01": 6, "to=2020-01-01": 0, "from=2999-01-01": 0, "to=2999-01-01T00:00:00Z": 6,
    "session=43&who=ana&outcome=finished": 1, "session=&who=&outcome=&from=&to=": 6,
}  # fmt: skip


@pytest.mark.parametrize(("query", "count"), FILTERED.items())
def test_a_filter_means_the_same_everywhere(usual_lab: Any, serve: Any, query: str, count: int) -> None:
    """Session, user, outcome and days leave the same lines in JSON, in the CSV and on the page, and in its CSV link."""
    server = serve(usual_lab.root)
    numbers = {*_write(server, 3, who="Iñaki"), *_write(server, 3)}
    told = server.get(f"/api/log?{query}").json()["lines"]
    assert len(told) == count
    assert {line["number"] for line in told} <= numbers
    table = server.get(f"/api/log.csv?{query}").content.decode("utf-8-sig")
    assert [row["number"] for row in csv.DictReader(io.StringIO(table))] == [str(line["number"]) for line in told]
    page = server.get(f"/log?{query}").text
    assert page.count('<th scope="row">') == count
    link = html.unescape(re.findall(r'href="(/api/log\.csv[^"]*)"', page)[0])
    assert server.get(link).content.decode("utf-8-sig") == table


@pytest.mark.parametrize(
    "query",
    ["session=a%2Fb", "session=-1", "outcome=good", "from=yesterday", "to=2025-02-30", "who=a&who=b", "colour=red"],
)
def test_an_invalid_filter(usual_lab: Any, serve: Any, query: str) -> None:
    """It is refused with one sentence, in every form; a log that is silently not filtered would be misread."""
    server = serve(usual_lab.root)
    paths = ["/api/log", "/api/log.csv"] + (["/log"] if "colour" not in query else [])
    assert {server.get(f"{path}?{query}").status_code for path in paths} == {400}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '"=1', "=cmd|' /C calc'!A0"])
def test_no_name_becomes_a_formula(usual_lab: Any, serve: Any, name: str) -> None:
    """What begins like a formula is text in a spreadsheet; JSON has it as it is."""
    server = serve(usual_lab.root)
    _write(server, 1, who=name)
    (row,) = csv.DictReader(io.StringIO(server.get("/api/log.csv").content.decode("utf-8-sig"), newline=""))
    assert row["who"] == (f"'{name}" if name[0] in "=+-@" else name)
    assert server.get("/api/log").json()["lines"][0]["who"] == name


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "before=0", "before=-1", "session=042", "limit=1&limit=2", "session=" + "9" * 65, "x=1"],
)
def test_an_invalid_query_is_a_400(usual_lab: Any, serve: Any, query: str) -> None:
    """Numbers out of range, twice given or unknown options are refused."""
    answer = serve(usual_lab.root).get(f"/api/log?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:labcrate:error:usage")


def test_the_log_is_for_administrators(usual_lab: Any, serve: Any) -> None:
    """Other users cannot see the export log."""
    server = serve(usual_lab.root)
    _write(server, 1)
    for path in ("/api/log", "/api/log.csv"):
        for role, status in ((None, 401), (Role.VIEWER, 403), (Role.OPERATOR, 403)):
            answer = server.get(path, role)
            assert (answer.status_code, "Ana" in answer.text) == (status, False)
