"""Downloads over HTTP: length, tag, ranges, conditions, names, permissions, and the lines of the export log."""

import io
import random
import socket
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.messages import message
from tests.support.waiting import wait_for_ended

from labcrate.index import indexing
from labcrate.people.export_log import ExportLogLine
from labcrate.people.roles import Role
from labcrate.web.http.conditional import parse_date
from labcrate.web.routes.api import archive as routes_archive

PATH = "/api/sessions/42/archive.zip"


@pytest.fixture
def large_lab(usual_lab: Any) -> Any:
    """Return the usual lab with recordings of every size, and documents too large for memory."""
    choice = random.Random(3)  # noqa: S311
    for number, size in enumerate([6_000_000, 1_500_000, 700_000, *[9_000] * 20]):
        usual_lab.recording(f"recordings/cam1_session42_{number}.mp4", content=choice.randbytes(size))
    note = {"note": "x" * 2000}
    usual_lab.zigbee_json([(f"2025-05-02T08:01:{s:02}.000Z", "zigbee2mqtt/hall", note) for s in range(60)] * 20)
    return usual_lab


@pytest.fixture
def whole(large_lab: Any, cli: Any, tmp_path: Any) -> bytes:
    """Return the archive of session 42 as the command line makes it."""
    assert cli("export", "42", "--lab", large_lab.root, "-o", tmp_path / "out.zip").code == 0
    return bytes((tmp_path / "out.zip").read_bytes())


def lines(server: Any) -> list[ExportLogLine]:
    """Return the downloads in the export log, the newest first, once all have ended."""
    return [line for line in wait_for_ended(server) if line.via != "command line"]


def changed(headers: Any) -> datetime:
    """Return the time of the archive's last change in a response."""
    modified = parse_date(headers["Last-Modified"])
    assert modified is not None
    return modified


def test_the_bytes_are_those_of_the_command_line(serve: Any, large_lab: Any, whole: bytes) -> None:
    """A download is the ZIP that the command line writes, with its length in the header, never encoded."""
    server = serve(large_lab.root)
    answer = server.get(PATH, Role.OPERATOR, headers={"Accept-Encoding": "gzip, br, deflate, zstd"})
    assert answer.status_code == 200
    assert answer.content == whole
    assert answer.headers["Content-Length"] == str(len(whole))
    assert answer.headers["Content-Type"] == "application/zip"
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache, no-transform"
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


def test_head_has_the_headers_of_get(serve: Any, large_lab: Any, whole: bytes) -> None:
    """HEAD has every header of GET but the date, on both paths, with any range; and it is not logged as a download."""
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    got = client.get(server.url + PATH).headers
    for path in (PATH, "/api/sessions/42/download"):
        answer = client.head(server.url + path, headers={"Range": "bytes=5-9"})
        assert answer.status_code == 200
        assert answer.content == b""
        assert {k: v for k, v in answer.headers.items() if k != "Date"} == {k: v for k, v in got.items() if k != "Date"}
    assert got["Accept-Ranges"] == "bytes"
    assert got["ETag"].startswith('"')
    assert changed(got) <= datetime.now(UTC)
    assert len(lines(server)) == 1


def test_any_part(serve: Any, large_lab: Any, whole: bytes) -> None:
    """Any range of the archive has exactly its bytes, also one that is counted from the end."""
    server, total = serve(large_lab.root), len(whole)
    client, choice = server.as_(Role.OPERATOR), random.Random(7)  # noqa: S311
    spans = [(0, 0), (0, total - 1), (total - 1, total - 1), (total - 22, total - 1)]
    starts = [choice.randrange(total) for _ in range(30)]
    spans += [(start, choice.randrange(start, total)) for start in starts]
    for first, last in spans:
        answer = client.get(server.url + PATH, headers={"Range": f"bytes={first}-{last}"})
        assert answer.status_code == 206
        assert answer.content == whole[first : last + 1]
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{total}"
    for value, content in ((f"bytes={total - 9}-", whole[-9:]), ("bytes=-9", whole[-9:]), ("bytes=-999999999", whole)):
        assert client.get(server.url + PATH, headers={"Range": value}).content == content
    for value in ("bytes=0-1,5-6", "bytes=9-3", "items=0-5", "nonsense"):
        answer = client.get(server.url + PATH, headers={"Range": value})
        assert (answer.status_code, len(answer.content)) == (200, total)


def test_errors_of_ranges_and_conditions(serve: Any, large_lab: Any, whole: bytes) -> None:
    """A range after the end is 416 with the size; a wrong If-Match is 412; neither is logged as a download."""
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    answer = client.get(server.url + PATH, headers={"Range": f"bytes={len(whole)}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    etag = answer.headers["ETag"]
    assert client.get(server.url + PATH, headers={"If-Match": '"other"'}).status_code == 412
    assert client.get(server.url + PATH, headers={"If-None-Match": f'"a", W/{etag}'}).status_code == 304
    same = client.get(server.url + PATH, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert lines(server) == []


@pytest.mark.thorough
def test_resuming_an_archive_that_may_have_changed(serve: Any, large_lab: Any, whole: bytes) -> None:
    """If-Range continues with the bytes that the download began with; with another tag or a date the whole is sent."""
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    first = client.head(server.url + PATH)
    etag, date = first.headers["ETag"], first.headers["Date"]

    def resume(tag: str) -> Any:
        return client.get(server.url + PATH, headers={"Range": "bytes=1000-", "If-Range": tag})

    answer = resume(etag)
    assert (answer.status_code, answer.content) == (206, whole[1000:])
    for other in ('"other"', f"W/{etag}", date):
        answer = resume(other)
        assert (answer.status_code, answer.content) == (200, whole)
    large_lab.session(42, name="Evening")
    fresh = client.head(server.url + PATH)
    assert fresh.headers["ETag"] != etag
    answer = resume(etag)
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (206, whole[1000:], etag)
    assert client.get(server.url + PATH, headers={"If-Match": etag}).content == whole
    # Of another part of the session the tag names nothing.
    assert client.get(server.url + PATH + "?only=sensors", headers={"If-Match": etag}).status_code == 412
    large_lab.recording("recordings/cam1_session42_0.mp4", content=bytes(6_000_000))
    with pytest.raises(OSError, match=r"(?i)connection|incomplete|broken"):
        assert len(resume(etag).content) == len(whole) - 1000
    answer = resume(etag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] not in (etag, fresh.headers["ETag"])


@pytest.mark.thorough
def test_resuming_without_a_condition(serve: Any, large_lab: Any, whole: bytes) -> None:
    """A bare range of a session that changed continues with the archive that was begun, or is refused: never mixed.

    A client that began no other archive, or also the current one, gets the current one.
    """
    server = serve(large_lab.root)
    client, others = server.as_(Role.OPERATOR), server.as_(Role.ADMIN)
    url, rest = server.url + PATH, {"Range": "bytes=1000-"}
    begun = client.get(url).headers["ETag"]
    assert client.get(url, headers=rest).content == whole[1000:]
    large_lab.session(42, name="Evening")
    fresh = others.get(url)
    assert others.get(url, headers=rest).content == fresh.content[1000:]
    answer = client.get(url, headers=rest)
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (206, whole[1000:], begun)
    server.resources.archives.remove(server.resources.archives.get_by_etag("42", begun))
    for part in ("bytes=1000-", "bytes=1000-1999"):
        refused = client.get(url, headers={"Range": part})
        assert (refused.status_code, refused.headers["ETag"]) == (428, fresh.headers["ETag"])
        assert refused.json()["detail"].startswith(
            "The archive of session 42 has changed since you began to download it"
        )
    for part in ("bytes=0-9", "bytes=-9", "nonsense"):
        assert others.get(url, headers={"Range": part}).status_code in (200, 206)
    assert client.head(url, headers=rest).status_code == 200
    assert client.get(f"{url}?only=sensors", headers=rest).status_code == 206
    assert client.get(url, headers=rest | {"If-Match": fresh.headers["ETag"]}).content == fresh.content[1000:]
    assert client.get(url, headers=rest | {"If-Range": begun}).content == fresh.content
    assert client.get(url, headers=rest).content == fresh.content[1000:]


def test_a_choice_of_tables_is_an_archive_of_its_own(serve: Any, usual_lab: Any) -> None:
    """In a plan, a job, a download with its log line, and a resumed one: never bytes of another choice."""
    server = serve(usual_lab.root)
    choice = "with=parquet&without=long-json&without=long-csv"
    plan = server.get(f"/api/sessions/42/plan?{choice}", Role.OPERATOR).json()
    assert plan["options"] == {"with": ["parquet"], "without": ["long-json", "long-csv"]}
    assert (plan["partial"], len(plan["tablesLeftOut"])) == (False, 1)
    job = server.as_(Role.OPERATOR).post(f"{server.url}/api/sessions/42/prepare?{choice}").json()
    assert job["links"]["archive"].endswith(f"archive.zip?{choice}")
    usual, chosen = (server.get(f"{PATH}?{query}", Role.OPERATOR) for query in ("", choice))
    assert usual.headers["ETag"] != chosen.headers["ETag"]
    assert int(chosen.headers["Content-Length"]) == plan["sizeBytes"] == len(chosen.content)
    assert {line.options for line in lines(server)} == {"", choice}
    with zipfile.ZipFile(io.BytesIO(chosen.content)) as archive:
        assert sorted(archive.namelist()) == sorted(one["name"] for one in plan["members"])
    conditions = {"Range": "bytes=100-", "If-Range": chosen.headers["ETag"]}
    client = server.as_(Role.OPERATOR)
    resumed = client.get(f"{server.url}{PATH}?{choice}", headers=conditions)
    assert (resumed.status_code, resumed.content) == (206, chosen.content[100:])
    other = client.get(server.url + PATH, headers=conditions)
    assert (other.status_code, other.content) == (200, usual.content)
    refused = server.get(f"{PATH}?without=zigbee-csv,zigbee-json", Role.OPERATOR)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:labcrate:error:usage")


def test_resuming_one_of_several_archives_is_refused(serve: Any, large_lab: Any) -> None:
    """A client that began two earlier archives gets a part of neither, though one of them is still cached."""
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    for name in ("Evening", "Night"):
        assert client.get(server.url + PATH).status_code == 200
        large_lab.session(42, name=name)
    assert client.get(server.url + PATH, headers={"Range": "bytes=1000-"}).status_code == 428


@pytest.mark.thorough
def test_no_date_is_a_condition_for_an_archive(serve: Any, large_lab: Any, whole: bytes) -> None:
    """A recording that is linked later may be older than all others: only the tag identifies the content.

    So a date in a condition is ignored, and a part with If-Unmodified-Since is refused. The date in the response is
    that of the last change, not that of the newest file.
    """
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    before = client.head(server.url + PATH).headers
    now = before["Date"]
    later = datetime.now(UTC) + timedelta(seconds=1)
    while datetime.now(UTC) < later:  # dates have whole seconds
        pass
    answer = client.get(server.url + PATH, headers={"If-Modified-Since": now})
    assert (answer.status_code, answer.content) == (200, whole)
    refused = client.get(server.url + PATH, headers={"If-Unmodified-Since": now, "Range": "bytes=1000-"})
    assert (refused.status_code, refused.headers["ETag"]) == (412, answer.headers["ETag"])
    named = {"If-Unmodified-Since": now, "If-Match": answer.headers["ETag"], "Range": "bytes=1000-"}
    assert client.get(server.url + PATH, headers=named).content == whole[1000:]
    large_lab.recording("recordings/cam1_session42_old.mp4", datetime(1999, 1, 1, tzinfo=UTC))
    after = client.head(server.url + PATH).headers
    assert after["ETag"] != before["ETag"]
    assert changed(after) > changed(before)


def test_one_connection_many_downloads(serve: Any, large_lab: Any, whole: bytes) -> None:
    """Pipelined requests are answered completely and in order."""
    server = serve(large_lab.root)
    host, _, port = server.url.removeprefix("http://").partition(":")
    one = f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {server.token(Role.OPERATOR)}\r\n"
    spans = [(0, 4_000_000), (5, 5), (3_999_990, 9_000_000), (0, len(whole) - 1)]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("".join(f"{one}Range: bytes={first}-{last}\r\n\r\n" for first, last in spans).encode())
        with connection.makefile("rb") as answers:
            for first, last in spans:
                assert answers.readline() == b"HTTP/1.1 206 Partial Content\r\n"
                while answers.readline() != b"\r\n":
                    pass
                assert answers.read(last + 1 - first) == whole[first : last + 1]


def test_a_selection_is_that_of_the_command_line(serve: Any, large_lab: Any, cli: Any, tmp_path: Any) -> None:
    """The options of the query are those of the command line, byte for byte; a part has PARTIAL in its name."""
    server = serve(large_lab.root)
    answer = server.get(f"{PATH}?only=sensors&pad=30s", Role.OPERATOR)
    words = ("--only", "sensors", "--pad", "30s", "-o", tmp_path / "part.zip")
    assert cli("export", "42", "--lab", large_lab.root, *words).code == 0
    assert answer.content == (tmp_path / "part.zip").read_bytes()
    assert 'filename="Session42_PARTIAL Morning.zip"' in answer.headers["Content-Disposition"]
    assert lines(server)[0].options == "pad=30s&only=sensors"
    assert server.get(f"{PATH}?only=nothing", Role.OPERATOR).status_code == 400
    assert server.get(f"{PATH}?olny=sensors", Role.OPERATOR).status_code == 400
    assert server.get("/api/sessions/99/archive.zip", Role.OPERATOR).status_code == 404


def test_the_options_in_the_log_give_the_same_archive(serve: Any, usual_lab: Any) -> None:
    """The options of a line are a query that gives the same archive, also with two weeks of padding."""
    server = serve(usual_lab.root)
    etag = server.get(f"{PATH}?only=sensors&pad=336h", Role.OPERATOR).headers["ETag"]
    options = lines(server)[0].options
    assert options == "pad=1209600s&only=sensors"
    assert server.get(f"{PATH}?{options}", Role.OPERATOR).headers["ETag"] == etag


def test_a_plus_that_was_not_encoded(serve: Any, usual_lab: Any) -> None:
    """A time zone whose plus arrived as a space is refused with how to write it; written so, it is accepted."""
    server = serve(usual_lab.root)
    refused = server.get(f"{PATH}?from=2025-05-02T10:00:00+02:00", Role.OPERATOR)
    assert refused.status_code == 400
    assert "write %2B instead" in refused.json()["detail"]
    assert server.get(f"{PATH}?from=2025-05-02T10:00:00%2B02:00", Role.OPERATOR).status_code == 200
    assert server.get(f"{PATH}?from=2025-05-02 08:00:00", Role.OPERATOR).status_code == 200


def test_an_incomplete_session(serve: Any, large_lab: Any) -> None:
    """An incomplete session is refused with the list of what is missing, and sent if that is allowed."""
    large_lab.session(42, status="active")
    server = serve(large_lab.root)
    refused = server.get(PATH, Role.OPERATOR)
    assert refused.status_code == 409
    assert "still active" in refused.json()["detail"]
    answer = server.get(f"{PATH}?allow_incomplete=1", Role.OPERATOR)
    assert answer.status_code == 200
    assert server.get(PATH, Role.OPERATOR, headers={"If-Match": answer.headers["ETag"]}).status_code == 409


@pytest.mark.thorough
def test_while_recordings_are_read_for_the_first_time(
    serve: Any, large_lab: Any, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is too early gets a time to retry, and then the archive; nothing is done twice."""
    (large_lab.root / ".labcrate/index.db").unlink()
    hashed: list[str] = []
    real = indexing.fixity_of

    def counting(file: Any, *arguments: Any) -> Any:
        hashed.append(file.name)
        return real(file, *arguments)

    monkeypatch.setattr(indexing, "fixity_of", counting)
    monkeypatch.setattr(routes_archive, "_WAIT_S", 0.0)
    server = serve(large_lab.root)
    client = server.as_(Role.OPERATOR)
    answers = [client.get(server.url + PATH)]
    assert answers[0].status_code == 503
    assert int(answers[0].headers["Retry-After"]) in range(2, 61)
    while answers[-1].status_code == 503:
        answers.append(client.get(server.url + PATH))
    assert answers[-1].content == whole
    own = {path for path in (large_lab.root / "recordings").iterdir() if "session42" in path.name}
    assert len(hashed) == len(own)  # and one in the session's folder; but the largest is hashed while it is searched


HOSTILE = [
    'x"\r\nSet-Cookie: owned=1\r\n\r\n<script>',
    "a\nb",
    "\x00\x7f\x85\u2028",
    "é" * 200,
    "%0d%0aX: y",
    '";x="',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_title_cannot_add_to_the_headers(serve: Any, usual_lab: Any, name: str) -> None:
    """Whatever the title of a session is, the response has its usual headers, each on one line, in ASCII."""
    server = serve(usual_lab.root)
    usual = server.get(PATH, Role.OPERATOR).headers
    usual_lab.session(42, name=name)
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        token = server.token(Role.OPERATOR)
        connection.sendall(
            f"HEAD {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        with connection.makefile("rb") as answer:
            head = answer.read()
    status, *headers = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    assert status == "HTTP/1.1 200 OK"
    assert {line.partition(":")[0] for line in headers} == {*usual, "Connection"}
    assert not set(head.decode()) & {*map(chr, range(10)), "\x0b", "\x0c", *map(chr, range(14, 32)), "\x7f"}


def test_permissions(serve: Any, usual_lab: Any) -> None:
    """Operators and administrators can download; viewers cannot, nor clients without a login; this is not logged."""
    server = serve(usual_lab.root)
    for path in (PATH, "/api/sessions/42/download", "/api/sessions/42/recordings/any.mp4"):
        assert server.get(path, Role.ADMIN).status_code == 200
        assert server.get(path, Role.VIEWER).status_code == 403
        assert server.get(path, None).status_code == 401
    assert {line.who for line in lines(server)} == {"the admin"}


def test_the_log_has_a_line_of_every_download(serve: Any, large_lab: Any, whole: bytes) -> None:
    """User, address, range, bytes sent, and outcome."""
    server = serve(large_lab.root)
    etag = server.get(PATH, Role.OPERATOR).headers["ETag"]
    server.get(PATH, Role.ADMIN, headers={"Range": "bytes=-500"})
    part, full = lines(server)
    assert (full.who, full.address, full.via, full.session, full.options) == (
        "the operator",
        "127.0.0.1",
        "token",
        "42",
        "",
    )
    assert (full.etag, full.start, full.length, full.total) == (etag, 0, len(whole), len(whole))
    assert (full.bytes_sent, full.outcome, full.reason) == (len(whole), "finished", None)
    assert (part.who, part.start, part.length, part.bytes_sent) == ("the admin", len(whole) - 500, 500, 500)


def test_what_cannot_be_logged_is_not_sent(serve: Any, usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a line in the export log nothing is sent."""
    from labcrate.errors import PeopleError  # noqa: PLC0415

    server = serve(usual_lab.root)
    assert server.get(PATH, Role.OPERATOR).status_code == 200
    monkeypatch.setattr(
        server.resources.export_log, "begin", _failing(PeopleError(message("The disk has no room for people.db.")))
    )
    refused = server.get(PATH, Role.OPERATOR)
    assert refused.status_code == 503
    assert b"PK\x03\x04" not in refused.content
    assert server.as_(Role.OPERATOR).head(server.url + PATH).status_code == 200


def _failing(error: Exception) -> Callable[..., Any]:
    def fail(**_: Any) -> Any:
        raise error

    return fail
