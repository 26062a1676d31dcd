"""A session without readings: its tables are the usual ones, and Polars is not imported for them."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings
from labcrate.readings.write import tables
from labcrate.readings.write.table_writers import TableWriter, table_writers


def written(writer: TableWriter) -> bytes:
    """Return what a writer writes."""
    file = io.BytesIO()
    writer(file)
    return file.getvalue()


def test_tables_without_rows_are_those_of_the_general_writers() -> None:
    """The tables of a session without readings are, byte for byte, what the writers make of none."""
    none = Readings()
    ready = table_writers(none, "42")
    assert written(ready.zigbee_json) == written(lambda file: tables.write_zigbee_json(none, file))
    assert written(ready.zigbee_csv) == written(lambda file: tables.write_zigbee_csv(none, file, "42"))
    assert written(ready.sensor_json) == written(lambda file: tables.write_sensor_json(none, file, session_id="42"))
    assert written(ready.sensor_csv) == written(lambda file: tables.write_sensor_csv(none, file, "42"))


def test_no_files_are_as_good_as_files_without_readings() -> None:
    """A lab without files of readings gives the same as one with an empty file, also for selected sensors."""
    sensors = (SelectedSensor("0x01", "kitchen"),)
    none = load_readings(None, None, TimeSpan(), sensors)
    empty = load_readings(io.BytesIO(b'{"messages": {}}'), None, TimeSpan(), sensors)
    assert none == empty
    assert none.frame.equals(empty.frame)
    assert none.frame.schema == empty.frame.schema
    assert none.absent_sensors == ("kitchen",)


@pytest.mark.thorough
def test_a_lab_without_readings_is_exported_without_polars(tmp_path: Path) -> None:
    """Neither Polars nor FFmpeg is imported for the plan of a lab without readings and recordings."""
    (tmp_path / "sessions/Session1").mkdir(parents=True)
    program = (
        "import sys; from labcrate.cli.main import main; "
        f"code = main(['export', '1', '--lab', {str(tmp_path)!r}, '-o', {str(tmp_path / 'a.zip')!r}]); "
        "assert code == 0; print(sorted({'av', 'polars', 'rich'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1:] == ["[]"], ended.stderr
