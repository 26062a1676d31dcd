"""What a plan says of its progress while it reads sensor messages."""

from typing import Any

from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Progress
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.plan.inventory import read_inventory
from labcrate.plan.options import DataKind, Options
from labcrate.plan.planner import Planner


class CountedReadings:
    """Counts what a plan reports."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def begin(self, total_bytes: int) -> None:
        """Add to the total."""
        assert not self.done
        self.total += total_bytes

    def advance(self, size_bytes: int, rows: int) -> None:
        """Add what was read."""
        assert rows >= 0
        self.done += size_bytes
        assert self.done <= self.total


def counted(lab: Any, options: Options) -> CountedReadings:
    """Return what was reported while session 42 was planned."""
    progress = Progress()
    progress.readings = counted = CountedReadings()
    with Catalog.open(state_folder(lab.root)) as catalog:
        Planner(read_inventory(LabFolder(lab.root)), catalog, progress).plan("42", options, with_fixity=False)
    return counted


def test_a_plan_reports_the_bytes_of_both_files(usual_lab: Any) -> None:
    """The total is known before anything is read, and all of it was read at the end."""
    usual_lab.write(
        "data/zigbee-sensors.csv", "timestamp,topic,payload\n2025-05-02T08:01:00.000Z,zigbee2mqtt/a,{}\n" * 9
    )
    size = sum((usual_lab.root / f"data/{name}").stat().st_size for name in ("zigbee-data.json", "zigbee-sensors.csv"))
    reported = counted(usual_lab, Options())
    assert (reported.total, reported.done) == (size, size)


def test_a_plan_of_recordings_reads_no_sensor_message(usual_lab: Any) -> None:
    """Nothing is read, and nothing is reported."""
    reported = counted(usual_lab, Options(only=DataKind.RECORDINGS))
    assert (reported.total, reported.done) == (0, 0)
