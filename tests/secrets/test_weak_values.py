"""A lock's code in tables and lists of properties that are copied unchanged."""

import io

import pytest

from labcrate.secrets.cleaner import Cleaner
from labcrate.secrets.copied_files import scan_file, write_redacted_text
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets, collect_secrets

SECRETS = collect_secrets([("data/zigbee-data.json", {"pin_code": "4711", "ssid": "main"})])


def _count(data: bytes, secrets: Secrets = SECRETS) -> int:
    return scan_file(Matcher(secrets), io.BytesIO(data), len(data)).count


@pytest.mark.parametrize(
    "text",
    [
        'timestamp,device_id,property,value,unit\n"2025-06-10T18:32:12.040Z","cerradura","pin_code","4711",\n',
        "property,unit,value\r\npin_code,,4711\r\n",
        "value;property\n4711;pin_code\n",
        'timestamp,pin_code,state\n"2025-06-10T18:32:12.040Z","4711","LOCK"\n',
        "\ufefftimestamp\tstate\tPIN code\n1\tLOCK\t4711",
        'note,pin_code\n"one, two",4711\n',
        "timestamp,topic,value\n2025-06-10T18:32:12.040Z,zigbee2mqtt/planta/cerradura/pin_code,4711\n",
        "zigbee2mqtt/planta/cerradura/pin_code 4711\n",
        "pin_code;4711\n",
        '{"readings":[{"property":"pin_code","value":4711}]}',
        '{"value": "4711", "unit": null,\n "property": "pin_code"}',
        '{"topic": "zigbee2mqtt/cerradura/pin_code", "payload": "4711"}',
    ],
)
def test_a_code_is_found_where_its_table_or_object_says_what_it_is(text: str) -> None:
    """A code is found in a cell under or beside a credential key, at a topic's end, and in a list of properties."""
    data = text.encode()
    assert _count(data) == 1
    assert _count(b"\xff\xfe" + text.removeprefix("\ufeff").encode("utf-16-le")) == 1
    target = io.BytesIO()
    assert write_redacted_text(Matcher(SECRETS), io.BytesIO(data), target)
    instead = b'"[removed]"' if b'":4711' in data else b"[removed]"  # a bare number of a JSON object
    assert target.getvalue() == data.replace(b"4711", instead)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,users,power\n1,4711,4711\n",
        "timestamp,contact,state\n1,4711,main\n2,true,4711\n",
        "timestamp,pin_code,steps\n1,[removed],4711\n",
        '{"property":"power","value":4711}',
        '{"readings":[{"property":"pin_code","value":null},{"property":"power","value":4711}]}',
        "timestamp,device,property,value\n1,lock,pin_code,\n2,meter,power,4711\n",
        "zigbee2mqtt/planta/meter/power,4711\n",
        "pin_code,47110\n",
    ],
)
def test_a_measurement_that_equals_a_code_is_no_code(text: str) -> None:
    """The same digits in another column, row or object are a measurement and stay."""
    assert _count(text.encode()) == 0


@pytest.mark.thorough
def test_columns_are_searched_to_the_end_of_a_large_table() -> None:
    """Every row of a table that is read in chunks is searched, and each place is counted once."""
    rows = 200_000
    data = b"timestamp,pin_code,steps\n" + b"2025-06-10,4711,4711\n" * rows
    assert _count(data) == rows


def test_a_row_across_the_border_of_two_pieces_is_one_row() -> None:
    """A value far before its key is found wherever the borders of the chunks are."""
    row = b"4711;" + b"x" * 400 + b";pin_code\n"
    for shift in range(0, 1200, 100):
        assert _count(b"a" * (1024 * 1024 - shift) + b"\n" + row + b"b" * 4096) == 1


def test_the_payload_of_a_credentials_topic_is_blanked() -> None:
    """A payload at an attribute's topic contains no code; an empty one is unchanged."""
    cleaner = Cleaner(SECRETS)
    assert cleaner.clean_payload("zigbee2mqtt/cerradura/pin_code", "4711") == '"[removed]"'
    assert cleaner.clean_payload("zigbee2mqtt/cerradura/pin_code", "null") == "null"
    assert cleaner.clean_payload("zigbee2mqtt/cerradura/power", "4711") == "4711"
    assert cleaner.clean_json({"property": "pin_code", "value": 4711}) == {"property": "pin_code", "value": "[removed]"}
