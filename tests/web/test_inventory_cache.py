"""The cache of the lab's inventory, which is valid while nothing changes."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.waiting import wait_for_next_tick

from labcrate.errors import DocumentError
from labcrate.plan.inventory import read_inventory
from labcrate.web.archives import inventory_cache
from labcrate.web.archives.inventory_cache import InventoryCache


def wait_for_clock_tick() -> None:
    """Wait until a further change gets another time than the last one."""
    wait_for_next_tick()


@pytest.fixture
def readings_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one with every reading of the whole lab."""
    counted: list[int] = []

    def counting(lab: Any, **more: Any) -> Any:
        counted.append(threading.get_ident())
        return read_inventory(lab, **more)

    monkeypatch.setattr("labcrate.web.archives.inventory_cache.read_inventory", counting)
    return counted


def test_nothing_is_read_twice_while_nothing_changes(usual_lab: Any, readings_of: list[int]) -> None:
    """The inventory is the same object each time, and the lab is read once; rows and recordings agree with it."""
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    first = kept.inventory()
    assert all(kept.inventory() is first for _ in range(10))
    assert [row.id for row in kept.rows()] == ["7", "42"]
    assert len(readings_of) == 1
    assert first.lab.root == usual_lab.root
    assert type(first.lab) is type(usual_lab.open())


def test_many_threads_cause_one_reading(usual_lab: Any, readings_of: list[int]) -> None:
    """Twenty threads at once get one inventory, which is read once."""
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    found: list[Any] = []
    all_there = threading.Barrier(20)

    def ask() -> None:
        all_there.wait(60)
        found.append(kept.inventory())

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len({id(inventory) for inventory in found}) == 1
    assert len(readings_of) == 1


def rewrite(path: Any) -> None:
    """Overwrite a file with the same number of other bytes, and restore its times."""
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"Morning", b"Evening"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Any], object]] = {
    "a recording comes": lambda lab: lab.recording("recordings/cam1_session9_x.mp4"),
    "a recording goes": lambda lab: (lab.root / "recordings/cam1_session42_a.mp4").unlink(),
    "a recording is renamed": lambda lab: (lab.root / "recordings/cam1_session7_a.mp4").rename(
        lab.root / "recordings/cam1_session8_a.mp4"
    ),
    "a session's recording comes": lambda lab: lab.recording("sessions/Session42/recordings/b.mp4"),
    "a deep one": lambda lab: lab.recording("sessions/Session42/recordings/deep/b.mp4"),
    "a session comes": lambda lab: lab.session(43),
    "the description of a session changes": lambda lab: rewrite(lab.root / "sessions/Session42/session_data.json"),
    "cameras change": lambda lab: lab.cameras("cam3"),
    "a list of sessions comes": lambda lab: lab.json("data/sessions.json", [{"id": 11}]),
    "a recordings folder becomes a link": lambda lab: (
        (lab.root / "recordings").rename(lab.root / "aside"),
        (lab.root / "recordings").symlink_to(lab.root / "aside"),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_seen_at_once(usual_lab: Any, what: str) -> None:
    """After any change of the lab's files, the next inventory is that of a new cache."""
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    before = kept.inventory()
    kept.rows()
    CHANGES[what](usual_lab)
    after, fresh = kept.inventory(), InventoryCache(usual_lab.open())
    assert after is not before
    assert (after.book, after.linked, after.unlinked) == (
        fresh.inventory().book, fresh.inventory().linked, fresh.inventory().unlinked,
    )  # fmt: skip
    assert after.rules == fresh.inventory().rules
    assert kept.rows() == fresh.rows()


def test_readings_of_sensors_do_not_count(usual_lab: Any) -> None:
    """A sensor message, which arrives every second, does not cause a reading of the lab."""
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    before = kept.inventory()
    usual_lab.zigbee_json([("2025-05-02T08:04:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    assert kept.inventory() is before


def test_sizes_of_recordings_that_grow(usual_lab: Any) -> None:
    """The size of a recording that is being written is current, though nothing else changes."""
    growing = usual_lab.root / "recordings/cam1_session42_a.mp4"
    growing.touch()
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    before = {row.id: row.size_bytes for row in kept.rows()}
    with growing.open("ab") as more:
        more.write(bytes(1000))
    after = {row.id: row.size_bytes for row in kept.rows()}
    assert after == before | {"42": before["42"] + 1000}


def test_an_invalid_document_is_reported_until_it_is_repaired(usual_lab: Any) -> None:
    """While data/sessions.json is invalid, it is reported each time and hides no other session."""
    usual_lab.json("data/sessions.json", [{"id": 11}])
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    assert kept.inventory().ids == ["7", "11", "42"]
    assert kept.inventory().problems == ()
    usual_lab.write("data/sessions.json", "[")
    for _ in range(2):
        assert [problem.file for problem in kept.inventory().problems] == ["data/sessions.json"]
        assert kept.inventory().ids == [row.id for row in kept.rows()] == ["7", "42"]
        with pytest.raises(DocumentError, match=r"data/sessions\.json"):
            kept.inventory().session("11")
    wait_for_clock_tick()
    usual_lab.json("data/sessions.json", [{"id": 11}])
    assert kept.inventory().ids == ["7", "11", "42"]
    assert kept.inventory().problems == ()
    assert kept.inventory().session("11").id == "11"


def test_in_a_very_large_lab_a_check_is_valid_for_a_while(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a check of the files takes long, it is valid for a moment, except for a ``fresh`` inventory."""
    monkeypatch.setattr(inventory_cache, "MANY_FILES", 3)
    monkeypatch.setattr(inventory_cache, "RECHECK_AFTER_S", 3600.0)
    wait_for_clock_tick()
    kept = InventoryCache(usual_lab.open())
    before = kept.inventory()
    usual_lab.session(43)
    assert kept.inventory() is before
    assert kept.inventory(fresh=True).ids == ["7", "42", "43"]
    assert kept.inventory().ids == ["7", "42", "43"]
