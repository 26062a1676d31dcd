"""The lab of readings that the benchmark exports: realistic, complete, the same in both files."""

import csv
import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from benchmarks.duckdb_readings import main as write_with_duckdb
from benchmarks.labs import append_readings, build_sensors_lab
from benchmarks.peers import DUCKDB
from benchmarks.readings_rows import BEGIN, FORTNIGHT
from benchmarks.same_tables import count_rows
from benchmarks.sensor_lab import Timetable
from benchmarks.sensors import SENSORS

from labcrate import Lab

COUNT = 3000


@pytest.fixture(scope="module", params=[False, True], ids=["compact", "pretty"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small lab, its JSON written in one line or with indents."""
    folder = tmp_path_factory.mktemp("bench") / "lab"
    build_sensors_lab(folder, COUNT, int(request.param))
    return folder


def _csv_rows(lab: Path) -> list[tuple[str, str, str]]:
    with (lab / "data/zigbee-sensors.csv").open(newline="", encoding="utf-8") as file:
        return [(row["timestamp"], row["topic"], row["payload"]) for row in csv.DictReader(file)]


def _json_rows(lab: Path) -> list[tuple[str, str, str]]:
    messages = json.loads((lab / "data/zigbee-data.json").read_text("utf-8"))["messages"]
    return [
        (one["timestamp"], topic, json.dumps(one["payload"], separators=(",", ":")))
        for topic, of_topic in messages.items()
        for one in of_topic
    ]


def test_both_files_have_the_same_readings_in_time_order(lab: Path) -> None:
    """The CSV is in time order and has as many rows as were requested; the JSON has the same, by topic."""
    rows = _csv_rows(lab)
    assert len(rows) == COUNT
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert sorted(_json_rows(lab)) == sorted(rows)


def test_every_kind_of_device_reports_its_state(lab: Path) -> None:
    """All forty devices report; there are events, objects and numbers with and without decimals."""
    devices = json.loads((lab / "data/devices.json").read_text("utf-8"))
    payloads = {topic.rpartition("/")[2]: json.loads(text) for _, topic, text in _csv_rows(lab)}
    assert sorted(payloads) == sorted(device["name"] for device in devices)
    assert len(payloads) == len(SENSORS) == 40
    keys = {key for payload in payloads.values() for key in payload}
    assert keys >= {"temperature", "occupancy", "contact", "power", "action", "color", "update", "illuminance"}
    kinds = {type(value) for payload in payloads.values() for value in payload.values()}
    assert kinds == {int, float, bool, str, dict}
    assert len({topic.count("/") for _, topic, _ in _csv_rows(lab)}) == 2  # with a room, and without one


def test_exports_are_complete_with_all_readings(lab: Path, tmp_path: Path) -> None:
    """The fortnight has all readings, its hour fewer, and both sessions are complete without a warning."""
    exported = [Lab(lab).export(session, tmp_path / f"{session}.zip") for session in ("1", "2")]
    assert [str(one.state) for one in exported] == ["complete", "complete"]
    assert count_rows(tmp_path / "1.zip")["zigbee-sensors.csv"] == COUNT
    assert 0 < count_rows(tmp_path / "2.zip")["zigbee-sensors.csv"] < 20


def test_a_table_has_as_many_rows_as_are_counted(lab: Path, tmp_path: Path) -> None:
    """Rows are counted alike in an archive and in a folder, also if a mark is split between two reads."""
    Lab(lab).export("1", tmp_path / "1.zip")
    counts = count_rows(tmp_path / "1.zip")
    assert counts["zigbee-data.json"] == COUNT
    assert counts["sensor_readings.csv"] == counts["sensor_readings.json"] > COUNT
    for name in counts:
        (tmp_path / name).write_bytes(b'"timestamp":"\n' * 200_000)
    expected = {name: 200_000 - name.endswith(".csv") for name in counts}
    assert count_rows(tmp_path) == expected


@pytest.mark.parametrize("file", ["csv", "json"])
def test_appended_readings_are_in_the_next_plan(tmp_path: Path, file: str) -> None:
    """Readings are appended to one file, the JSON still ends each topic, and a plan has them."""
    lab = tmp_path / "lab"
    build_sensors_lab(lab, COUNT)
    append_readings(lab, 0, 100, file)
    assert len(_csv_rows(lab) if file == "csv" else _json_rows(lab)) == COUNT + 100
    assert len(Lab(lab).plan("1").readings) == COUNT + 100


@pytest.mark.parametrize("count", [1, 39, 1004, 2500])
def test_all_times_are_inside_the_span(count: int) -> None:
    """Every number of readings has exactly that many, each at its own time before the end."""
    begin = datetime.fromisoformat("2025-05-02T08:00:00Z")
    table = Timetable(begin, count)
    rows = pl.concat([table.messages(sensor, 0, table.rounds) for sensor in SENSORS]).sort("n")
    assert rows["n"].to_list() == list(range(count))
    assert rows["timestamp"].is_sorted()
    assert rows["timestamp"].n_unique() == count
    assert rows["timestamp"][-1] < "2025-05-16T08:00:00.000Z"


@pytest.mark.skipif(not DUCKDB.is_installed(), reason="DuckDB is only a peer of the benchmark")
def test_duckdb_writes_as_many_rows(tmp_path: Path) -> None:
    """The peer's four tables have the rows of an export's."""
    build_sensors_lab(tmp_path / "lab", COUNT)
    write_with_duckdb(str(tmp_path / "lab"), str(tmp_path / "tables"), BEGIN, FORTNIGHT)
    Lab(tmp_path / "lab").export("1", tmp_path / "1.zip")
    assert count_rows(tmp_path / "tables") == count_rows(tmp_path / "1.zip")
