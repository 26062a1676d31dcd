"""A chosen part of a session: exactly that part, and an archive that says so."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcrate
from labcrate.errors import UsageError
from labcrate.model.timespan import TimeSpan
from labcrate.plan.choices import intersection

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
SCHEMA = Path(__file__).parents[2] / "docs" / "spec" / "session_metadata.schema.json"


@pytest.fixture
def chosen_lab(usual_lab: Any) -> Any:
    """Return the usual lab, with three recordings of two cameras at known times and a sensor file of the session."""
    for name, minute in (("cam1_session42_b", 1), ("cam2_session42_c", 2), ("cam2_session42_d", 4)):
        usual_lab.recording(f"recordings/{name}.mp4", START + timedelta(minutes=minute))
    usual_lab.write("sessions/Session42/sensor_data/own.txt", "all sensors, all the time")
    return usual_lab


def members(archive: Path) -> set[str]:
    """Return the names of an archive's recordings and sensor data."""
    names = zipfile.ZipFile(archive).namelist()
    return {n for n in names if n.startswith(("recordings/", "data/sensor_data/", "data/zigbee"))}


SENSORS = {
    "data/zigbee-data.json",
    "data/zigbee-sensors.csv",
    "data/sensor_data/sensor_readings.json",
    "data/sensor_data/sensor_readings.csv",
}
OWN = {"data/sensor_data/own.txt"}
CAM1 = {"recordings/cam1_session42_a.mp4", "recordings/cam1_session42_b.mp4"}
CAM2 = {"recordings/cam2_session42_c.mp4", "recordings/cam2_session42_d.mp4"}
ANY = {"recordings/any.mp4"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), SENSORS | OWN | CAM1 | CAM2 | ANY),
        (("--only", "sensors"), SENSORS | OWN),
        (("--only", "recordings"), CAM1 | CAM2 | ANY),
        (("--camera", "1"), SENSORS | OWN | CAM1),
        (("--camera", "CAM1", "--camera", "Camera 2"), SENSORS | OWN | CAM1 | CAM2),
        (("--sensor", "door"), SENSORS | CAM1 | CAM2 | ANY),
        (
            ("--only", "recordings", "--camera", "cam2", "--to", "2025-05-02T08:02:00Z"),
            {"recordings/cam2_session42_c.mp4"},
        ),
        (("--from", "2025-05-02T08:03:00Z"), SENSORS | {"recordings/cam2_session42_d.mp4"}),
    ],
)
def test_the_archive_holds_exactly_what_was_chosen(
    chosen_lab: Any, cli: Any, tmp_path: Path, words: tuple[str, ...], expected: set[str]
) -> None:
    """Each way to choose includes the named members and no others."""
    outcome = cli("export", "42", "--lab", chosen_lab.root, "-o", tmp_path / "a.zip", *words)
    assert outcome.code == 0, outcome.err
    assert members(tmp_path / "a.zip") == expected


def test_a_partial_archive_says_so_everywhere(chosen_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The file's name, the README, the metadata, the crate, the data package and the command all say PARTIAL."""
    outcome = cli("export", "42", "--lab", chosen_lab.root, "-o", f"{tmp_path}/", "--camera", "1", "--sensor", "door")
    with zipfile.ZipFile(tmp_path / "Session42_PARTIAL.zip") as archive:
        readme = archive.read("README.txt").decode()
        metadata = json.loads(archive.read("data/session_metadata.json"))
        crate = json.loads(archive.read("ro-crate-metadata.json"))
        package = json.loads(archive.read("datapackage.json"))
    jsonschema.validate(metadata, json.loads(SCHEMA.read_text()))
    left_out = [
        "3 recordings were left out: other cameras were chosen.",
        "1 file of the session's own sensor_data folder was left out: only some sensors were chosen.",
        "1 reading of other sensors was left out.",
    ]
    assert metadata["selection"] == {
        "partial": True,
        "only": "all",
        "cameras": ["1"],
        "sensors": ["door"],
        "from": None,
        "to": None,
        "notChosen": left_out,
    }
    assert "(PARTIAL)" in readme.splitlines()[0]
    assert all(sentence in " ".join(readme.split()) for sentence in left_out)
    assert "belongs to the session is in it" not in readme
    assert next(e for e in crate["@graph"] if e["@id"] == "./")["name"] == "Morning (PARTIAL)"
    assert package["title"] == "Morning (PARTIAL)"
    assert "PARTIAL" in outcome.out
    assert all(sentence in outcome.out for sentence in left_out)


def test_a_whole_archive_says_nothing_of_a_selection(chosen_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Without a choice the archive does not mention one."""
    cli("export", "42", "--lab", chosen_lab.root, "-o", f"{tmp_path}/")
    with zipfile.ZipFile(tmp_path / "Session42.zip") as archive:
        assert "selection" not in json.loads(archive.read("data/session_metadata.json"))
        assert "PARTIAL" not in archive.read("README.txt").decode()


def test_only_the_chosen_sensors_readings_are_in(chosen_lab: Any, tmp_path: Path) -> None:
    """A sensor chosen by its address gives the readings of that device only, in the chosen time."""
    export = labcrate.Lab(chosen_lab.root).export(
        42, tmp_path, sensors=["0x01"], start="2025-05-02T08:04:00Z", end=START + timedelta(minutes=9)
    )
    with labcrate.open(export.path) as archive:
        assert archive.readings["timestamp"].to_list() == [START + timedelta(minutes=5)]
        assert archive.readings["device_id"].to_list() == ["door"]
        assert not archive.verify().findings


def test_pad_widens_and_the_chosen_time_cuts(chosen_lab: Any) -> None:
    """The window is the session's padded time within the chosen time."""
    plan = labcrate.Lab(chosen_lab.root).plan(42, pad="2s", start="2025-05-02T07:00:00Z", end="2025-05-02T08:01:00Z")
    assert plan.window == TimeSpan(START - timedelta(seconds=2), START + timedelta(minutes=1))
    assert plan.readings.frame["timestamp"].to_list() == [START - timedelta(milliseconds=1), START]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--camera", "camera 3"), "Did you mean Camera"),
        (("--sensor", "dor"), "Did you mean door"),
        (("--from", "yesterday"), "not a date and time"),
        (("--from", "2025-05-02T09:00Z", "--to", "2025-05-02T08:00Z"), "The chosen time ends before it starts"),
        (("--only", "video"), "--only"),
        (("--only", "recordings", "--sensor", "door"), "no sensor can be chosen"),
        (("--only", "sensors", "--camera", "1"), "no camera can be chosen"),
        (("--pad", "-3s"), "pad"),
    ],
)
def test_an_invalid_choice_is_refused(
    chosen_lab: Any, cli: Any, clear: Any, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """An unknown camera or sensor, or an invalid time, is refused with the nearest name.

    So are options that contradict each other: a sensor with recordings only.
    """
    outcome = cli("export", "42", "--lab", chosen_lab.root, "-o", tmp_path / "a.zip", *words)
    clear(outcome, 2, said)
    assert not (tmp_path / "a.zip").exists()


def test_a_sensor_that_the_session_had_not_selected_cannot_be_chosen(chosen_lab: Any) -> None:
    """A choice can only narrow the session's selection."""
    chosen_lab.session(42, selectedDevices={"sensors": [{"id": "hall/climate"}]})
    with pytest.raises(UsageError, match="The sensors selected for the session: hall/climate"):
        labcrate.Lab(chosen_lab.root).plan(42, sensors=["door"])


def test_what_was_not_chosen_cannot_make_an_export_incomplete(chosen_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A sensor file that cannot be read refuses the whole session, and not its recordings alone."""
    chosen_lab.write("data/zigbee-data.json", "{ broken")
    whole = cli("export", "42", "--lab", chosen_lab.root, "-o", tmp_path / "a.zip")
    part = cli("export", "42", "--lab", chosen_lab.root, "-o", tmp_path / "b.zip", "--only", "recordings")
    assert (whole.code, part.code) == (6, 0)
    assert "complete" in part.out
    assert "incomplete" not in part.out


INSTANTS = st.none() | st.integers(0, 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
SPANS = st.builds(TimeSpan, INSTANTS, INSTANTS)


@given(SPANS, SPANS, INSTANTS.filter(bool))
def test_an_instant_is_in_the_intersection_when_it_is_in_both(one: TimeSpan, other: TimeSpan, at: datetime) -> None:
    """The intersection of two spans holds exactly the instants that both hold, also where that is none."""
    assert intersection(one, other).contains(at) == (one.contains(at) and other.contains(at))
