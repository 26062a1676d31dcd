"""The earliest and latest times of the sensor files in a session's own folder."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labcrate.lab.sensor_times import SensorTimes, read_sensor_times
from labcrate.model.timespan import format_instant

FOLDER = "sessions/Session7"
TRAFFIC = "mqtt_data/session_7_mqtt_traffic.csv"
HEADER = "timestamp,topic,payload,sensor_id,battery,linkquality\n"


def at(minute: int, second: int = 0) -> datetime:
    """Return a time of the session."""
    return datetime(2025, 6, 10, 15, minute, second, tzinfo=UTC)


def times(lab: Any, zone: str | None = None) -> SensorTimes:
    """Return the times of the sensor files of session 7."""
    return read_sensor_times(lab.open(), "7", FOLDER, zone)


def row(minute: int) -> str:
    """Return a row of MQTT traffic as the platform appends it."""
    return f'"{format_instant(at(minute))}","zigbee2mqtt/x/t","{{""temperature"":21.4,""a"":""b,c""}}","x","",""\n'


def test_every_file_that_the_platform_writes(lab: Any) -> None:
    """Traffic, one file for each kind of sensor, and sensor_readings as CSV and JSON each have an end."""
    lab.write(f"{FOLDER}/{TRAFFIC}", HEADER + row(31) + row(35) + row(33))
    kind = 'timestamp,sensor_id,temperature,battery,linkquality\n"2025-06-10T15:36:00.000Z","x","21.4","",""\n'
    lab.write(f"{FOLDER}/sensor_data/temperature_sensors.csv", kind)
    lab.write(f"{FOLDER}/sensor_data/sensor_readings.csv", "sensorId;timestamp\nx;2025-06-10T15:37:00Z\n")
    lab.json(
        f"{FOLDER}/sensor_data/sensor_readings.json",
        {"sessionId": 7, "readings": [{"timestamp": format_instant(at(38))}, {"timestamp": 1749570000000}, {}]},
    )
    found = times(lab)
    assert {one.file.removeprefix(f"{FOLDER}/"): (one.start, one.end) for one in found.files} == {
        TRAFFIC: (at(31), at(35)),
        "sensor_data/temperature_sensors.csv": (at(36), at(36)),
        "sensor_data/sensor_readings.csv": (at(37), at(37)),
        "sensor_data/sensor_readings.json": (at(38), at(40)),
    }
    assert (found.problems, found.assumed_utc) == ((), False)


def test_other_files_are_ignored(lab: Any, tmp_path: Any) -> None:
    """Files with other names, other sessions' traffic, files further down, hidden files and links are ignored."""
    for path in (
        "mqtt_data/session_8_mqtt_traffic.csv",
        "sensor_data/wearable.csv",
        "sensor_data/more/x_sensors.csv",
        "sensor_data/._x_sensors.csv",
        "x_sensors.csv",
    ):
        lab.write(f"{FOLDER}/{path}", HEADER + row(31))
    (tmp_path / "outside.csv").write_text(HEADER + row(31))
    (lab.root / f"{FOLDER}/sensor_data/y_sensors.csv").symlink_to(tmp_path / "outside.csv")
    os.mkfifo(lab.root / f"{FOLDER}/sensor_data/z_sensors.csv")
    assert times(lab) == SensorTimes()


def test_a_cut_row_does_not_affect_others(lab: Any) -> None:
    """Rows cut off by a crash, in the middle or at the end, do not affect the times of the other rows."""
    torn = '"2025-06-10T15:32:00.000Z","zigbee2mqtt/x/t","{""temp'
    lab.write(f"{FOLDER}/{TRAFFIC}", HEADER + row(31) + torn + "\n" + row(34) + '"2025-06-1')
    assert [one.end for one in times(lab).files] == [at(34)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_that_a_spreadsheet_saved(lab: Any, encoding: str, delimiter: str) -> None:
    """Encodings and delimiters of spreadsheets are read, with the column in any place and case."""
    text = delimiter.join(["sensor", "Timestamp"]) + "\r\n" + delimiter.join(["salón", "2025-06-10 15:31:00"]) + "\r\n"
    lab.write(f"{FOLDER}/sensor_data/x_sensors.csv", text.encode(encoding))
    found = times(lab)
    assert ([one.end for one in found.files], found.assumed_utc) == ([at(31)], True)
    madrid = times(lab, "Europe/Madrid")
    assert ([one.end for one in madrid.files], madrid.assumed_utc) == ([at(31) - timedelta(hours=2)], False)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x_sensors.csv", "time,value\n1,2\n", "has no column 'timestamp'"),
        ("x_sensors.csv", "timestamp,value\n02/05/2025,2\n", "has no row with a valid time"),
        ("sensor_readings.json", '{"readings": [{"timestamp": "20', "is not JSON with a list of readings"),
        ("sensor_readings.json", '"x"', "is not JSON with a list of readings"),
        ("x_sensors.csv", "", None),
        ("x_sensors.csv", "timestamp,value\n", None),
        ("sensor_readings.json", "", None),
        ("sensor_readings.json", '{"readings": []}', None),
    ],
)
def test_files_without_a_time(lab: Any, name: str, content: str, problem: str | None) -> None:
    """A file without any valid time is named; a file without rows is not a fault. Neither has an end."""
    lab.write(f"{FOLDER}/sensor_data/{name}", content)
    found = times(lab)
    assert found.files == ()
    assert [one.file for one in found.problems] == ([f"{FOLDER}/sensor_data/{name}"] if problem else [])
    assert all(problem and problem in str(one) for one in found.problems)


SPELLINGS = st.sampled_from(
    ["%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%d %H:%M:%S.000Z", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%SZ"]
)
ROWS = st.lists(st.tuples(st.integers(0, 10**6), SPELLINGS) | st.sampled_from(["", "soon", '"', "\x00"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_the_end_is_the_latest_time_in_any_order(lab: Any, rows: list[Any]) -> None:
    """Rows may have any order and notation: the end is the latest of all times, the start the earliest."""
    instants = {i: at(0) + timedelta(seconds=row[0]) for i, row in enumerate(rows) if isinstance(row, tuple)}
    texts = [instants[i].strftime(row[1]) if isinstance(row, tuple) else row for i, row in enumerate(rows)]
    lab.write(f"{FOLDER}/sensor_data/x_sensors.csv", "timestamp,value\n" + "".join(f"{text},1\n" for text in texts))
    found = [(one.start, one.end) for one in times(lab).files]
    assert found == ([(min(instants.values()), max(instants.values()))] if instants else [])
