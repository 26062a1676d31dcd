"""Times without a zone, hours that occur twice or never, and formats that a lab configures."""

import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.readings.load.date_formats import check_date_format, guess_date_format
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings

MADRID = "Europe/Madrid"


def of_csv(
    *rows: str, zone: str | None = MADRID, formats: tuple[str, ...] = (), window: TimeSpan | None = None
) -> Readings:
    """Return readings of rows "time device"; the payloads are numbered."""
    lines = [f"{one.rpartition(' ')[0]},zigbee2mqtt/{one.rpartition(' ')[2]},{n}\n" for n, one in enumerate(rows)]
    text = "timestamp,topic,payload\n" + "".join(lines)
    return load_readings(None, io.BytesIO(text.encode()), window or TimeSpan(), zone=zone, date_formats=formats)


def times(readings: Readings) -> list[str]:
    """Return the instants, by the number of the row."""
    rows = sorted((int(text), time) for time, text in readings.frame.select("timestamp", "payload").iter_rows())
    return [format_instant(time)[11:16] for _, time in rows]


def test_times_without_a_zone_are_the_labs() -> None:
    """Summer and winter have their own offset; a time that names its zone keeps it; nothing is warned about."""
    readings = of_csv("2025-07-01T12:00:00 a", "2025-12-01 12:00 a", "2025-07-01T12:00:00Z a", "1751371200 a")
    assert times(readings) == ["10:00", "11:00", "12:00", "12:00"]
    assert readings.problems == ()


def test_without_a_zone_the_warning_asks_for_one() -> None:
    """They are read as UTC, and the sentence names the option."""
    readings = of_csv("2025-07-01T12:00:00 a", zone=None)
    assert times(readings) == ["12:00"]
    (problem,) = readings.problems
    assert "--time-zone" in problem.what
    assert not problem.incomplete


def test_the_order_of_rows_tells_the_second_round_of_an_hour() -> None:
    """The second hour begins where a topic's time steps back; the window has only what is in it."""
    rows = [f"2025-10-26T0{time}:00 a" for time in ("1:50", "2:10", "2:40", "2:15", "2:50", "3:05")]
    assert times(of_csv(*rows)) == ["23:50", "00:10", "00:40", "01:15", "01:50", "02:05"]
    assert of_csv(*rows).problems == ()
    window = TimeSpan(datetime(2025, 10, 26, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, 59, tzinfo=UTC))
    inside = of_csv(*rows, window=window)
    assert inside.frame["payload"].to_list() == ["3", "4"]
    assert inside.lab.total == 6


def test_a_file_in_the_order_of_time_tells_it_for_quiet_sensors_too() -> None:
    """b sent once in each hour, without a step back of its own; a's step back decides."""
    rows = ["2:05 a", "2:10 b", "2:40 a", "2:15 a", "2:20 b", "2:30 a"]
    readings = of_csv(*(f"2025-10-26T0{row[:4]}:00 {row[5:]}" for row in rows))
    assert times(readings) == ["00:05", "00:10", "00:40", "01:15", "01:20", "01:30"]
    assert readings.problems == ()


def test_a_file_ordered_by_sensors_tells_nothing_of_the_others() -> None:
    """Rows of b follow all of a's, so a's step back does not apply to them: the first hour, with a warning."""
    rows = ["2:05 a", "2:40 a", "2:15 a", "3:30 a", "2:20 b", "2:50 b", "3:10 b"]
    readings = of_csv(*(f"2025-10-26T0{row[:4]}:00 {row[5:]}" for row in rows))
    assert times(readings) == ["00:05", "00:40", "01:15", "02:30", "00:20", "00:50", "02:10"]
    (problem,) = readings.problems
    assert (problem.count, problem.where, problem.incomplete) == (2, "line 6", False)
    assert "occurred twice" in problem.what


def test_the_newest_first_is_an_order_too() -> None:
    """A list that begins with the newest message is read from its end."""
    sent = ["2025-10-26T12:00:00", "2025-10-26T02:50:00", "2025-10-26T02:15:00", "2025-10-26T02:40:00"]
    sent += ["2025-10-26T02:10:00", "2025-10-25T12:00:00"]
    messages = [{"timestamp": time, "payload": n} for n, time in enumerate(sent)]
    text = json.dumps({"messages": {"zigbee2mqtt/a": messages}}).encode()
    readings = load_readings(io.BytesIO(text), None, TimeSpan(), zone=MADRID)
    assert times(readings) == ["11:00", "01:50", "01:15", "00:40", "00:10", "10:00"]


def test_a_time_that_never_occurred_is_read_with_a_warning() -> None:
    """Clocks that were not set forward still write times: none is dropped."""
    readings = of_csv("2025-03-30T02:30:00 a", "2025-03-30T03:30:00 a")
    assert times(readings) == ["01:30", "01:30"]
    (problem,) = readings.problems
    assert ("never occurred" in problem.what, problem.count, problem.incomplete) == (True, 1, False)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("02/03/2025 10:00", "%d/%m/%Y %H:%M"),
        ("02/03/2025 10:00:30", "%d/%m/%Y %H:%M:%S"),
        ("2.3.25 9:05", "%d.%m.%y %H:%M"),
        ("3/2/2025 9:05:01 PM", "%m/%d/%Y %I:%M:%S %p"),
        ("2025/03/02 10:00", "%Y/%m/%d %H:%M"),
        ("13/12/2025 10:00", "%d/%m/%Y %H:%M"),
        ("20250302100000", "%Y%m%d%H%M%S"),
        ("02/03/2025", "%d/%m/%Y"),
        ("25-03-02T10:00:00", "%y-%m-%dT%H:%M:%S"),
        ("02/03/2025 10:00:30.250", "%d/%m/%Y %H:%M:%S.%f"),
    ],
)
def test_a_format_that_cannot_be_known_is_never_guessed(text: str, form: str) -> None:
    """The problem contains the format for labcrate.toml; with it the time is read in the lab's zone."""
    row = f"timestamp;topic;payload\n{text};zigbee2mqtt/a;1\n".encode()
    refused = load_readings(None, io.BytesIO(row + row.splitlines()[1] + b"\n"), TimeSpan(), zone=MADRID)
    assert len(refused) == 0
    (problem,) = refused.problems
    assert 'date_formats = ["' in problem.what
    assert "labcrate.toml" in problem.what
    assert (problem.count, problem.incomplete) == (2, True)
    check_date_format(form)
    check_date_format(guess_date_format(text) or "")
    read = load_readings(None, io.BytesIO(row), TimeSpan(), zone=MADRID, date_formats=(form,))
    assert read.problems == ()
    assert read.first is not None
    local = datetime.strptime(text, form)  # noqa: DTZ007
    assert read.first == local.replace(tzinfo=ZoneInfo(MADRID))


@pytest.mark.parametrize("form", ["%d/%m", "%d/%m/%Y %Q", "%H:%M", "", "%d/%m/%Y %"])
def test_a_format_that_is_none_is_refused(form: str) -> None:
    """A wrong format is reported."""
    with pytest.raises(ValueError, match="date format"):
        check_date_format(form)


def test_two_digits_are_no_year_of_four() -> None:
    """%Y does not read 25 as the year 25, and the row is reported."""
    readings = of_csv("02/03/25 10:00 a", formats=("%d/%m/%Y %H:%M",))
    assert (len(readings), readings.complete) == (0, False)
