"""The unreadable rows that make a session's readings incomplete."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings

NOON = TimeSpan(datetime(2025, 5, 2, 12, tzinfo=UTC), datetime(2025, 5, 2, 13, tzinfo=UTC))
HEADER = "timestamp,topic,payload\n"


def row(time: str, topic: str = "zigbee2mqtt/a", payload: str = "1") -> str:
    """Return a row of the CSV, on the second of May."""
    stamp = f"2025-05-02T{time}:00Z" if time[:1].isdigit() else time
    return f"{stamp},{topic},{payload}\n"


def load(*rows: str, sensors: tuple[SelectedSensor, ...] = (), window: TimeSpan = NOON) -> Readings:
    """Return the readings of a lab with only these rows."""
    return load_readings(None, io.BytesIO((HEADER + "".join(rows)).encode()), window, sensors)


@pytest.mark.parametrize(
    ("rows", "incomplete"),
    [
        ([row("11:00"), "2025-05-02T11:30:00Z,x\n", row("12:30")], False),  # not whole, before the session
        ([row("11:00"), "2025-05-02T12:30:00Z,x\n", row("14:30")], True),
        ([row("12:10"), row("soon"), row("12:30")], True),
        ([row("10:10"), row("soon"), row("10:30"), row("12:30")], False),
        ([row("12:10"), row("14:00"), row("soon"), row("14:30")], False),
        ([row("11:10"), row("soon"), row("14:30")], True),  # the session is between the rows around it
        ([row("soon"), row("12:10")], True),
        ([row("soon"), row("10:10"), row("12:10")], False),
        ([row("12:10"), row("soon"), row("soon")], True),
        ([row("10:10"), row("soon"), row("soon")], False),
        ([row("soon"), row("soon")], True),  # their times are unknown
        ([row("12:10", payload='"{""a"":"'), row("12:20")], True),
        ([row("12:10", topic=""), row("12:20")], True),
        ([row("10:10", topic=""), row("12:20")], False),
        ([row("soon", topic="zigbee2mqtt/a/availability"), row("12:20")], False),
    ],
)
def test_a_row_counts_unless_it_surely_lies_outside(rows: list[str], incomplete: bool) -> None:
    """By its own time, else by those of the rows around it."""
    readings = load(*rows)
    assert readings.complete is not incomplete
    assert any(problem.incomplete for problem in readings.problems) is incomplete


def test_blocks_do_not_change_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows around one without a time are found across the borders of blocks that are read at once."""
    defaults = load_csv_defaults()
    for rows, incomplete in (
        ([row("12:10"), *[row("soon")] * 5, row("14:30")], True),
        ([row("10:10"), *[row("soon")] * 5, row("11:30"), row("12:10")], False),
        ([row("13:10"), *[row("soon")] * 5, row("12:30")], True),
    ):
        for size in (16, 40, 64, 1000):
            monkeypatch.setattr("labcrate.readings.load.csv_source.read_csv.__defaults__", (*defaults[:-1], size))
            assert load(*rows).complete is not incomplete


def load_csv_defaults() -> tuple[Any, ...]:
    """Return the defaults of read_csv; the last one is the size of a block."""
    from labcrate.readings.load.csv_source import read_csv  # noqa: PLC0415

    return read_csv.__defaults__ or ()


def test_rows_of_sensors_that_were_not_selected_are_only_a_warning() -> None:
    """A row of another sensor takes nothing from the session; one without a readable topic may."""
    sensors = (SelectedSensor("a", "a"),)
    other = load(row("12:10", "zigbee2mqtt/b", '"{""a"":"'), row("12:20"), sensors=sensors)
    assert other.complete
    (problem,) = other.problems
    assert "not selected" in problem.what
    assert not load(row("12:10", payload='"{""a"":"'), row("12:20"), sensors=sensors).complete
    assert not load("2025-05-02T12:10:00Z\n", row("12:20"), sensors=sensors).complete


def test_everything_counts_where_all_readings_are_taken() -> None:
    """Without a window no row is outside."""
    assert not load(row("10:10"), row("soon"), row("10:20"), window=TimeSpan()).complete


@pytest.mark.parametrize(
    "end",
    [
        "2025-05-02T12:30:00Z,zigbee",
        '2025-05-02T12:30:00Z,zigbee2mqtt/a,"{""a"":',
        "2025-0",
        '2025-05-02T12:30:00Z,zigbee2mqtt/a,"1\n',
    ],
)
def test_a_torn_last_line_is_a_warning(end: str) -> None:
    """Wherever it was cut off."""
    readings = load(row("12:10"), end)
    assert (len(readings), readings.complete) == (1, True)
    assert [problem.where for problem in readings.problems] == ["line 3"]


def test_a_torn_row_in_the_middle_is_no_torn_end() -> None:
    """Rows follow it, so it is not the end that a crash left; it counts by its time."""
    torn = '2025-05-02T12:30:00Z,zigbee2mqtt/a,"{""a"":\n'
    assert not load(row("12:10"), torn, row("12:20")).complete
    assert load(row("12:10"), torn.replace("T12", "T11"), row("12:20")).complete


def test_messages_count_by_those_around_them_on_their_topic() -> None:
    """In the JSON the rows around one are those of the same topic."""

    def of(*times: str) -> list[dict[str, Any]]:
        return [{"timestamp": f"2025-05-02T{time}:00Z" if ":" in time else time, "payload": 1} for time in times]

    for sent, incomplete in (
        ({"z/a": of("10:00", "soon", "11:00"), "z/b": of("12:30")}, False),
        ({"z/a": of("10:00", "soon", "12:10"), "z/b": of("14:30")}, True),
        ({"z/a": of("12:30"), "z/b": of("10:30", "soon")}, False),
        ({"z/a": of("12:30"), "z/b": "no list"}, True),
    ):
        text = json.dumps({"messages": sent}).encode()
        assert load_readings(io.BytesIO(text), None, NOON).complete is not incomplete


def test_whatever_is_fatal_is_incomplete() -> None:
    """If a file cannot be used, all its readings are missing."""
    (problem,) = load_readings(io.BytesIO(b"{"), None, NOON).problems
    assert (problem.fatal, problem.incomplete) == (True, True)


def test_a_problem_is_one_message_with_the_id_of_its_fault() -> None:
    """A problem is one message with file, place and fault; notes about extent and number do not hide the fault's id."""
    (problem,) = load(row("12:10", payload="{x"), row("12:20", payload="{x")).problems
    assert problem.fault_id == "readings.payload_unreadable"
    assert str(problem) == (
        "data/zigbee-sensors.csv, line 2: the payload is not JSON, so the reading was left out (2 times, first here)"
    )
    assert not problem.about_dates
    (unclear,) = load("02/03/2025 10:00,zigbee2mqtt/a,1\n").problems
    assert (unclear.fault_id, unclear.about_dates) == ("readings.ambiguous_date", True)
