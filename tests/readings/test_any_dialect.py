"""Any rows are read unchanged from any dialect of CSV and any shape of JSON."""

import codecs
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.model.timespan import TimeSpan
from labcrate.readings.store.load import load_readings

START = datetime(2025, 5, 2, 10, tzinfo=UTC)
# All letters that Windows-1252 has, so that each encoding has them.
LETTERS = "".join(bytes([byte]).decode("cp1252", "ignore") for byte in range(32, 256)) + "\n\t"
texts = st.text(st.sampled_from(LETTERS), max_size=8)
payloads = st.dictionaries(
    st.sampled_from(["temperature", "note", "ñ"]), st.integers() | texts | st.booleans(), max_size=3
)
messages = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["z/salón", "z/a;b", "z/c,d", 'z/"q"']), payloads), max_size=12
)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])


def encoded(text: str, encoding: str) -> bytes:
    """Return the text as bytes; UTF-16 begins with a mark."""
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    return mark + text.encode(encoding)


def stamp(at: int) -> str:
    """Return the time of a message."""
    return (START + timedelta(seconds=at)).isoformat()


def found(data: bytes, as_json: bool) -> list[tuple[int, str, str]]:
    """Return every reading of a file without faults."""
    file = io.BytesIO(data)
    readings = load_readings(file if as_json else None, None if as_json else file, TimeSpan())
    assert readings.problems == ()
    rows = readings.frame.select("timestamp", "topic", "payload").iter_rows()
    return sorted((round((at - START).total_seconds()), topic, canonical(json.loads(text))) for at, topic, text in rows)


def canonical(value: Any) -> str:
    """Return a text that is equal for equal values."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.thorough
@settings(deadline=None, max_examples=rounds(30, 80))
@given(messages, encodings, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_csv_rows_come_back_from_any_dialect(
    sent: list[tuple[int, str, dict[str, Any]]], encoding: str, delimiter: str, line_end: str, quoted: bool
) -> None:
    """No row is lost, invented or changed by an encoding, a separator, quotes or line ends."""
    text = io.StringIO(newline="")
    dialect = "unix" if quoted else "excel"  # all quotes, or few
    writer = csv.writer(text, dialect, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(["timestamp", "topic", "payload"])
    for at, topic, payload in sent:
        writer.writerow([stamp(at), topic, json.dumps(payload, ensure_ascii=False)])
    expected = sorted((at, topic, canonical(payload)) for at, topic, payload in sent)
    assert found(encoded(text.getvalue(), encoding), as_json=False) == expected


@pytest.mark.thorough
@settings(deadline=None, max_examples=rounds(30, 80))
@given(messages, encodings, st.sampled_from(["object", "list", "lines"]))
def test_json_messages_come_back_from_any_shape(
    sent: list[tuple[int, str, dict[str, Any]]], encoding: str, shape: str
) -> None:
    """Messages by topic, in a list, or one per line are the same."""
    flat = [{"timestamp": stamp(at), "topic": topic, "payload": payload} for at, topic, payload in sent]
    by_topic: dict[str, list[Any]] = {}
    for one in flat:
        by_topic.setdefault(str(one["topic"]), []).append({"timestamp": one["timestamp"], "payload": one["payload"]})
    if shape == "lines":
        if not flat:
            return
        text = "\n".join(json.dumps(one, ensure_ascii=False) for one in flat)
    else:
        text = json.dumps(flat if shape == "list" else {"messages": by_topic}, ensure_ascii=False)
    expected = sorted((at, topic, canonical(payload)) for at, topic, payload in sent)
    assert found(encoded(text, encoding), as_json=True) == expected
