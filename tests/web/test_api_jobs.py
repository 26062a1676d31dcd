"""Jobs that prepare archives: exact progress, shared by all requests, and cancelled in the middle of their work."""

import asyncio
import errno
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from tests.support.waiting import wait_for_next_tick

from labcrate.export.prepare import compute_fixity, prepare_from_index, unindexed_files
from labcrate.index import indexing
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Progress
from labcrate.people.roles import Role
from labcrate.plan.options import Options
from labcrate.web.archives import archive_cache, prepare_jobs, turns
from labcrate.web.archives.job_progress import JobProgress, ProgressMeter, WorkCancelled
from labcrate.web.executor import THREADS_PER_KIND, WorkKind
from labcrate.web.routes.api import jobs as routes_jobs

MIB = 1 << 20


class Gate:
    """A gate that stops every job at its first read until it is opened; ``held`` is set when a job has arrived."""

    def __init__(self) -> None:
        self.held, self.opened = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        """Wait until the gate is open."""
        self.held.set()
        assert self.opened.wait(60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Stop real hashing after its first chunk."""
    gate, advance = Gate(), ProgressMeter.advance

    def advancing(meter: ProgressMeter, size_bytes: int) -> None:
        advance(meter, size_bytes)
        gate.pass_through()
        meter.raise_if_cancelled()

    monkeypatch.setattr(ProgressMeter, "advance", advancing)
    monkeypatch.setattr(routes_jobs, "_POLL_S", 0.02)
    yield gate
    gate.opened.set()


@pytest.fixture
def big_lab(usual_lab: Any) -> Any:
    """Return the usual lab with a recording of three chunks."""
    usual_lab.recording("recordings/cam2_session42_big.mp4", content=usual_lab.clip + bytes(3 * MIB))
    return usual_lab


def _events(text: str) -> list[tuple[str, str, Any]]:
    """Return the events of a stream: id, name, data."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith((":", "retry")))
        if "data" in fields:
            found.append((fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])))
    return found


def test_a_job_reads_every_file_once(big_lab: Any, serve: Any) -> None:
    """A session that is not indexed gets a job with exact byte counts; afterwards the archive is ready at once."""
    server = serve(big_lab.root)
    client = server.as_(Role.OPERATOR)
    total = sum(path.stat().st_size for path in big_lab.root.rglob("*42*.mp4")) + len(big_lab.clip)
    assert server.get("/api/sessions/42/plan").json()["ready"] is False
    answer = client.post(f"{server.url}/api/sessions/42/prepare")
    assert answer.status_code == 202
    events = _events(client.get(server.url + answer.headers["Location"] + "/events").text)
    number, name, body = events[-1]
    assert (number, name, body["state"], body["error"]) == ("end", "done", "done", None)
    assert (body["bytesDone"], body["bytesTotal"], body["filesDone"], body["filesTotal"]) == (total, total, 3, 3)
    assert server.get("/api/sessions/42/plan").json()["ready"] is True
    answer = client.post(f"{server.url}/api/sessions/42/prepare")
    assert (answer.status_code, answer.json()["state"], answer.json()["bytesTotal"]) == (200, "done", 0)


def test_a_running_job_reports_progress_and_equal_jobs_are_one(big_lab: Any, serve: Any, gate: Gate) -> None:
    """All requests for the same archive get the same running job, which reports what was read so far."""
    server = serve(big_lab.root, workers=1)
    first, second = server.as_(Role.OPERATOR), server.as_(Role.ADMIN)
    job = first.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    first.close()  # the client that started it has disconnected
    assert second.post(f"{server.url}/api/sessions/42/prepare").json()["id"] == job["id"]
    other = second.post(f"{server.url}/api/sessions/42/prepare?pad=5s").json()
    assert other["id"] != job["id"]
    body = second.get(server.url + job["links"]["self"]).json()
    assert (body["state"], body["bytesDone"], body["filesDone"], body["filesTotal"]) == ("running", MIB, 0, 3)
    assert body["currentFile"] == "recordings/cam2_session42_big.mp4"
    assert body["startedBy"] == "the operator"
    with second.get(server.url + job["links"]["events"], stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert [next(lines) for _ in range(4)] == ["retry: 3000", "", "id: 1", "event: progress"]
        gate.opened.set()
        assert "event: done" in list(lines)


def test_many_downloads_cause_one_reading(big_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight clients that request an archive that is not hashed get the same bytes, and each file is read once."""
    read: list[int] = []

    def counting(inventory: Any, plan: Any, *more: Any) -> Any:
        read.append(len(unindexed_files(plan)))
        return compute_fixity(inventory, plan, *more)

    monkeypatch.setattr(prepare_jobs, "compute_fixity", counting)
    server = serve(big_lab.root)
    server.token(Role.ADMIN)
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(server.get("/api/sessions/42/archive.zip").content))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(set(got)), read) == (8, 1, [3])


def test_a_running_job_is_cancelled(big_lab: Any, serve: Any, gate: Gate) -> None:
    """A cancelled job ends before the file is read completely, reports this on its stream, and can be started again."""
    server = serve(big_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    listening = client.get(server.url + job["links"]["events"], stream=True)
    cancellation = client.delete(server.url + job["links"]["self"])
    assert (cancellation.status_code, cancellation.json()["state"]) == (202, "running")
    again = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert again["id"] != job["id"]  # a job that is about to end is not joined
    gate.opened.set()
    number, name, body = _events(listening.text)[-1]
    assert (number, name, body["state"], body["bytesDone"]) == ("end", "cancelled", "cancelled", MIB)
    cancellation = client.delete(server.url + job["links"]["self"])
    assert (cancellation.status_code, cancellation.json()["state"]) == (200, "cancelled")
    assert _events(client.get(server.url + again["links"]["events"]).text)[-1][1] == "done"


def test_the_server_stops_while_a_job_runs(big_lab: Any, serve: Any, gate: Gate) -> None:
    """Stopping the server ends its jobs, but streams do not say "cancelled": a page requests it again."""
    server = serve(big_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    body: list[str] = []
    listening = client.get(server.url + job["links"]["events"], stream=True)
    reader = threading.Thread(target=lambda: body.append(listening.text))
    reader.start()
    running = server.resources.jobs.get(job["id"])
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert running.meter._stopped.wait(60)
    gate.opened.set()
    stopping.join()
    reader.join()
    server.stop = lambda: None
    assert running.state == "cancelled"
    assert {name for _, name, _ in _events(body[0])} == {"progress"}


def test_a_stream_ends_when_its_user_loses_permission(
    big_lab: Any, serve: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who is disabled, or becomes a viewer, receives no more of a job, which continues for the others."""
    monkeypatch.setattr(routes_jobs, "_POLLS_PER_PERMISSION_CHECK", 1)
    server = serve(big_lab.root, workers=1)
    job = server.as_(Role.OPERATOR).post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    for path in (job["links"]["events"], "/api/sessions/42/export-progress"):
        server.resources.users.set_role("the operator", Role.OPERATOR)
        events = {"Accept": "text/event-stream"}
        with server.as_(Role.OPERATOR).get(server.url + path, headers=events, stream=True, timeout=60) as stream:
            server.resources.users.set_role("the operator", Role.VIEWER)
            assert "done" not in stream.text
            assert "completed" not in stream.text
    gate.opened.set()
    assert _events(server.get(job["links"]["events"]).text)[-1][1] == "done"


def test_a_ready_archive_does_not_wait_for_jobs(big_lab: Any, serve: Any, gate: Gate) -> None:
    """While recordings are read in all threads for jobs, a ready archive is reported as ready at once."""
    server = serve(big_lab.root, workers=1)
    archives, inventories = server.resources.archives, server.resources.inventories
    compute_fixity(inventories.read_with_messages()[0], archives.plan("7", Options()).plan, Progress(), None)
    client = server.as_(Role.OPERATOR)
    for seconds in range(THREADS_PER_KIND[WorkKind.JOBS]):
        assert client.post(f"{server.url}/api/sessions/42/prepare?pad={seconds}s").status_code == 202
    assert gate.held.wait(60)
    answer = client.post(f"{server.url}/api/sessions/7/prepare")
    assert (answer.status_code, answer.json()["state"], answer.json()["bytesTotal"]) == (200, "done", 0)
    body = _events(client.get(server.url + answer.json()["links"]["events"]).text)
    assert [name for _, name, _ in body] == ["done"]
    server.resources.jobs.stop()


def test_a_download_that_waits_for_a_cancelled_job_fails(big_lab: Any, serve: Any, gate: Gate) -> None:
    """A client that waits for an archive whose job is cancelled gets this as the reason, and can request it again."""
    server = serve(big_lab.root, workers=1)
    body: list[Any] = []
    waiting = threading.Thread(target=lambda: body.append(server.get("/api/sessions/42/archive.zip")))
    waiting.start()
    assert gate.held.wait(60)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert client.delete(server.url + job["links"]["self"]).status_code == 202
    gate.opened.set()
    waiting.join()
    assert body[0].status_code == 503
    assert body[0].headers["Retry-After"] == "2"
    sentence = f"Preparing the archive of session 42 was cancelled (job {job['id']}). Request it again."
    assert body[0].json()["detail"] == sentence


def test_a_finished_stream_does_not_restart(usual_lab: Any, serve: Any) -> None:
    """A browser that reconnects after the end is stopped by 204; any other Last-Event-ID has no effect."""
    server = serve(usual_lab.root)
    client = server.as_(Role.OPERATOR)
    address = server.url + client.post(f"{server.url}/api/sessions/42/prepare").json()["links"]["events"]
    heard = _events(client.get(address).text)
    assert client.get(address, headers={"Last-Event-ID": heard[-1][0]}).status_code == 204
    for given in ("1", "nonsense", "-1", "9" * 4000):
        answer = client.get(address, headers={"Last-Event-ID": given})
        assert (answer.status_code, _events(answer.text)[-1][1]) == (200, "done"), answer.text
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_stream_without_changes_sends_comments(
    big_lab: Any, serve: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing changes for long, comments prevent proxies from closing the connection; they are no events."""
    monkeypatch.setattr(routes_jobs, "_POLLS_PER_KEEP_ALIVE", 2)
    monkeypatch.setattr(ProgressMeter, "begin", lambda *_: gate.pass_through())  # before any progress
    server = serve(big_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    with client.get(server.url + job["links"]["events"], stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        heard: list[str] = []
        while heard[-2:] != [": still here", ""]:
            heard.append(next(lines))
        gate.opened.set()
        heard += lines
    assert [line for line in heard if line.startswith("event")][-1] == "event: done"


def test_an_incomplete_session_is_refused_before_anything_is_read(usual_lab: Any, serve: Any) -> None:
    """An active session is refused at once with the remedy; allow_incomplete=1 prepares the rest."""
    usual_lab.session(42, status="active")
    server = serve(usual_lab.root)
    client = server.as_(Role.OPERATOR)
    answer = client.post(f"{server.url}/api/sessions/42/prepare")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:labcrate:error:incomplete")
    assert answer.json()["detail"].endswith(
        "Session 42 is still active. Correct this, or request the other files with allow_incomplete=1."
    )
    remedy = "Stop it in the lab first."
    assert answer.json()["missing"] == [{"what": "Session 42", "why": "is still active", "remedy": remedy}]
    answer = client.post(f"{server.url}/api/sessions/42/prepare?allow_incomplete=1")
    assert (answer.status_code, answer.json()["allowIncomplete"]) == (202, True)


def test_a_failed_job_has_the_reason(big_lab: Any, serve: Any, gate: Gate) -> None:
    """A recording that changes while it is read makes the job fail, with the same problem details as every response."""
    server = serve(big_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    with (big_lab.root / "recordings/cam2_session42_big.mp4").open("ab") as file:
        file.write(b"more")
    gate.opened.set()
    body = _events(client.get(server.url + job["links"]["events"]).text)[-1]
    assert body[:2] == ("end", "failed")
    assert body[2]["error"]["type"] == "urn:labcrate:error:incomplete"
    assert "recordings/cam2_session42_big.mp4 changed while it was read" in body[2]["error"]["detail"]
    assert str(big_lab.root) not in json.dumps(body)
    assert (body[2]["filesDone"], body[2]["filesTotal"], body[2]["currentFile"]) == (3, 3, None)
    assert (body[2]["bytesPerSecond"], body[2]["secondsLeft"]) == (None, None)


def test_an_unexpected_error_ends_the_job_and_is_logged(
    usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect makes the job fail without details; the log has the traceback without the lab's path."""

    def broken(*_: object) -> None:
        raise RuntimeError(f"cannot think about {usual_lab.root}")

    monkeypatch.setattr(ProgressMeter, "begin", broken)
    server = serve(usual_lab.root)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    body = _events(client.get(server.url + job["links"]["events"]).text)[-1]
    assert (body[1], body[2]["error"]["status"]) == ("failed", 500)
    assert "think" not in json.dumps(body)
    assert "RuntimeError: cannot think about LAB" in caplog.text
    assert str(usual_lab.root) not in caplog.text


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
@pytest.mark.parametrize("number", ["1", "999999999999999999"])
def test_an_unknown_job_is_a_404(usual_lab: Any, serve: Any, method: str, path: str, number: str) -> None:
    """The number of no job, or of one before a restart, gets the same response."""
    server = serve(usual_lab.root)
    answer = server.as_(Role.OPERATOR).request(method, f"{server.url}/api/jobs/{number}{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:labcrate:error:no-such-thing")


@pytest.mark.thorough
def test_the_number_of_unfinished_jobs_is_limited(
    usual_lab: Any, serve: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit, requests for other archives get 429 with a time to retry; running jobs can still be joined."""
    server = serve(usual_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    monkeypatch.setattr(prepare_jobs, "_MAX_UNFINISHED", 6)
    first = client.post(f"{server.url}/api/sessions/42/prepare?only=all").json()
    for seconds in range(1, 6):
        assert client.post(f"{server.url}/api/sessions/42/prepare?pad={seconds}s").status_code == 202
    answer = client.post(f"{server.url}/api/sessions/42/prepare?pad=64s")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert answer.json()["retryAfterSeconds"] == 30
    assert client.post(f"{server.url}/api/sessions/42/prepare").json()["id"] == first["id"]
    server.resources.jobs.stop()


def test_scripts_of_the_reference_platform_get_progress(big_lab: Any, serve: Any, gate: Gate) -> None:
    """The old address returns one object with the old words: pending, processing, completed, error."""
    server = serve(big_lab.root, workers=1)
    client = server.as_(Role.OPERATOR)
    address = f"{server.url}/api/sessions/42/export-progress"
    assert client.get(address).json()["status"] == "pending"
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert gate.held.wait(60)
    body = client.get(address).json()
    assert (body["status"], body["total"], body["processed"]) == ("processing", 3, 0)
    assert 0 < body["progress"] < 100
    client.delete(server.url + job["links"]["self"])
    gate.opened.set()
    client.get(server.url + job["links"]["events"])
    body = client.get(address).json()
    assert (body["status"], body["error"]) == ("error", "The export was cancelled.")
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    heard = _events(client.get(address, headers={"Accept": "text/event-stream"}).text)
    assert (heard[-1][2]["status"], heard[-1][2]["progress"]) == ("completed", 100)
    assert client.get(address).json()["status"] == "completed"


def test_the_meter_computes_rate_and_time_left_of_the_last_seconds() -> None:
    """The rate is that of the last ten seconds, and the remaining time follows from it."""
    now = 0.0
    meter = ProgressMeter(clock=lambda: now)
    assert meter.progress() == JobProgress()
    meter.begin(2, 4000)
    meter.start("recordings/a\x1b.mp4")
    assert meter.progress() == JobProgress(0, 4000, 0, 2, None, None, "recordings/a\\x1b.mp4")
    for now in range(1, 21):
        meter.advance(100 if now <= 10 else 200)
    body = meter.progress()
    assert (body.bytes_done, body.bytes_per_s, body.seconds_left) == (3000, 200.0, 5.0)
    meter.finish("recordings/a\x1b.mp4")
    assert (meter.progress().files_done, meter.progress().current_file) == (1, None)
    meter.advance(2000)  # a file that has grown
    assert (meter.progress().bytes_done, meter.progress().bytes_total) == (5000, 5000)


def test_a_stopped_meter_ends_the_work_at_its_next_call() -> None:
    """After ``stop``, every call of the indexing raises WorkCancelled."""
    meter = ProgressMeter()
    meter.stop()
    words: list[Callable[[], None]] = [
        partial(meter.begin, 1, 1),
        partial(meter.advance, 1),
        partial(meter.finish, "x"),
        meter.raise_if_cancelled,
    ]
    for said in words:
        with pytest.raises(WorkCancelled):
            said()
    assert meter.progress() == JobProgress()


def test_ended_jobs_are_kept_for_a_while(usual_lab: Any, serve: Any) -> None:
    """Two hundred finished jobs are kept; older ones are removed."""
    server = serve(usual_lab.root)
    jobs = server.resources.jobs
    client = server.as_(Role.OPERATOR)
    numbers = [client.post(f"{server.url}/api/sessions/42/prepare").json()["id"]]
    client.get(f"{server.url}/api/jobs/{numbers[0]}/events")
    for _ in range(200):
        numbers.append(asyncio.run_coroutine_threadsafe(_prepared(jobs), server.loop).result())
    assert client.get(f"{server.url}/api/jobs/{numbers[0]}").status_code == 404
    assert client.get(f"{server.url}/api/jobs/{numbers[1]}").json()["state"] == "done"


async def _prepared(jobs: Any) -> int:
    job = jobs.start("42", Options(), allow_incomplete=False, user="x")
    assert await jobs.wait(job, 60)
    number: int = job.id
    return number


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the disk fail in the middle of every file of a megabyte or more; return the count of failures."""
    failed: list[int] = []
    original = indexing.fixity_of

    def failing(file: Any, *more: Any) -> Any:
        if os.fstat(file.fileno()).st_size > MIB:
            failed.append(1)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(file, *more)

    monkeypatch.setattr(indexing, "fixity_of", failing)
    return failed


def test_a_file_that_the_disk_cannot_read_is_tried_again(big_lab: Any, serve: Any, unreadable: list[int]) -> None:
    """A recording that cannot be read makes the job fail, which names it; each new job and download tries again."""
    server = serve(big_lab.root)
    client = server.as_(Role.OPERATOR)
    for count in (1, 2):
        job = client.post(f"{server.url}/api/sessions/42/prepare").json()
        body = _events(client.get(server.url + job["links"]["events"]).text)[-1][2]
        assert (body["state"], body["error"]["type"]) == ("failed", "urn:labcrate:error:incomplete")
        assert [one["what"] for one in body["error"]["missing"]] == ["recordings/cam2_session42_big.mp4"]
        assert len(unreadable) == count
    assert server.get("/api/sessions/42/archive.zip", Role.OPERATOR).status_code == 409
    assert len(unreadable) == 3


def test_an_archive_without_an_unreadable_recording(big_lab: Any, serve: Any, unreadable: list[int]) -> None:
    """If that is allowed, the archive is made without the recording, and says so; the recording is not read again."""
    server = serve(big_lab.root)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare?allow_incomplete=1").json()
    body = _events(client.get(server.url + job["links"]["events"]).text)[-1][2]
    assert (body["state"], body["error"]) == ("done", None)
    got = server.get("/api/sessions/42/archive.zip?allow_incomplete=1", Role.OPERATOR)
    assert got.status_code == 200
    with zipfile.ZipFile(io.BytesIO(got.content)) as held:
        assert "recordings/cam2_session42_big.mp4" not in held.namelist()
        assert "recordings/cam2_session42_big.mp4" in held.read("README.txt").decode()
    assert server.get("/api/sessions/42/archive.zip", Role.OPERATOR).status_code == 409
    assert len(unreadable) == 1


def test_an_index_that_stores_nothing_ends_the_job(big_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the results cannot be stored, the job fails with this reason, and does not read forever."""
    monkeypatch.setattr(Catalog, "store", lambda *_: None)
    server = serve(big_lab.root)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    body = _events(client.get(server.url + job["links"]["events"]).text)[-1][2]
    assert (body["state"], body["error"]["type"]) == ("failed", "urn:labcrate:error:catalog")
    assert (body["filesDone"], body["filesTotal"]) == (3, 3)


def test_a_job_is_cancelled_while_it_waits_for_its_plan(
    big_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all files are read and the plan is made again, cancelling ends the job and the plan at once."""
    begun, again, ended = [], threading.Event(), threading.Event()

    def lay_out_slowly(*arguments: Any, **more: Any) -> Any:
        begun.append(1)
        if len(begun) == 1:
            return prepare_from_index(*arguments, **more)
        again.set()
        try:
            while not ended.wait(0.01):
                more["progress"].raise_if_cancelled()
            raise AssertionError("the plan was not given up")
        finally:
            ended.set()

    monkeypatch.setattr(archive_cache, "prepare_from_index", lay_out_slowly)
    wait_for_next_tick()
    server = serve(big_lab.root)
    client = server.as_(Role.OPERATOR)
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    assert again.wait(60)
    monkeypatch.setattr(turns, "ABANDON_AFTER_S", 0.0)
    answer = client.delete(server.url + job["links"]["self"])
    assert (answer.status_code, answer.json()["state"], answer.json()["error"]) == (200, "cancelled", None)
    assert ended.wait(60)
