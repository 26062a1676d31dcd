"""The background indexer reads sensor messages in advance, and gives way to plans, jobs and the server's end."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labcrate.plan.inventory import read_inventory
from labcrate.plan.readings_index import IndexedReadings
from labcrate.plan.sensors import readings_index_folder
from labcrate.readings.write import readings_summary
from labcrate.web.archives import readings_indexer
from labcrate.web.archives.indexer import Indexer

JSON = "data/zigbee-data.json"


@pytest.fixture(autouse=True)
def index_few_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of any size have an index."""
    monkeypatch.setattr("labcrate.plan.sensors._LARGE_BYTES", 0)


class Rig:
    """An indexer of a lab, with clocks and requests of others that the test sets."""

    def __init__(self, lab: Any) -> None:
        self.builder, self.messages = lab, list[tuple[str, str, dict[str, int]]]()
        self.root: Path = lab.root
        self.lab = lab.open()
        self.now, self.wall = 100.0, 1e10
        self.plans: Iterator[bool] = iter(())
        self.indexer = Indexer(
            self.lab,
            lambda: read_inventory(self.lab),
            is_planning=lambda: next(self.plans, False),
            clock=lambda: self.now,
            wall_clock=lambda: self.wall,
        )

    def step(self, after_s: float = 10.0) -> None:
        """Advance the clocks, and run one step of the indexer."""
        self.now += after_s
        self.wall += after_s
        self.indexer.step()

    @property
    def has_index(self) -> bool:
        """Return whether there is an index of readings."""
        return bool(list(readings_index_folder(self.lab).glob("*.index")))

    def add_message(self) -> None:
        """Add a message to the lab's readings."""
        self.messages += [("2025-05-02T08:03:04.000Z", "zigbee2mqtt/hall", {"battery": len(self.messages)})]
        self.builder.zigbee_json(self.messages)


@pytest.fixture
def rig(usual_lab: Any) -> Rig:
    """Return an indexer of the usual lab."""
    return Rig(usual_lab)


@pytest.fixture
def runs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that gets the time whenever messages are read; that takes 100 seconds on the test's clock."""
    times: list[float] = []

    def read(*_: object) -> IndexedReadings:
        times.append(rig.now)
        rig.now += 100
        return IndexedReadings(1, ())

    monkeypatch.setattr(readings_indexer, "index_readings", read)
    return times


def test_the_first_plan_finds_what_it_needs(
    rig: Rig, usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a step, a plan of all readings decodes no message again."""
    rig.step()
    assert rig.has_index
    assert rig.indexer.state == "idle"
    monkeypatch.setattr("labcrate.export.assemble.MANY_READINGS", 1)

    def called(*_: object) -> None:
        raise AssertionError("messages were decoded again")

    monkeypatch.setattr(readings_summary, "summarise", called)
    assert serve(usual_lab.root).get("/api/sessions/42/plan?readings=all").json()["sizeBytes"] > 0


def test_messages_are_read_again_when_a_file_has_changed(rig: Rig, runs: list[float]) -> None:
    """Unchanged files are not read again; after a change they are, but not before twenty times as long has passed."""
    rig.step()
    assert runs == [110.0]
    rig.step(10_000)
    assert len(runs) == 1
    rig.add_message()
    rig.step()
    assert len(runs) == 2
    rig.add_message()
    rig.step(1999)
    assert len(runs) == 2
    rig.step(1)
    assert len(runs) == 3


def test_a_file_that_changed_a_moment_ago_is_looked_at_again(rig: Rig, runs: list[float]) -> None:
    """A second change within the resolution of a file's times is not overlooked."""
    os.utime(rig.root / JSON, ns=(0, int((rig.wall + 9) * 1e9)))
    rig.step()
    rig.step(3000)
    rig.step(3000)
    assert len(runs) == 2


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_plan_does_not_wait_for_the_indexer(rig: Rig, after: int) -> None:
    """If a plan is requested, at once or while messages are read, the work ends, and is done at a later step."""
    rig.plans = iter([*[False] * after, True])
    rig.step()
    assert rig.indexer.state == "idle"
    rig.step()
    assert rig.has_index
    assert next(rig.plans, None) is None


def stop_when_asked(rig: Rig, times: int) -> Callable[[], bool]:
    """Return a function that stops the indexer when it is called so often."""
    left = iter(range(times))

    def ask() -> bool:
        if next(left, None) is None:
            rig.indexer.stop()
        return False

    return ask


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_the_end_of_the_server_ends_the_reading(rig: Rig, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server stops while messages are read, the step ends without a problem and without an index."""
    monkeypatch.setattr(rig.indexer._readings, "_is_needed", stop_when_asked(rig, times))
    rig.step()
    assert rig.indexer.state == "idle"
    assert rig.indexer.as_object()["bytesLeft"] == 0


def test_a_broken_file_is_named(rig: Rig) -> None:
    """A file of messages that cannot be read is among the failures until it can be read."""
    path = rig.root / JSON
    good = path.read_text("utf-8")
    path.write_text("[1, 2", "utf-8")
    rig.step()
    (failed,) = rig.indexer.as_object()["failed"]
    assert failed["file"] == JSON
    assert failed["why"]
    assert rig.indexer.state == "idle"
    path.write_text(good, "utf-8")
    rig.step()
    assert rig.indexer.as_object()["failed"] == []


def test_the_state_says_that_messages_are_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While messages are read, the state is reading, and the bytes that are left are counted."""
    seen: list[tuple[str, int]] = []
    reader = rig.indexer._readings

    def read(*_: object) -> IndexedReadings:
        reader.begin(100)
        reader.advance(30, 1)
        seen.append((rig.indexer.state, rig.indexer.as_object()["bytesLeft"]))
        return IndexedReadings(1, ())

    monkeypatch.setattr(readings_indexer, "index_readings", read)
    rig.step()
    assert seen == [("reading", 70)]
    assert (rig.indexer.state, rig.indexer.as_object()["bytesLeft"]) == ("idle", 0)
