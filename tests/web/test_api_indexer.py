"""The background indexer reads finished files once, and gives priority to everything else."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.bit_rot import flip_byte, read_index_record, set_confirmation_age
from tests.support.messages import message

from labcrate.errors import CatalogError
from labcrate.index.catalog import Catalog
from labcrate.index.state_folder import state_folder
from labcrate.plan.inventory import read_inventory
from labcrate.video import probe
from labcrate.web.archives import background_check, indexer
from labcrate.web.archives.indexer import Indexer

RECORDINGS = {
    "recordings/cam1_session42_a.mp4",
    "recordings/cam1_session7_a.mp4",
    "sessions/Session42/recordings/any.mp4",
}


class Rig:
    """An indexer of a lab, with clocks that the test sets."""

    def __init__(self, lab: Any) -> None:
        self.root: Path = lab.root
        self.lab = lab.open()
        self.now, self.wall = 100.0, max(f.stat().st_mtime for f in lab.root.rglob("*.*")) + 1e6
        self.waiting: list[bool] = []
        self.indexer = Indexer(
            self.lab,
            lambda: read_inventory(self.lab),
            lambda: bool(self.waiting) and self.waiting.pop(),
            clock=lambda: self.now,
            wall_clock=lambda: self.wall,
        )

    def look(self, after: float = 10.0) -> int:
        """Advance the clocks, and run one step of the indexer."""
        self.now += after
        self.wall += after
        return self.indexer.step()

    @property
    def known(self) -> set[str]:
        """Return the complete records of the index."""
        with Catalog.open(state_folder(self.root)) as catalog:
            return {path for path, indexed in catalog.all().items() if indexed.fixity}


@pytest.fixture
def rig(usual_lab: Any) -> Rig:
    """Return an indexer of the usual lab."""
    return Rig(usual_lab)


def test_a_file_unchanged_for_ten_seconds_is_read_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first scan only records states; the second reads every recording; the third has nothing to read."""
    assert rig.look() == 0
    assert rig.look(9.9) == 0
    assert rig.known == set()
    assert rig.look(0.1) == 3
    assert rig.known == RECORDINGS

    def never(*_: object) -> None:
        raise AssertionError("the index was opened for nothing")

    monkeypatch.setattr(Catalog, "open", never)
    assert [rig.look() for _ in range(5)] == [0] * 5
    assert rig.indexer.state == "idle"


def test_an_export_of_an_indexed_session_reads_nothing(rig: Rig, usual_lab: Any, serve: Any) -> None:
    """The index has all that an archive needs, also of sensor files: the session is ready at once."""
    usual_lab.write("sessions/Session42/sensor_data/own.csv", "a,b\n1,2\n")
    rig.look()
    assert rig.look() == 4
    assert serve(usual_lab.root).get("/api/sessions/42/plan").json()["ready"] is True


def test_a_file_that_is_being_written_is_not_read(rig: Rig, usual_lab: Any) -> None:
    """A recording that grows at every scan is not read; once it stops growing, it is."""
    path = usual_lab.root / "recordings/cam1_session42_a.mp4"
    rig.look()
    for _ in range(3):
        with path.open("ab") as file:
            file.write(b"more")
        rig.look()
    assert rig.known == RECORDINGS - {"recordings/cam1_session42_a.mp4"}
    os.utime(path, ns=(0, int((rig.wall + 15) * 1e9)))  # looks the same for long, but was written a moment ago
    rig.look()
    assert rig.look(10.0) == 0
    assert rig.look(6.0) == 1
    assert rig.known == RECORDINGS


def test_a_recording_with_a_time_in_the_future_is_read(rig: Rig, usual_lab: Any) -> None:
    """The recordings of a camera with a wrong clock are indexed too."""
    os.utime(usual_lab.root / "recordings/cam1_session42_a.mp4", ns=(0, int((rig.wall + 1e7) * 1e9)))
    rig.look()
    assert rig.look() == 3


def test_changed_files_are_read_again_and_deleted_ones_removed(rig: Rig, usual_lab: Any) -> None:
    """The index follows the lab: a replaced recording is read again, the record of a deleted one is removed."""
    rig.look()
    rig.look()
    usual_lab.recording("recordings/cam1_session42_a.mp4", content=usual_lab.clip + b"x")
    (usual_lab.root / "recordings/cam1_session7_a.mp4").unlink()
    assert rig.look() == 0
    assert rig.known == RECORDINGS - {"recordings/cam1_session7_a.mp4"}
    assert rig.look() == 1
    with Catalog.open(state_folder(usual_lab.root)) as catalog:
        indexed = catalog.all()["recordings/cam1_session42_a.mp4"]
    assert indexed.identity.size_bytes == len(usual_lab.clip) + 1


def test_records_are_kept_if_the_disk_is_not_mounted(rig: Rig, usual_lab: Any) -> None:
    """If no recording exists any more, the index keeps its records."""
    rig.look()
    rig.look()
    for folder in ("recordings", "sessions"):
        (usual_lab.root / folder).rename(usual_lab.root.parent / folder)
        (usual_lab.root / folder).mkdir()
    rig.look()
    rig.look()
    assert rig.known == RECORDINGS


def test_a_file_that_cannot_be_read_is_tried_again_later_and_later(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed file is retried after one minute, then two, then four, up to an hour; the others are read meanwhile."""
    path, real, tries = "recordings/cam1_session42_a.mp4", rig.lab.open, []

    def failing(opened_path: str) -> int:
        if opened_path == path:
            tries.append(rig.now)
            raise OSError(5, "Input/output error")
        opened: int = real(opened_path)
        return opened

    monkeypatch.setattr(rig.lab, "open", failing)
    rig.look()
    assert rig.look() == 2
    assert rig.indexer.as_object()["failed"] == [{"file": path, "why": "cannot be read: Input/output error"}]
    for wait in (60, 120, 240, 480, 960, 1920, 3600, 3600, 3600):
        before = len(tries)
        rig.look(wait - 0.1)
        assert len(tries) == before
        rig.look(0.1)
        assert len(tries) == before + 1
    monkeypatch.undo()
    assert rig.look(3600.0) == 1
    assert rig.indexer.as_object()["failed"] == []


def test_jobs_have_priority(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a job runs, the indexer waits in the middle of a file and its state says so; then it continues."""
    seen: list[str] = []
    monkeypatch.setattr(rig.indexer._stop, "wait", lambda _: seen.append(rig.indexer.state))
    rig.look()
    rig.waiting = [True] * 4
    assert rig.look() == 3
    assert seen == ["waiting"] * 4
    assert rig.known == RECORDINGS


def test_it_stops_in_the_middle_of_a_file(usual_lab: Any) -> None:
    """After ``stop`` it ends at the next chunk, and keeps what it had read completely."""
    usual_lab.recording("recordings/cam1_session42_big.mp4", content=usual_lab.clip + bytes(8 << 20))
    rig = Rig(usual_lab)
    rig.look()
    chunks: list[int] = []
    real = Indexer.advance

    def advance(size_bytes: int) -> None:
        chunks.append(size_bytes)
        if len(chunks) == 3:
            rig.indexer.stop()
        real(rig.indexer, size_bytes)

    rig.indexer.advance = advance  # type: ignore[method-assign]
    assert rig.look() == 0
    assert sum(chunks) < 4 << 20
    assert rig.known == set()
    assert rig.indexer.state == "idle"


def test_a_problem_is_logged_once_and_survived(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An index or a lab that cannot be used is logged once; when it works again, indexing continues."""

    def locked(*_: object) -> None:
        raise CatalogError(message("The index is locked."))

    rig.look()
    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "open", locked)
        assert [rig.look() for _ in range(4)] == [0] * 4
        assert rig.indexer.state == "troubled"
    assert [record.getMessage() for record in caplog.records] == [
        "Recordings cannot be indexed in the background: The index is locked."
    ]
    assert rig.look() == 3
    assert rig.indexer.state == "idle"
    (rig.root / "labcrate.toml").write_text("[")
    assert rig.look() == 0
    assert rig.indexer.as_object()["problem"].startswith("labcrate.toml")


def test_an_unreadable_list_of_sessions_is_no_obstacle(rig: Rig, usual_lab: Any) -> None:
    """Recordings of sessions that other files describe are still read in the background."""
    usual_lab.write("data/sessions.json", "{")
    rig.look()
    assert rig.look() == 3
    assert rig.indexer.as_object()["problem"] is None


def test_a_recording_that_cannot_be_probed_cannot_be_read(
    rig: Rig, usual_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever error FFmpeg raises for one file, the others are read, and this one is retried later."""
    usual_lab.recording("recordings/cam1_session42_a.mp4", content=usual_lab.clip + b"bad")
    real, bad = probe.probe, len(usual_lab.clip) + 3

    def upset(file: Any, path: str) -> Any:
        if os.fstat(file.fileno()).st_size == bad:
            raise RuntimeError("no picture has a height of -1")
        return real(file, path)

    monkeypatch.setattr(probe, "probe", upset)
    rig.look()
    assert rig.look() == 2
    why = "cannot be read: unexpected error (RuntimeError)"
    assert rig.indexer.as_object()["failed"] == [{"file": "recordings/cam1_session42_a.mp4", "why": why}]
    assert "no picture has a height of -1" in caplog.text
    assert str(rig.root) not in caplog.text
    monkeypatch.undo()
    assert rig.look(60.0) == 1


def test_an_unexpected_error_is_logged_once_and_survived(
    usual_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect during a scan ends neither the thread nor the next scan, and the log does not contain the lab's path."""
    rig = Rig(usual_lab)
    rig.look()

    def broken(*_: object) -> None:
        raise RuntimeError(f"cannot think about {usual_lab.root}")

    with monkeypatch.context() as patched:
        patched.setattr(indexer, "_paths_to_index", broken)
        assert [rig.look() for _ in range(3)] == [0] * 3
        assert rig.indexer.state == "troubled"
    assert caplog.text.count("Traceback") == 1
    assert "cannot think about LAB" in caplog.text
    assert str(usual_lab.root) not in caplog.text
    assert rig.look() == 3
    assert rig.indexer.state == "idle"


def test_the_thread_scans_repeatedly_and_ends_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running thread scans repeatedly, and ``stop`` ends it also while it waits."""
    looked = threading.Semaphore(0)
    monkeypatch.setattr(indexer, "_SCAN_INTERVAL_S", 0.001)
    monkeypatch.setattr(rig.indexer, "step", looked.release)
    thread = threading.Thread(target=rig.indexer.run)
    thread.start()
    for _ in range(3):
        assert looked.acquire(timeout=30)
    monkeypatch.setattr(indexer, "_SCAN_INTERVAL_S", 3600.0)
    rig.indexer.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_old_checks_are_repeated_when_no_file_is_left_to_read(rig: Rig) -> None:
    """A file that was checked 31 days ago is read again, after all new files; one that was checked recently is not."""
    rig.look()
    assert rig.look() == 3
    old, young = "recordings/cam1_session42_a.mp4", "recordings/cam1_session7_a.mp4"
    set_confirmation_age(rig.root, path=old)
    (rig.root / "recordings/cam1_session42_new.mp4").write_bytes(b"new")
    os.utime(rig.root / "recordings/cam1_session42_new.mp4", (rig.wall - 1e6, rig.wall - 1e6))
    before = read_index_record(rig.root, old), read_index_record(rig.root, young)
    rig.look()
    assert rig.look(4000.0) == 1
    assert (read_index_record(rig.root, old), read_index_record(rig.root, young)) == before
    rig.look(4000.0)
    assert (read_index_record(rig.root, old).confirmed_ms or 0) > (before[0].confirmed_ms or 0)
    assert read_index_record(rig.root, young) == before[1]


def test_checking_bytes_has_the_lowest_priority(rig: Rig) -> None:
    """Checking waits while a job runs, and does not delay the end of the server."""
    rig.look()
    rig.look()
    set_confirmation_age(rig.root)
    rig.waiting = [True] * 3
    rig.look(4000.0)
    assert not rig.waiting
    set_confirmation_age(rig.root)
    before = {path: read_index_record(rig.root, path) for path in RECORDINGS}
    rig.indexer.stop()
    rig.look(4000.0)
    assert {path: read_index_record(rig.root, path) for path in RECORDINGS} == before


def test_damage_is_found_in_the_background(serve: Any, usual_lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Damage is recorded and logged, and the cached archive is removed: downloads are refused from then on."""
    path = "recordings/cam1_session42_a.mp4"
    server = serve(usual_lab.root)
    assert server.get("/api/sessions/42/archive.zip").status_code == 200
    flip_byte(usual_lab.root, path)
    server.resources.indexer.stop()
    found: list[str] = []

    def differs(path: str) -> None:
        found.append(path)
        server.resources.archives.remove_with_file(path)

    rig = Rig(usual_lab)
    rig.indexer = Indexer(
        rig.lab,
        lambda: read_inventory(rig.lab),
        clock=lambda: rig.now,
        wall_clock=lambda: rig.wall,
        on_difference=differs,
    )
    for _ in range(3):
        rig.look(4000.0)
    assert found == [path]
    assert f"{path} does not match its checksum" in caplog.text
    assert read_index_record(usual_lab.root, path).differs_ms is not None
    answer = server.get("/api/sessions/42/archive.zip")
    assert answer.status_code == 409
    assert "does not match its checksum" in answer.json()["detail"]


def test_nothing_is_read_where_the_file_system_checks_its_data(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Btrfs and ZFS, the server does not read files again."""
    rig.look()
    rig.look()
    set_confirmation_age(rig.root)
    before = {path: read_index_record(rig.root, path) for path in RECORDINGS}
    monkeypatch.setattr(background_check, "has_data_checksums", lambda _: True)
    rig.look(4000.0)
    assert {path: read_index_record(rig.root, path) for path in RECORDINGS} == before
