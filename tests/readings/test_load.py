"""Loading the lab's readings: which are included, the counts, and the faults of bad input."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings

NOON = datetime(2025, 5, 2, 12, tzinfo=UTC)
HOUR = TimeSpan(NOON, NOON + timedelta(hours=1))
OPEN = TimeSpan()
HEADER = "timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload\n"


def json_file(**messages: Any) -> io.BytesIO:
    """Return a JSON file with the messages of each device."""
    text = {"messages": {f"zigbee2mqtt/{name}": sent for name, sent in messages.items()}}
    return io.BytesIO(json.dumps(text).encode())


def message(payload: Any, timestamp: Any = "2025-05-02T12:30:00.000Z") -> dict[str, Any]:
    """Return a message as in the JSON file."""
    return {"timestamp": timestamp, "payload": payload}


def csv_file(*rows: str, header: str = HEADER) -> io.BytesIO:
    """Return a CSV file of the rows."""
    return io.BytesIO((header + "".join(f"{row}\n" for row in rows)).encode())


def only_json(text: bytes, window: TimeSpan = OPEN) -> Readings:
    """Return the readings of a lab with only this JSON."""
    return load_readings(io.BytesIO(text), None, window)


def test_a_message_sent_twice_is_two_readings() -> None:
    """Equal messages of one file are separate readings; having them in both files adds none."""
    door = message({"contact": True})
    row = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/door","door","","","","","","{""contact"":true}"'
    readings = load_readings(json_file(door=[door, door]), csv_file(row, row, row), HOUR)
    assert len(readings) == 3
    assert (readings.both, readings.only_json, readings.only_csv) == (2, 0, 1)


def test_the_jsons_text_is_kept_with_its_order_and_its_numbers() -> None:
    """If the files differ only in form, the JSON's text is used: order of keys, 22.0, escapes; only spaces go."""
    sent = b'[{"timestamp": "2025-05-02T12:30:00Z", "payload": {"b": 22.0, "a": "\\u00e9"}}]'
    text = b'{"messages": {"zigbee2mqtt/a": ' + sent + b"}}"
    row = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a","a","","","","","","{""a"":""é"",""b"":22}"'
    readings = load_readings(io.BytesIO(text), csv_file(row), OPEN)
    assert readings.frame["payload"].to_list() == ['{"b":22.0,"a":"\\u00e9"}']
    assert readings.both == 1


def test_true_is_not_one() -> None:
    """Payloads that are equal only in a loose comparison are different readings."""
    row = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a","a","","","","","","{""on"":1}"'
    assert len(load_readings(json_file(a=[message({"on": True})]), csv_file(row), OPEN)) == 2


def test_a_payload_stored_as_text_is_the_object_it_holds() -> None:
    """A message stored as text gives the same reading as one stored as an object."""
    readings = load_readings(json_file(a=[message('{"on": true}')]), None, OPEN)
    assert readings.frame["payload"].to_list() == ['{"on":true}']


def test_a_row_without_payload_is_the_reading_that_says_the_same() -> None:
    """Another tool's row is no second reading of the message it was made from; without it, it is a reading."""
    header = "timestamp,device_id,temperature,motion\n"
    rows = ("2025-05-02T12:30:00Z,hall,21.50,true", "2025-05-02T12:31:00Z,hall,21.50,")
    sent = message({"temperature": 21.5, "occupancy": True, "color": {"x": 1}})
    readings = load_readings(json_file(hall=[sent]), csv_file(*rows, header=header), OPEN)
    assert readings.frame["payload"].to_list() == [
        '{"temperature":21.5,"occupancy":true,"color":{"x":1}}',
        '{"temperature":21.50}',
    ]
    assert readings.frame["topic"].unique().to_list() == ["zigbee2mqtt/hall"]
    assert (readings.both, readings.only_csv) == (1, 1)


def test_a_row_without_payload_that_says_otherwise_is_another_reading() -> None:
    """A value that the message of the same instant does not have makes the row a reading of its own."""
    row = csv_file("2025-05-02T12:30:00Z,hall,19", header="timestamp,device_id,temperature\n")
    assert len(load_readings(json_file(hall=[message({"temperature": 21})]), row, OPEN)) == 2


def test_availability_commands_and_the_bridge_are_no_readings() -> None:
    """Their messages are counted, once for both files, and not included."""
    sent = {name: [message("online")] for name in ("a/availability", "a/set", "a/get", "bridge/state")}
    row = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a/set","a/set","","","","","","{}"'
    readings = load_readings(json_file(**sent), csv_file(row), OPEN)
    assert len(readings) == 0
    assert readings.lab.no_readings == 4
    assert readings.lab.total == 0


def test_an_empty_window_tells_what_the_lab_has_and_what_is_nearest() -> None:
    """With nothing inside, the number of the lab's readings and the closest one in time are known."""
    times = ("2025-05-02T11:00:00Z", "2025-05-02T13:10:00Z", "2025-05-02T18:00:00Z")
    readings = load_readings(json_file(a=[message({"on": True}, time) for time in times]), None, HOUR)
    assert len(readings) == 0
    assert readings.frame.columns == ["timestamp", "topic", "device_id", "payload"]
    assert readings.lab.total == 3
    assert readings.lab.nearest == NOON + timedelta(minutes=70)
    assert (readings.lab.first, readings.lab.last) == (NOON - timedelta(hours=1), NOON + timedelta(hours=6))


def test_no_file_at_all_is_no_reading_and_no_problem() -> None:
    """A lab without either file has no readings, and nothing is wrong with it."""
    readings = load_readings(None, None, HOUR)
    assert (len(readings), readings.problems, readings.complete) == (0, (), True)
    assert (readings.first, readings.last, readings.lab.nearest) == (None, None, None)


def test_times_in_any_usual_spelling_are_one_instant() -> None:
    """Zones, fractions, and numbers since 1970 give the same instant; one without a zone is UTC, with a warning."""
    spellings = [
        "2025-05-02T12:30:00.000Z",
        "2025-05-02T12:30:00Z",
        "2025-05-02T14:30:00.000000+02:00",
        "2025-05-02T14:30:00+0200",
        "2025-05-02 12:30:00+00:00",
        1746189000000,
        1746189000,
        1746189000.0,
        "1746189000000",
        "2025-05-02T12:30:00",
        "2025-05-02 12:30:00.000",
    ]
    readings = load_readings(json_file(a=[message({"n": n}, time) for n, time in enumerate(spellings)]), None, OPEN)
    assert len(readings) == len(spellings)
    assert readings.frame["timestamp"].unique().to_list() == [NOON + timedelta(minutes=30)]
    (problem,) = readings.problems
    assert (problem.count, problem.fatal) == (2, False)
    assert "no time zone" in str(problem)
    assert "data/zigbee-data.json" in str(problem)


@pytest.mark.parametrize(
    "time",
    [
        None,
        True,
        "",
        "soon",
        "2025-02-30T12:00:00Z",
        "2025-05-02T25:00:00.000Z",
        [],
        "-001-05-02T12:00:00Z",
    ],
)
def test_an_unreadable_time_is_named_and_its_reading_left_out(time: Any) -> None:
    """A text that is no time is counted with its place, and every other reading is included."""
    readings = load_readings(json_file(a=[message({}), message({}, time)]), None, OPEN)
    assert len(readings) == 1
    (problem,) = readings.problems
    assert (problem.where, problem.count, problem.fatal) == ('messages["zigbee2mqtt/a"][1]', 1, False)
    assert problem.incomplete
    assert "timestamp cannot be read" in problem.what


def test_microseconds_are_kept() -> None:
    """A time finer than milliseconds is not rounded, and the window includes its end to the microsecond."""
    time = "2025-05-02T13:00:00.000001Z"
    sent = {"a": [message({}, time), message({}, "2025-05-02T13:00:00Z")]}
    assert len(load_readings(json_file(**sent), None, HOUR)) == 1
    both = load_readings(json_file(**sent), None, OPEN)
    assert both.last == NOON + timedelta(hours=1, microseconds=1)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (b"", "", "empty"),
        (b'{"messages": {"a": [\n{"timestamp": "2025', "line 2", "too early"),
        (b'{"messages":\n\n {"a": [}]}', "line 3, byte 22", "not JSON"),
        (b'{"messages": 7}', "", "object"),
        (b"7", "", "object"),
        (b'{"messages": {"a": [1, 2]}} x', "line 1", "not JSON"),
        (b"\xff\xfe\x00", "line 1, byte 0", "not JSON"),
        (b'{"messages":' + b"[" * 100_000, "", "object"),
        (b'{"messages":{"a":' + b"[" * 100_000, "", "recursion"),
    ],
)
def test_a_json_file_that_does_not_parse_is_a_fatal_problem(text: bytes, where: str, what: str) -> None:
    """The problem names file, line and fault; the readings of the CSV are included, and the result is incomplete."""
    row = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a","a","","","","","","{}"'
    readings = load_readings(io.BytesIO(text), csv_file(row), OPEN)
    (problem,) = readings.problems
    assert problem.fatal
    assert problem.file == "data/zigbee-data.json"
    assert problem.where.startswith(where)
    assert what in problem.what
    assert not readings.complete
    assert len(readings) == 1


def test_a_json_file_without_messages_has_no_readings() -> None:
    """An object without "messages" is a warning, not a broken file."""
    readings = only_json(b"{}")
    assert readings.complete
    assert [problem.fatal for problem in readings.problems] == [False]


def test_what_is_no_message_is_named_and_the_rest_is_taken() -> None:
    """Among a topic's messages null, text, or one without a payload is left out by its place in the list."""
    sent: list[Any] = [message({}), None, message({}), "x", {"timestamp": "2025-05-02T12:30:00Z"}]
    readings = load_readings(json_file(a=sent, b=7), None, OPEN)
    assert len(readings) == 2
    places = {problem.where: problem.count for problem in readings.problems}
    assert places == {
        'messages["zigbee2mqtt/a"][1]': 2,
        'messages["zigbee2mqtt/a"][4]': 1,
        'messages["zigbee2mqtt/b"]': 1,
    }


def test_a_payload_nested_without_end_is_left_out() -> None:
    """A payload of a thousand nested lists is reported, and the others are included."""
    deep = "[" * 300 + "]" * 300
    text = f'{{"messages":{{"a":[{{"timestamp":"2025-05-02T12:30:00Z","payload":{deep}}}]}}}}'
    readings = only_json(text.encode())
    assert len(readings) == 0
    assert [problem.count for problem in readings.problems] == [1]


@pytest.mark.parametrize(
    ("text", "fatal", "what"),
    [
        (b"", False, "empty"),
        (b"time,topic\n1,2\n", True, "columns"),
        (b"timestamp,value\n1,2\n", True, "columns"),
        (b"\xff\xfet\x00i\x00", True, "columns"),
        (b"timestamp\0topic\n", True, "UTF-8"),
    ],
)
def test_a_csv_file_without_its_columns_is_a_fatal_problem(text: bytes, fatal: bool, what: str) -> None:
    """An unusable header is reported with the required columns; an empty file has no readings yet."""
    readings = load_readings(None, io.BytesIO(text), OPEN)
    (problem,) = readings.problems
    assert problem.file == "data/zigbee-sensors.csv"
    assert (problem.fatal, readings.complete) == (fatal, not fatal)
    assert what in problem.what


def test_a_half_written_last_line_is_named() -> None:
    """A row that was cut off inside its payload, or between two fields, is left out with its line."""
    whole = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a","a","","","","","","{""on"":true}"\n'
    for half in ('"2025-05-02T12:31:00.000Z","zigbee2mqtt/a","a","","","","","","{""on', whole[:47]):
        readings = load_readings(None, io.BytesIO((HEADER + whole + half).encode()), OPEN)
        assert len(readings) == 1
        (problem,) = readings.problems
        assert (problem.where, problem.incomplete) == ("line 3", False)
        assert "ends in the middle of this row" in problem.what


def test_bad_rows_of_a_csv_are_named_by_their_line_and_the_rest_is_taken() -> None:
    """A payload that is no JSON (once in Windows-1252), a row without a device, no time: each has its line."""
    good = '"2025-05-02T12:30:00.000Z","zigbee2mqtt/a","a","","","","","","{}"\n'
    bad = [
        good.replace("{}", "{oops").encode(),
        good.replace('"zigbee2mqtt/a","a"', '"",""').encode(),
        good.encode().replace(b"{}", b"{\xff}"),
        b"\r\n",
        good.replace("2025-05-02T12:30:00.000Z", "yesterday").encode(),
    ]
    readings = load_readings(None, io.BytesIO(HEADER.encode() + b"".join(bad) + good.encode()), OPEN)
    assert len(readings) == 1
    places = {problem.where: (problem.count, problem.incomplete) for problem in readings.problems}
    assert places == {"line 2": (2, True), "line 3": (1, True), "line 6": (1, True)}


def test_columns_may_come_in_any_order_and_with_a_byte_order_mark() -> None:
    """A CSV that a spreadsheet saved (BOM, CRLF, another order, few quotes) gives the same readings."""
    rows = ("ON,lamp,2025-05-02T12:30:00Z,zigbee2mqtt/lamp", '"{""a"": 1}",,2025-05-02T12:31:00Z,zigbee2mqtt/b', "")
    text = "\r\n".join(("\ufeffpayload,device_id,timestamp,topic", *rows))
    readings = load_readings(None, io.BytesIO(text.encode()), OPEN)
    assert readings.problems == ()
    assert readings.frame.select("device_id", "payload").rows() == [("lamp", '"ON"'), ("b", '{"a":1}')]


def test_a_file_that_cannot_be_opened_is_a_fatal_problem(tmp_path: Path) -> None:
    """A file that has gone is named by its label, never by its path on this machine."""
    readings = load_readings(tmp_path / "gone.json", None, OPEN)
    (problem,) = readings.problems
    assert problem.fatal
    assert str(tmp_path) not in str(problem)


def test_paths_and_open_files_give_the_same(tmp_path: Path) -> None:
    """A path and the open file are two ways to name the same source."""
    source = json_file(a=[message({"on": True})])
    path = tmp_path / "zigbee-data.json"
    path.write_bytes(source.getvalue())
    assert load_readings(path, None, OPEN).frame.equals(load_readings(source, None, OPEN).frame)
