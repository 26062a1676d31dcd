"""The dependencies of a plan: every path that is read for it is recorded, without a list of paths in the source."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.recorders import FRIGATE, START, describe_lab, write_frigate_segment
from tests.support.values import replace
from tests.support.waiting import wait_for_next_tick

from labcrate.cli.main import main
from labcrate.lab.session_register import register_path
from labcrate.plan.options import DataKind, Options
from labcrate.plan.planner import Planner
from labcrate.web.archives.archive_cache import ArchiveCache
from labcrate.web.archives.inventory_cache import InventoryCache

PLAIN = Options()


def caches(lab: Any, *recorders: Path) -> ArchiveCache:
    """Return the archive cache of a lab without recent changes."""
    wait_for_next_tick()
    return ArchiveCache(InventoryCache(lab.open(), recorders))


class Traced:
    """The absolute paths of files that were opened or whose state was read, and of folders that were listed."""

    def __init__(self) -> None:
        self.places: set[str] = set()

    def take(self, path: Any, folder: int | None) -> None:
        """Add a path, relative to an open folder if there is one."""
        if isinstance(path, str | os.PathLike):
            at = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else ""  # noqa: PTH115
            self.places.add(os.path.join(at, path))  # noqa: PTH118

    def below(self, *folders: Path) -> set[str]:
        """Return the traced paths in some folders, without labcrate's own files."""
        inside = {place for place in self.places for folder in folders if place.startswith(f"{folder}/")}
        return {place for place in inside if "/.labcrate" not in place}


@contextmanager
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    """Record during the block every file that Python opens with ``os.open`` or stats, and every listing."""
    found, opens, lists = Traced(), os.open, os.scandir

    def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        fd = opens(path, flags, mode, dir_fd=dir_fd)
        if not flags & os.O_DIRECTORY:  # a folder on the way to a file
            found.take(path, dir_fd)
        return fd

    def listing(path: Any = ".") -> Any:
        found.take(path, None)
        return lists(path)

    def stating(state: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def asking(path: Any, *, dir_fd: int | None = None, **more: Any) -> os.stat_result:
            found.take(path, dir_fd)
            return state(path, dir_fd=dir_fd, **more)

        return asking

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opening)
        patch.setattr(os, "scandir", listing)
        patch.setattr(os, "lstat", stating(os.lstat))
        patch.setattr(os, "stat", stating(os.stat))
        yield found


def rich(lab: Any, nvr: Path) -> None:
    """Give session 42 files of all kinds, and the lab recordings of no session."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for seconds in (0, 10):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    assert main(["link", "42", "--by-time", "--yes", "--lab", str(lab.root)]) == 0
    lab.write("sessions/Session42/sensor_data/own.csv", "timestamp,value\n2025-05-02T08:01:00.000Z,1\n")
    lab.write("sessions/Session42/notes/a.txt", "written by hand")
    lab.write("sessions/Session42/old.zip", "no archive of ours")
    lab.write("recordings/cam1_session42_a-sensors.json", "[]")
    lab.recording("recordings/cam2_session42_b.mp4")
    lab.recording("recordings/cam1_nobody.mp4")
    lab.recording("recordings/cam1session42_near.mp4")


def own_places(archives: ArchiveCache, options: Options = PLAIN) -> set[str]:
    """Return the paths that the plan of session 42 depends on, also for the files that are left out."""
    lab = archives._by_key["42", options].validity.dependencies._lab
    return {*lab.read_files._present, *lab.read_files._absent, *lab.read_unlinked._present}


@pytest.mark.parametrize(
    "options",
    [PLAIN, Options(pad=timedelta(hours=1)), Options(redact=True), Options(time_zone="Asia/Tokyo")],
    ids=["plain", "padded", "redacted", "in another zone"],
)
@pytest.mark.parametrize("end", ["described", "open"])
def test_every_path_that_planning_reads_is_recorded(
    usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Options, end: str
) -> None:
    """Every path in lab and recorders that planning opens, lists or reads the state of is a dependency of the plan.

    With another time zone the lab is read again, which the inventory itself records.
    """
    nvr = tmp_path / "nvr"
    rich(usual_lab, nvr)
    if end == "open":
        usual_lab.session(42, endTime=None)
    archives = caches(usual_lab, nvr)
    archives._inventories.inventory()
    with traced(monkeypatch) as read:
        archives.plan("42", options)
    tracked_inventory = own_places(archives, options)
    assert len(tracked_inventory) > 15
    current = archives._inventories._current
    assert current is not None
    inventory = {*current[1]._present, *current[1]._absent}
    root = Path(os.path.realpath(usual_lab.root))
    assert read.below(root, nvr) - tracked_inventory - inventory == set()
    if options.time_zone is None:
        files = {place for place in read.below(root, nvr) - tracked_inventory if not os.path.isdir(place)}  # noqa: PTH112
        # Of what the plan reads itself, all is its own; the rest are documents that are looked at for secrets.
        assert {os.path.splitext(file)[1] for file in files} <= {".json", ".toml"}  # noqa: PTH122


def test_every_path_that_an_inventory_reads_is_recorded(
    usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every path that the inventory is read from is a dependency, except for the sensor messages."""
    rich(usual_lab, tmp_path / "nvr")
    inventories = InventoryCache(usual_lab.open())
    with traced(monkeypatch) as read:
        inventories.inventory()
    assert inventories._current is not None
    tracked_inventory = {*inventories._current[1]._present, *inventories._current[1]._absent}
    left = {place.rpartition("/")[2] for place in read.below(usual_lab.root) - tracked_inventory}
    assert left == {"zigbee-sensors.csv", "zigbee-data.json"}


@pytest.mark.parametrize("new", ["data/thermostats.json", "sessions/Session42/more/diary.txt", "data/absent.json"])
def test_one_more_file_that_a_planner_reads_makes_the_plan_stale(
    usual_lab: Any, monkeypatch: pytest.MonkeyPatch, new: str
) -> None:
    """If a planner reads an additional file, changes of it are detected without an entry in a list."""
    if "absent" not in new:
        usual_lab.write(new, "1")
    original = Planner.plan

    def reading_more(self: Planner, *args: Any, **more: Any) -> Any:
        plan = original(self, *args, **more)
        content = (self.inventory.lab.read(new) or b"nothing").decode()
        return replace(plan, warnings=(*plan.warnings, f"{new}: {content}"))

    monkeypatch.setattr(Planner, "plan", reading_more)
    archives = caches(usual_lab)
    first = archives.plan("42", PLAIN)
    wait_for_next_tick()
    assert archives.get("42", PLAIN) is first
    usual_lab.write(new, "2")
    assert archives.get("42", PLAIN, whole_plan=False) is None
    assert archives.plan("42", PLAIN).plan.warnings[-1] == f"{new}: 2"


def test_a_recorder_file_that_another_session_no_longer_has(lab: Any, tmp_path: Path) -> None:
    """The warning that a file is also linked to another session disappears when that link is undone."""
    nvr = tmp_path / "nvr"
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    assert main(["link", "42", "--by-time", "--yes", "--lab", str(lab.root)]) == 0
    lab.session(43)
    linked = lab.root / register_path("sessions/Session42")
    also = lab.root / register_path("sessions/Session43")
    also.write_bytes(linked.read_bytes())
    archives = caches(lab, nvr)
    assert "linked to another session" in " ".join(archives.plan("42", PLAIN).plan.warnings)
    also.unlink()
    assert "linked to another session" not in " ".join(archives.plan("42", PLAIN).plan.warnings)


def test_another_session_inside_the_widened_window(usual_lab: Any) -> None:
    """The warning about another session appears at once if that session was within the widened time of the plan."""
    archives = caches(usual_lab)
    padded = Options(pad=timedelta(hours=1))
    before = archives.plan("42", padded).plan.warnings
    usual_lab.session(50, startTime="2025-05-02T08:20:00Z", endTime="2025-05-02T08:30:00Z")
    assert len(archives.plan("42", padded).plan.warnings) == len(before) + 1


def test_messages_count_for_archives_without_readings(usual_lab: Any) -> None:
    """A password in a later message is also searched for in recordings, though no reading is packed."""
    archives = caches(usual_lab)
    videos = Options(only=DataKind.RECORDINGS)
    first = archives.plan("42", videos)
    wait_for_next_tick()
    assert archives.get("42", videos) is first
    usual_lab.zigbee_json(
        [("2025-05-02T08:04:00.000Z", "zigbee2mqtt/bridge/info", {"config": {"password": "s3cret!x"}})]
    )
    assert archives.get("42", videos) is None
