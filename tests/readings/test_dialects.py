"""Files as spreadsheets, editors and loggers write them: encodings, separators, decimal commas, shapes of JSON."""

import codecs
import io
import json
from typing import Any

import pytest

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings

HEADER = ["timestamp", "topic", "device_id", "temperature", "payload"]
MESSAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("2025-05-02T12:00:00Z", "zigbee2mqtt/salón", {"temperature": 21.5, "nota": "café € — ñ"}),
    ("2025-05-02T12:01:00Z", "zigbee2mqtt/cocina", {"temperature": 22}),
]
ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16-le with a mark": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16-be with a mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "windows-1252": lambda text: text.encode("cp1252"),
}


def csv_text(delimiter: str, line_end: str) -> str:
    """Return the messages as CSV, every field quoted."""
    rows = [HEADER, *([time, topic, "", "", json.dumps(sent, ensure_ascii=False)] for time, topic, sent in MESSAGES)]
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + line_end for row in rows)


def found(readings: Readings) -> list[tuple[str, dict[str, Any]]]:
    """Return topics and payloads in the order of time."""
    return [(topic, json.loads(text)) for topic, text in readings.frame.select("topic", "payload").iter_rows()]


EXPECTED = [(topic, sent) for _, topic, sent in MESSAGES]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_csv_of_any_dialect_gives_the_same_readings(encoding: str, delimiter: str, line_end: str) -> None:
    """No row, letter or sign is lost, and no fault is reported."""
    data = ENCODINGS[encoding](csv_text(delimiter, line_end))
    readings = load_readings(None, io.BytesIO(data), TimeSpan())
    assert readings.problems == ()
    assert found(readings) == EXPECTED


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("shape", ["object", "list", "messages in a list", "lines"])
def test_a_json_of_any_shape_gives_the_same_readings(encoding: str, shape: str) -> None:
    """By topic, as a list, as a list of messages in an object, and one object a line."""
    flat = [{"timestamp": time, "topic": topic, "payload": sent} for time, topic, sent in MESSAGES]
    by_topic = {topic: [{"timestamp": time, "payload": sent}] for time, topic, sent in MESSAGES}
    whole: Any = {"object": {"messages": by_topic}, "list": flat, "messages in a list": {"messages": flat}}.get(shape)
    text = json.dumps(whole, ensure_ascii=False, indent=1)
    if shape == "lines":
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in flat)
    readings = load_readings(io.BytesIO(ENCODINGS[encoding](text)), None, TimeSpan())
    assert readings.problems == ()
    assert found(readings) == EXPECTED


def test_decimal_commas_are_numbers_where_a_comma_separates_nothing() -> None:
    """21,5 between semicolons or tabs is 21.5; 1.234,5 and 007,5 stay texts."""
    for delimiter in (";", "\t"):
        rows = [
            delimiter.join(["Timestamp", "Device_ID", "temperature", "humidity", "code"]),
            delimiter.join(["2025-05-02T12:00:00Z", "hall", "21,50", "-0,5", "1.234,5"]),
            delimiter.join(["2025-05-02T12:01:00Z", "hall", "21.5", "7", "007,5"]),
        ]
        readings = load_readings(None, io.BytesIO("\n".join(rows).encode()), TimeSpan())
        sent = [json.loads(text, parse_float=str) for text in readings.frame["payload"]]
        assert sent == [
            {"temperature": "21.50", "humidity": "-0.5", "code": "1.234,5"},
            {"temperature": "21.5", "humidity": 7, "code": "007,5"},
        ]
        assert all('"21.50"' not in text for text in readings.frame["payload"])
    table = b'timestamp,device_id,temperature\n2025-05-02T12:00:00Z,hall,"21,5"\n'
    assert load_readings(None, io.BytesIO(table), TimeSpan()).frame["payload"].to_list() == ['{"temperature":"21,5"}']


def test_a_spreadsheets_line_about_its_separator_is_no_header() -> None:
    """Excel's sep=; comes before the header; lines are counted as an editor shows them."""
    table = b"sep=;\r\ntimestamp;topic;payload\r\n2025-05-02T12:00:00Z;zigbee2mqtt/a;ON\r\nnever;zigbee2mqtt/a;ON\r\n"
    readings = load_readings(None, io.BytesIO(table), TimeSpan())
    assert readings.frame["payload"].to_list() == ['"ON"']
    assert [problem.where for problem in readings.problems] == ["line 4"]


def test_one_line_of_windows_1252_in_a_utf8_file_is_read_and_named() -> None:
    """Its row is there, and the warning says that letters may be wrong; a file all in Windows-1252 has no warning."""
    whole = csv_text(",", "\n").encode()
    odd = '"2025-05-02T12:02:00Z","zigbee2mqtt/a","","","{""x"":""é""}"\n'.encode("cp1252")
    readings = load_readings(None, io.BytesIO(whole + odd), TimeSpan())
    assert found(readings) == [*EXPECTED, ("zigbee2mqtt/a", {"x": "é"})]
    (problem,) = readings.problems
    assert (problem.where, problem.incomplete) == ("line 4", False)
    assert "Windows-1252" in problem.what


def test_a_torn_last_line_of_json_lines_is_a_warning() -> None:
    """The lines before it are read; a broken line between others makes the readings incomplete."""
    line = json.dumps({"timestamp": "2025-05-02T12:00:00Z", "topic": "zigbee2mqtt/a", "payload": {}}) + "\n"
    torn = load_readings(io.BytesIO((line * 2 + line[:40]).encode()), None, TimeSpan())
    assert len(torn) == 2
    (problem,) = torn.problems
    assert (problem.where, problem.incomplete, torn.complete) == ("line 3", False, True)
    broken = load_readings(io.BytesIO((line + line[:40] + "\n" + line).encode()), None, TimeSpan())
    assert len(broken) == 2
    assert [(one.where, one.incomplete) for one in broken.problems] == [("line 2", True)]


def test_utf16_that_was_cut_in_the_middle_of_a_letter_is_a_torn_end() -> None:
    """An odd byte at the end costs only the last row."""
    data = codecs.BOM_UTF16_LE + csv_text(",", "\n").encode("utf-16-le")
    readings = load_readings(None, io.BytesIO(data[:-41]), TimeSpan())
    assert found(readings) == EXPECTED[:1]
    assert [(one.where, one.incomplete) for one in readings.problems] == [("line 3", False)]
