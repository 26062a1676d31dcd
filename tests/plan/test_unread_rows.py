"""What plan and doctor say about rows and files of readings that cannot be read, with their remedies."""

from typing import Any

import pytest

INSIDE = "2025-05-02T08:01:00.000Z"
HEADER = "timestamp,topic,payload\n"
WHOLE = f"{INSIDE},zigbee2mqtt/a,{{}}\n"


@pytest.mark.parametrize(
    ("rows", "why", "remedy", "doctors"),
    [
        ("02/05/2025 08:01,zigbee2mqtt/a,{}\n", "the date can mean several days", "date_formats", True),
        ("never,zigbee2mqtt/a,{}\n", "the timestamp cannot be read", "date_formats", True),
        (f"{INSIDE},zigbee2mqtt/a\n", "the row is incomplete", "Correct or restore the row", False),
        (f"{INSIDE},zigbee2mqtt/a,{{\n", "the payload is not JSON", "Correct or restore the row", False),
    ],
)
def test_a_row_that_cannot_be_read_is_a_sentence_with_its_own_remedy(
    lab: Any, cli: Any, rows: str, why: str, remedy: str, doctors: bool
) -> None:
    """The message has the line and the reason; formats of dates are advised only for dates, also by doctor."""
    lab.session(42)
    lab.write("data/zigbee-sensors.csv", HEADER + WHOLE + rows + WHOLE)
    (missing,) = cli("plan", "42", "--lab", lab.root, "--json").json["missing"]
    assert missing["what"] == "data/zigbee-sensors.csv, line 3"
    assert missing["why"].startswith(f"cannot be read: {why}")
    assert remedy in missing["remedy"]
    assert "wait until" not in missing["remedy"]
    for words in ((), ("42",)):
        report = cli("doctor", *words, "--lab", lab.root, "--json").json
        (found,) = [one for one in report["findings"] if one["kind"] == "unread rows"]
        assert ("date_formats" in found["remedy"]) is doctors


def test_a_file_that_was_cut_off_gets_its_remedy_once(lab: Any, cli: Any) -> None:
    """The reason has the remedy already; doctor does not advise formats of dates for it."""
    lab.session(42)
    lab.write("data/zigbee-data.json", '{"messages": {"zigbee2mqtt/a": [{"timestamp": "2025')
    (missing,) = cli("plan", "42", "--lab", lab.root, "--json").json["missing"]
    assert "wait until it is completely written, or restore a copy" in missing["why"]
    assert missing["remedy"] == "Then export again."
    report = cli("doctor", "--lab", lab.root, "--json").json
    (found,) = [one for one in report["findings"] if "zigbee-data.json" in one["what"]]
    assert "date_formats" not in found["remedy"]
