"""labcrate index reads many sensor messages in advance, so that plans and exports find them in an index."""

from pathlib import Path
from typing import Any

import pytest

from labcrate.readings.write import readings_summary

ROWS = [("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", {"temperature": 20.5 + n}) for n in range(3)]


@pytest.fixture
def sensor_lab(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the usual lab with three readings in its JSON, which count as many."""
    monkeypatch.setattr("labcrate.plan.sensors._LARGE_BYTES", 0)
    for file in (usual_lab.root / "data").glob("zigbee-*"):
        file.unlink()
    usual_lab.zigbee_json(ROWS)
    return usual_lab


def test_a_plan_after_the_index_computes_nothing_again(
    sensor_lab: Any, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says how many readings it indexed; then a plan of all readings decodes no message."""
    assert "3 readings indexed\n" in cli("index", "--lab", sensor_lab.root).out
    monkeypatch.setattr("labcrate.export.assemble.MANY_READINGS", 1)

    def called(*_: object) -> None:
        raise AssertionError("messages were decoded again")

    monkeypatch.setattr(readings_summary, "summarise", called)
    plan = cli("plan", "42", "--readings", "all", "--lab", sensor_lab.root, "--json").json
    assert plan["sizeBytes"] > 0


def test_json_has_the_number_of_readings(sensor_lab: Any, cli: Any) -> None:
    """The number is that of the whole lab, also for one session, and again when nothing is to be read."""
    for words in ((), ("42",), ("42",)):
        assert cli("index", *words, "--lab", sensor_lab.root, "--json").json["readings"] == 3


def test_the_base_topic_can_be_chosen(sensor_lab: Any, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option and the environment variable choose whose bridge's messages are no readings."""
    sensor_lab.zigbee_json([*ROWS, ("2025-05-02T08:02:00.000Z", "other/bridge/state", {"state": "online"})])
    words = ("index", "--lab", sensor_lab.root, "--json")
    assert cli(*words).json["readings"] == 4
    assert cli(*words, "--base-topic", "other").json["readings"] == 3
    monkeypatch.setenv("LABCRATE_BASE_TOPIC", "other")
    assert cli(*words).json["readings"] == 3


def test_a_broken_sensor_file_is_named(sensor_lab: Any, cli: Any) -> None:
    """A sensor file that cannot be read is named with the reason; the command indexes the others and succeeds."""
    path: Path = sensor_lab.root / "data" / "zigbee-data.json"
    path.write_text("[1, 2", encoding="utf-8")
    done = cli("index", "--lab", sensor_lab.root)
    assert done.code == 0
    assert "3 files indexed" in done.out
    assert "  not indexed: data/zigbee-data.json: " in done.out
    found = cli("index", "--lab", sensor_lab.root, "--json").json
    assert list(found["failed"]) == ["data/zigbee-data.json"]


def test_a_lab_without_sensor_files_says_nothing_of_readings(usual_lab: Any, cli: Any) -> None:
    """Without files of readings, or with small ones, the command does not mention them."""
    assert "reading" not in cli("index", "--lab", usual_lab.root).out
