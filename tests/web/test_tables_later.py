"""Tables of very many readings are written for a download, not for a plan: by a job, or by the download itself."""

import io
import os
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.waiting import wait_for_ended

from labcrate.errors import TargetError
from labcrate.export import table_files
from labcrate.messages.message import Message
from labcrate.people.roles import Role
from labcrate.readings.write import table_writers
from labcrate.web.routes.api import archive as routes_archive

PATH = "/api/sessions/42/archive.zip"


@pytest.fixture
def many_lab(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the usual lab with an index of 600 readings that count as very many, in tables of 1 MB and more."""
    monkeypatch.setattr("labcrate.plan.sensors._LARGE_BYTES", 0)
    monkeypatch.setattr("labcrate.export.assemble.MANY_READINGS", 1)
    note = {"note": "x" * 3000}
    times = [f"2025-05-02T08:01:{s:02}.{part}00Z" for s in range(60) for part in range(10)]
    usual_lab.zigbee_json([(time.replace("Z", "0Z")[:23] + "Z", "zigbee2mqtt/hall", note) for time in times])
    return usual_lab


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of the thread whenever tables are written."""
    threads: list[str] = []
    write = table_writers.write_text

    def write_and_record(*arguments: Any) -> None:
        threads.append(threading.current_thread().name)
        write(*arguments)

    monkeypatch.setattr(table_files, "write_text", write_and_record)
    return threads


@pytest.fixture
def whole(many_lab: Any, cli: Any, tmp_path: Any) -> bytes:
    """Return the archive of session 42 as the command line makes it, without leaving anything in the lab."""
    assert cli("export", "42", "--lab", many_lab.root, "-o", tmp_path / "out.zip").code == 0
    for file in (many_lab.root / ".labcrate/readings").glob("table-*"):
        file.unlink()
    return bytes((tmp_path / "out.zip").read_bytes())


def prepare(server: Any) -> Any:
    """Prepare the archive of session 42, and return the job after it has ended."""
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    client.get(server.url + job["links"]["events"])
    return client.get(server.url + job["links"]["self"]).json()


def test_a_prepared_archive_has_the_planned_size(many_lab: Any, serve: Any, whole: bytes, writes: list[str]) -> None:
    """The size is known before the tables are; the job counts their bytes; then the download has exactly that size."""
    server = serve(many_lab.root)
    plan = server.get("/api/sessions/42/plan").json()
    assert (plan["sizeBytes"], plan["ready"], writes) == (len(whole), False, [])
    job = prepare(server)
    assert (job["state"], job["error"], job["bytesDone"]) == ("done", None, job["bytesTotal"])
    assert job["bytesTotal"] > 4_000_000
    assert server.get("/api/sessions/42/plan").json()["ready"] is True
    assert server.get(PATH, Role.OPERATOR).content == whole
    assert len(writes) == 1


def test_a_restarted_server_is_ready_and_resumes(many_lab: Any, serve: Any, whole: bytes, writes: list[str]) -> None:
    """After a restart the ETag is known at once; a resumed download gets its bytes, and tables are written then."""
    first = serve(many_lab.root)
    prepare(first)
    tag = first.as_(Role.OPERATOR).head(first.url + PATH).headers["ETag"]
    second = serve(many_lab.root)
    assert second.get("/api/sessions/42/plan").json()["ready"] is True
    client = second.as_(Role.OPERATOR)
    assert client.head(second.url + PATH).headers["ETag"] == tag
    end = client.get(second.url + PATH, headers={"Range": "bytes=-1000", "If-Range": tag})
    assert (end.status_code, end.content, len(writes)) == (206, whole[-1000:], 1)
    rest = client.get(second.url + PATH, headers={"Range": "bytes=200000-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, whole[200000:])
    assert len(writes) == 2
    assert not writes[1].startswith("send")  # a thread that sends is not occupied
    with zipfile.ZipFile(io.BytesIO(whole[:200000] + rest.content)) as archive:
        assert archive.testzip() is None


def test_downloads_at_once_share_the_tables(many_lab: Any, serve: Any, whole: bytes, writes: list[str]) -> None:
    """Two users who download at the same time after a restart get the same bytes, and the tables are written once."""
    prepare(serve(many_lab.root))
    writes.clear()
    server = serve(many_lab.root)
    found: list[bytes] = []
    clients = [server.as_(role) for role in (Role.OPERATOR, Role.ADMIN)]
    threads = [threading.Thread(target=lambda c=c: found.append(c.get(server.url + PATH).content)) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [whole, whole]
    assert len(writes) == 1


def test_a_download_without_preparation_prepares(many_lab: Any, serve: Any, whole: bytes) -> None:
    """A direct request waits for the job that writes the tables, and gets the archive."""
    assert serve(many_lab.root).get(PATH, Role.OPERATOR).content == whole


def test_a_download_that_would_wait_long_is_told_to_retry(
    many_lab: Any, serve: Any, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If writing takes longer than a request waits, the answer is 503 with a time; a later request gets the archive."""
    monkeypatch.setattr(routes_archive, "_WAIT_S", 0.0)
    opened, write = threading.Event(), table_writers.write_text

    def write_later(*arguments: Any) -> None:
        assert opened.wait(60)
        write(*arguments)

    monkeypatch.setattr(table_files, "write_text", write_later)
    server = serve(many_lab.root)
    answer = server.get(PATH, Role.OPERATOR)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    opened.set()
    assert prepare(server)["state"] == "done"
    assert server.get(PATH, Role.OPERATOR).content == whole


def test_cancelling_ends_the_writing(many_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is cancelled while it writes tables ends as cancelled; the next job writes them."""
    held, opened, write = threading.Event(), threading.Event(), table_writers.write_text

    def write_later(*arguments: Any) -> None:
        held.set()
        assert opened.wait(60)
        write(*arguments)

    monkeypatch.setattr(table_files, "write_text", write_later)
    server = serve(many_lab.root)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert held.wait(60)
    monkeypatch.setattr("labcrate.web.routes.api.jobs._POLL_S", 0.0)
    assert client.delete(server.url + job["links"]["self"]).status_code in (200, 202)
    opened.set()
    client.get(server.url + job["links"]["events"])
    assert client.get(server.url + job["links"]["self"]).json()["state"] == "cancelled"
    assert prepare(server)["state"] == "done"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call no table can be written."""

    def fill() -> None:
        def refuse(*_: object) -> None:
            raise TargetError(Message("spool.cannot_write", reason=os.strerror(28)))

        monkeypatch.setattr(table_files, "write_text", refuse)

    return fill


def test_a_full_disk_fails_the_job(many_lab: Any, serve: Any, full_disk: Callable[[], None]) -> None:
    """The job says why it failed; the server goes on."""
    full_disk()
    server = serve(many_lab.root)
    job = prepare(server)
    assert job["state"] == "failed"
    assert "No space left on device" in job["error"]["detail"]


def test_a_full_disk_breaks_a_download_and_is_logged(
    many_lab: Any, serve: Any, full_disk: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A download whose tables cannot be written is broken off, and its line in the export log says why."""
    prepare(serve(many_lab.root))
    full_disk()
    server = serve(many_lab.root)
    with pytest.raises(OSError, match=r"(?i)connection|incomplete"):
        server.get(PATH, Role.OPERATOR)
    assert "No space left on device" in str(wait_for_ended(server)[0].reason)
    assert "No space left on device" in caplog.text
