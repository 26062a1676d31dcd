"""The export log over HTTP: for administrators, a page at a time, and as a CSV that no spreadsheet runs."""

import csv
import io
from typing import Any

import pytest

from labcrate.people.exports import Outcome
from labcrate.people.roles import Role
from labcrate.web import routes_log
from labcrate.web.login import EXPORT_LOG


def _write(server: Any, count: int, **fields: Any) -> list[int]:
    log = server.app[EXPORT_LOG]
    numbers = []
    for i in range(count):
        line = {
            "who": "Ana",
            "via": "login",
            "address": "192.0.2.7",
            "session": 42 + i % 2,
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
    monkeypatch.setattr(routes_log, "_LINES_AT_ONCE", 4)
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
    ["limit=0", "limit=1001", "before=0", "before=-1", "session=x", "limit=1&limit=2", "session=" + "9" * 19, "x=1"],
)
def test_a_query_that_cannot_be_meant_is_a_400(usual_lab: Any, serve: Any, query: str) -> None:
    """Numbers out of range, twice given or unknown options are refused."""
    answer = serve(usual_lab.root).get(f"/api/log?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:labcrate:error:usage")


def test_the_log_is_for_administrators(usual_lab: Any, serve: Any) -> None:
    """Nobody else sees who took what."""
    server = serve(usual_lab.root)
    _write(server, 1)
    for path in ("/api/log", "/api/log.csv"):
        for role, status in ((None, 401), (Role.VIEWER, 403), (Role.OPERATOR, 403)):
            answer = server.get(path, role)
            assert (answer.status_code, "Ana" in answer.text) == (status, False)
