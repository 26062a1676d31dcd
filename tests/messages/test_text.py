"""Text of files and requests, made safe to print."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from labcrate.messages.text import escape_steering, printable, printable_lines

ANY = st.text(st.characters())


@given(ANY)
def test_a_printable_text_has_no_control_characters(text: str) -> None:
    """No control character, line break, bidirectional control or half of a surrogate pair is left."""
    line = printable(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in line)
    assert not any(
        unicodedata.bidirectional(char) in {"LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI"} for char in line
    )
    line.encode()


@given(ANY)
def test_lines_and_tabs_stay_where_lines_may_be_printed(text: str) -> None:
    """But for line feeds and tabs, texts of several lines are escaped like those of one."""
    lines = printable_lines(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in lines)


def test_what_people_write_stays() -> None:
    """Persian joiners, emoji of several characters, no-break spaces and right-to-left letters are not escaped."""
    for text in ("می\u200cخواهم", "👩\u200d🔬", "9.30\u202fAM", "كاميرا", "café"):
        assert printable(text) == text


def test_controls_and_undecodable_bytes_are_escaped() -> None:
    """An escape shows the character's number, or the byte of a name that is not UTF-8."""
    assert printable("a\x1b[2J\n\u202e\udcff\u200b") == "a\\x1b[2J\\n\\u202e\\xff\\u200b"
    assert printable_lines("a\r\nb\tc\x9b") == "a\nb\tc\\x9b"


def test_a_long_text_ends_in_an_ellipsis() -> None:
    """No more characters than the limit are taken."""
    assert printable("abcdef", 3) == "abc…"
    assert printable("abc", 3) == "abc"


@given(ANY)
def test_escaped_json_has_the_same_value(text: str) -> None:
    """What steers a terminal is escaped inside a JSON text without a change of its value."""
    written = json.dumps(text, ensure_ascii=False)
    assert json.loads(escape_steering(written)) == text
