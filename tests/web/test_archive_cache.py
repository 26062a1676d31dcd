"""The archive cache: archives are planned once, and stay valid while nothing that matters changes."""

import gc
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.rounds import rounds
from tests.support.waiting import wait_for_next_tick

from labcrate.archive.entity import Entity
from labcrate.errors import IncompleteError, NoSessionError, SourceChangedError
from labcrate.export.prepare import compute_fixity, prepare_archive, prepare_from_index
from labcrate.export.spool import Spool
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.state_folder import state_folder
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.web.archives import archive_cache, validity
from labcrate.web.archives.archive_cache import ArchiveCache
from labcrate.web.archives.inventory_cache import InventoryCache

PLAIN = Options()


def wait_for_clock_tick() -> None:
    """Wait until a further change gets another time than the last one."""
    wait_for_next_tick()


def new_cache(lab: Any) -> ArchiveCache:
    """Return a cache for a lab without recent changes."""
    wait_for_clock_tick()
    return ArchiveCache(InventoryCache(lab.open()))


@pytest.fixture
def planned_options(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Return a list that gets the options of every plan that is made."""
    seen: list[Options] = []

    def counting(inventory: Any, session_id: str, options: Options, **more: Any) -> Any:
        seen.append(options)
        return prepare_from_index(inventory, session_id, options, **more)

    monkeypatch.setattr("labcrate.web.archives.archive_cache.prepare_from_index", counting)
    return seen


def plan_and_hash(
    archives: ArchiveCache,
    options: Options = PLAIN,
    *,
    allow_incomplete: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Return the current archive of session 42, after reading the files whose fixity its plan lacks, as a job does."""
    found = archives.plan("42", options, whole_plan=False).check(allow_incomplete=allow_incomplete)
    if found.entity is None:
        compute_fixity(archives._inventories.read_with_messages()[0], found.plan, progress or Progress(), None)
        found = archives.plan("42", options, whole_plan=False).check(allow_incomplete=allow_incomplete)
    assert found.entity
    return found


def hashed_cache(lab: Any) -> ArchiveCache:
    """Return a cache that contains the archive of session 42, with all its files hashed."""
    archives = new_cache(lab)
    plan_and_hash(archives)
    wait_for_clock_tick()
    return archives


def archive_bytes(archives: ArchiveCache) -> bytes:
    """Return the bytes of the current archive of session 42."""
    return b"".join(plan_and_hash(archives).entity.read_range())


def test_an_archive_is_made_once(usual_lab: Any, planned_options: list[Options]) -> None:
    """Before hashing an archive is not ready; afterwards plan and archive are the same while nothing changes."""
    archives = new_cache(usual_lab)
    assert archives.plan("42", PLAIN).entity is None
    first = plan_and_hash(archives)
    count = len(planned_options)
    assert count == 2
    assert plan_and_hash(archives).entity is first.entity
    assert archives.plan("42", PLAIN) == first
    assert archives.plan("42", PLAIN, whole_plan=False) == first
    assert len(planned_options) == count
    assert archives.plan("42", Options(pad=timedelta(hours=1))).layout is not first.layout


def test_a_session_indexed_by_another_process_is_ready(usual_lab: Any, cli: Any) -> None:
    """A session that the command line indexes meanwhile is ready without being hashed again."""
    archives = new_cache(usual_lab)
    assert archives.plan("42", PLAIN).entity is None
    assert cli("index", "42", "--lab", usual_lab.root).code == 0
    wait_for_clock_tick()
    for _ in range(2):  # a request compares first, and once more when it is its turn to plan
        assert archives.get("42", PLAIN) is None
    assert archives.plan("42", PLAIN).entity is not None


def test_hashing_causes_no_new_plan_until_it_is_done(usual_lab: Any, planned_options: list[Options], cli: Any) -> None:
    """A plan stays valid while its recordings are hashed one by one, also by another process, until the last."""
    archives = new_cache(usual_lab)
    plan = archives.plan("42", PLAIN)
    first = plan.plan.recordings[0]
    with Catalog.open(state_folder(usual_lab.root)) as catalog:
        index_files(
            usual_lab.open(), catalog, [IndexRequest(first.path, first.identity)], lambda _file, _path: first.probe
        )
    assert archives.plan("42", PLAIN) == plan
    assert planned_options == [PLAIN]
    assert cli("index", "42", "--lab", usual_lab.root).code == 0
    assert archives.plan("42", PLAIN).entity is not None


RELEVANT: dict[str, Callable[[Any], object]] = {
    "a recording changes": lambda lab: lab.recording("recordings/cam1_session42_a.mp4", content=lab.clip + bytes(9)),
    "a recording comes": lambda lab: lab.recording("recordings/cam2_session42_b.mp4"),
    "a recording goes": lambda lab: (lab.root / "sessions/Session42/recordings/any.mp4").unlink(),
    "the description of the session changes": lambda lab: lab.session(42, name="Evening"),
    "readings come": lambda lab: lab.zigbee_json([("2025-05-02T08:04:00.000Z", "zigbee2mqtt/door", {"contact": True})]),
    "readings come as CSV": lambda lab: lab.zigbee_csv(
        [("2025-05-02T08:04:00.000Z", "zigbee2mqtt/door", {"contact": True})]
    ),
    "devices change": lambda lab: lab.json("data/devices.json", [{"id": "0x01", "name": "door", "battery": 12}]),
    "a sensor file comes": lambda lab: lab.write("sessions/Session42/sensor_data/own.csv", "a\n"),
    "cameras change": lambda lab: lab.cameras("cam1", "cam2", "cam3", None, "any"),
}


@pytest.mark.parametrize("what", RELEVANT)
def test_every_relevant_change_is_seen_at_once(usual_lab: Any, what: str) -> None:
    """After a change, the next archive is the one that a new process would make."""
    archives = hashed_cache(usual_lab)
    before = plan_and_hash(archives)
    RELEVANT[what](usual_lab)
    after = plan_and_hash(archives)
    with prepare_archive(usual_lab.open(), "42", with_fixity=True) as fresh:
        assert after.plan.recordings == fresh.plan.recordings
        assert after.descriptions == fresh.descriptions
    if what != "cameras change":
        assert after.entity.etag != before.entity.etag


IRRELEVANT: dict[str, Callable[[Any], object]] = {
    "another session's recording comes": lambda lab: lab.recording("recordings/cam1_session7_b.mp4"),
    "another session is described": lambda lab: lab.session(7, name="Evening"),
    "an unlinked file appears": lambda lab: lab.write("recordings/notes.txt", "x"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("what", IRRELEVANT)
def test_changes_of_other_sessions_change_no_archive(usual_lab: Any, planned_options: list[Options], what: str) -> None:
    """Changes of other sessions leave a cached archive valid; the plan for pages is made again."""
    archives = hashed_cache(usual_lab)
    before, count = plan_and_hash(archives), len(planned_options)
    IRRELEVANT[what](usual_lab)
    assert plan_and_hash(archives) == before
    assert len(planned_options) == count
    after = archives.plan("42", PLAIN).plan
    assert after.left_out == new_cache(usual_lab).plan("42", PLAIN).plan.left_out


def test_new_readings_after_the_session_change_no_archive(usual_lab: Any) -> None:
    """Readings after the session's end change the plan, not the archive: its tag stays, and is still found."""
    archives = hashed_cache(usual_lab)
    first = plan_and_hash(archives)
    etag = first.entity.etag
    with (usual_lab.root / "data/zigbee-sensors.csv").open("a") as more:
        more.write('"2025-05-03T08:00:00.000Z","zigbee2mqtt/door","door","","","","","","{}"\n')
    assert plan_and_hash(archives).entity.etag == etag
    assert plan_and_hash(archives).entity is first.entity
    found = archives.get_by_etag("42", etag)
    assert found is not None
    assert found.ready_entity.etag == etag


def test_an_equal_copy_of_a_recording(usual_lab: Any) -> None:
    """A recording that was replaced by a copy with the same bytes and time gives the same archive."""
    archives = hashed_cache(usual_lab)
    before = plan_and_hash(archives)
    file = usual_lab.root / "sessions/Session42/recordings/any.mp4"
    shutil.copy2(file, file.with_suffix(".tmp"))
    file.with_suffix(".tmp").rename(file)
    after = plan_and_hash(archives)
    assert after.entity.etag == before.entity.etag
    assert len(b"".join(after.entity.read_range())) == after.entity.length


def test_an_earlier_archive_is_found_by_its_tag(usual_lab: Any) -> None:
    """A download that began before the session's description changed continues with the bytes that it began with."""
    archives = hashed_cache(usual_lab)
    before = plan_and_hash(archives)
    data = archive_bytes(archives)
    usual_lab.session(42, name="Evening")
    assert archive_bytes(archives) != data
    found = archives.get_by_etag("42", before.entity.etag)
    assert found is not None
    assert b"".join(found.ready_entity.read_range(1000)) == data[1000:]
    assert archives.get_by_etag("7", before.entity.etag) is None
    assert archives.get_by_etag("42", '"other"') is None


def test_an_archive_that_can_no_longer_be_read_is_removed(usual_lab: Any) -> None:
    """After a recording changed, the old archive gives no wrong byte, and once removed it is not used again."""
    archives = hashed_cache(usual_lab)
    before = plan_and_hash(archives)
    usual_lab.recording("recordings/cam1_session42_a.mp4", content=bytes(len(usual_lab.clip)))
    with pytest.raises(SourceChangedError, match="cam1_session42_a"):
        b"".join(before.entity.read_range())
    archives.remove(before)
    assert archives.get_by_etag("42", before.entity.etag) is None
    assert b"".join(plan_and_hash(archives).entity.read_range())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of every table that is written."""
    seen: list[str] = []
    write = Spool.write_several

    def write_and_record(spool: Spool, labels: Sequence[str], writer: Any) -> Any:
        seen.extend(labels)
        return write(spool, labels, writer)

    monkeypatch.setattr(Spool, "write_several", write_and_record)
    return seen


def test_tables_are_written_once(usual_lab: Any, written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans of a session with the same indexed readings share their tables: after hashing, and with some cameras."""
    monkeypatch.setattr("labcrate.plan.sensors._LARGE_BYTES", 0)  # below it, the readings are not indexed
    archives = new_cache(usual_lab)
    archives.plan("42", PLAIN)
    assert len(written) == 4
    assert plan_and_hash(archives).entity.length > 0
    chosen = Options(cameras=("cam1",))
    assert plan_and_hash(archives, chosen).plan.recordings != plan_and_hash(archives).plan.recordings
    assert len(written) == 4
    archives.plan("42", Options(pad=timedelta(hours=1)))
    assert len(written) == 8
    for options in (PLAIN, chosen):
        with prepare_archive(usual_lab.open(), "42", options, with_fixity=True) as fresh:
            assert Entity(fresh.layout).etag == plan_and_hash(archives, options).entity.etag


PER_MILLE = {"type": "numeric", "property": "battery", "unit": "per mille"}
OTHERWISE: dict[str, Callable[[Any], object]] = {
    "another unit": lambda lab: lab.json(
        "data/devices.json", [{"name": "door", "definition": {"exposes": [PER_MILLE]}}]
    ),
    "another value": lambda lab: [
        file.write_text(file.read_text("utf-8").replace("21.5", "22.5"), "utf-8")
        for file in (lab.root / "data").glob("z*")
    ],
    "a table of its own": lambda lab: lab.write("sessions/Session42/sensor_data/sensor_readings.csv", "a\n"),
    "no table of its own": lambda lab: (lab.root / "sessions/Session42/sensor_data/sensor_readings.json").unlink(),
}


@pytest.mark.thorough
@pytest.mark.parametrize("what", OTHERWISE)
def test_tables_that_would_differ_are_written_again(usual_lab: Any, what: str) -> None:
    """Another unit or value, or a file of the session in a table's place: the archive is the same as a new one."""
    usual_lab.write("sessions/Session42/sensor_data/sensor_readings.json", "{}")
    archives = hashed_cache(usual_lab)
    OTHERWISE[what](usual_lab)
    with prepare_archive(usual_lab.open(), "42", with_fixity=True) as fresh:
        assert archive_bytes(archives) == b"".join(Entity(fresh.layout).read_range())


class Stopped(Exception):  # noqa: N818 - raised on purpose
    """Raised when the test cancels the work."""


class Stopping(Progress):
    """Progress that ends the reading at its first byte."""

    def advance(self, _: int) -> None:
        raise Stopped


def test_after_a_cancelled_preparation_the_next_one_works(usual_lab: Any) -> None:
    """The exception of the progress is passed on; the next request gets the archive."""
    archives = new_cache(usual_lab)
    with pytest.raises(Stopped):
        plan_and_hash(archives, progress=Stopping())
    assert plan_and_hash(archives).entity.length > 0


class Counting(Progress):
    """Progress that ends the work at one of its steps."""

    def __init__(self, last: int) -> None:
        self.left = last

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if not self.left:
            raise Stopped


@pytest.mark.thorough
def test_planning_ends_at_any_step(usual_lab: Any) -> None:
    """Planning that is ended at any step leaves nothing behind, and the next request gets the complete archive."""
    usual_lab.zigbee_json([("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", {"note": "x" * 9000})] * 300)
    before, ended = documents_on_disk(), 0
    archives = new_cache(usual_lab)
    while True:
        with suppress(Stopped):
            archives.plan("42", PLAIN, progress=Counting(ended + 1))
            break
        assert documents_on_disk() == before
        ended += rounds(3, 1)
    assert ended > 20  # looking into recordings, reading readings, writing tables
    assert archives.plan("42", PLAIN).plan.readings


def test_errors_and_missing_files(usual_lab: Any) -> None:
    """An unknown session has no archive; an incomplete one is refused before hashing, unless that is allowed."""
    archives = new_cache(usual_lab)
    with pytest.raises(NoSessionError):
        archives.plan("99", PLAIN)
    usual_lab.session(42, status="active")
    with pytest.raises(IncompleteError, match="still active"):
        plan_and_hash(archives)
    archive = plan_and_hash(archives, allow_incomplete=True)
    assert archive.plan.missing
    with pytest.raises(IncompleteError):
        plan_and_hash(archives)


@pytest.mark.thorough
def test_unused_archives_are_removed(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour without a request an archive and its documents on disk are removed; a requested one stays."""
    note = {"note": "x" * 2000}
    usual_lab.zigbee_json([("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", note)] * 2000)
    before = documents_on_disk()
    archives = hashed_cache(usual_lab)
    etag = plan_and_hash(archives).entity.etag
    assert documents_on_disk() > before
    archives.remove_unused()
    assert archives.get_by_etag("42", etag)
    monkeypatch.setattr(archive_cache, "MAX_UNUSED_S", -1.0)
    archives.remove_unused()
    assert archives.get_by_etag("42", etag) is None
    assert documents_on_disk() == before


def documents_on_disk() -> int:
    """Return how many unnamed files this process has open."""
    gc.collect()
    targets = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]  # noqa: PTH115
    return sum("(deleted)" in target for target in targets)


def test_memory_is_bounded(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many archives are requested, only a limited number is kept, and always the last one."""
    monkeypatch.setattr(archive_cache, "MAX_CACHE_BYTES", 1)
    archives = new_cache(usual_lab)
    tags = []
    for minutes in range(4):
        tags.append(plan_and_hash(archives, Options(pad=timedelta(minutes=1 + minutes))).entity.etag)
    assert [archives.get_by_etag("42", tag) is not None for tag in tags] == [False, False, False, True]


@pytest.mark.parametrize("whole", [PLAIN, Options(pad=timedelta())], ids=["of the lab", "of a study"])
def test_a_part_does_not_remove_the_whole_session(
    usual_lab: Any, monkeypatch: pytest.MonkeyPatch, whole: Options
) -> None:
    """Of several choices the last one is kept, and with it what every page of the session shows."""
    monkeypatch.setattr(archive_cache, "MAX_CACHE_BYTES", 1)
    usual_lab.session(7)
    archives = new_cache(usual_lab)
    shown = archives.plan("42", whole)
    for camera in ("1", "2"):
        archives.plan("42", Options(cameras=(camera,)))
    cached = [archives.get("42", options) for options in (whole, *(Options(cameras=(one,)) for one in "12"))]
    assert cached[:2] == [shown, None]
    assert cached[2] is not None
    archives.plan("7", PLAIN)
    assert archives.get("42", whole) is None


def plan_slowly(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let every plan take five seconds of the clock, which is returned."""
    clock = SimpleNamespace(now=1000.0)

    def slowly(inventory: Any, session_id: str, options: Options, **more: Any) -> Any:
        clock.now += 5
        return prepare_from_index(inventory, session_id, options, **more)

    monkeypatch.setattr("labcrate.web.archives.archive_cache.prepare_from_index", slowly)
    for module in ("archive_cache", "validity"):
        monkeypatch.setattr(f"labcrate.web.archives.{module}.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_page_shows_a_slow_plan_although_messages_arrive(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For ten seconds, and while the same files are linked; a download gets the new messages at once."""
    clock = plan_slowly(monkeypatch)
    archives = new_cache(usual_lab)
    first = archives.plan("42", PLAIN)
    usual_lab.zigbee_json([("2025-05-02T08:04:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    assert archives.get("42", PLAIN) is None
    clock.now += 9
    assert archives.get("42", PLAIN, for_page=True) is first
    clock.now += 2
    assert archives.get("42", PLAIN, for_page=True) is None
    second = archives.plan("42", PLAIN)
    assert len(second.plan.readings) == len(first.plan.readings) + 1
    usual_lab.recording("recordings/cam2_session42_b.mp4")
    assert archives.get("42", PLAIN, for_page=True) is None


def test_very_many_readings_are_not_read_for_every_message(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the lab's readings make planning slow, a plan is valid for as long as planning took."""
    clock = plan_slowly(monkeypatch)
    archives = new_cache(usual_lab)
    first = archives.plan("42", PLAIN)
    usual_lab.zigbee_json([("2025-05-02T08:04:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    second = archives.plan("42", PLAIN)
    assert second is not first  # the readings are few
    monkeypatch.setattr(validity, "_SLOW_READINGS_BYTES", 10)
    usual_lab.zigbee_json([])
    third = archives.plan("42", PLAIN)
    usual_lab.zigbee_json([("2025-05-02T08:03:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    clock.now += 4
    assert archives.plan("42", PLAIN) is third
    clock.now += 2
    assert archives.plan("42", PLAIN) is not third


def test_what_a_page_needs_of_a_plan_is_ready_before_the_plan(usual_lab: Any) -> None:
    """It is computed once for each plan of a whole session, also of a study, and for no part of one."""
    seen: list[tuple[Options, bool]] = []

    def note(plan: Plan) -> None:
        seen.append((plan.options, archives.get("42", plan.options) is None))

    archives = ArchiveCache(new_cache(usual_lab)._inventories, on_whole_plan=note)
    study = Options(pad=timedelta())
    for options in (PLAIN, PLAIN, Options(cameras=("1",)), study, Options(pad=timedelta(hours=1))):
        archives.plan("42", options)
    assert seen == [(PLAIN, True), (study, True)]
