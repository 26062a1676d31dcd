"""No loop of labcrate over a text from outside costs more than in proportion to it, counted in executed lines."""

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from tests.support.hostile_texts import SHAPES

from labcrate.export.documents.plain_text import wrap_lines
from labcrate.lab.path_pattern import PatternError, recorder_pattern
from labcrate.linking.ids import SessionIds
from labcrate.linking.judgement import judge_file
from labcrate.linking.prefixes import CameraNames, Prefixes
from labcrate.linking.rules import LinkingRules
from labcrate.messages.text import printable
from labcrate.model.device import Device
from labcrate.plan.member_names import UniqueNames, safe_name
from labcrate.readings.load.payload import compact, comparison_text, from_cells
from labcrate.readings.load.topics import Topics
from labcrate.secrets.cleaner import Cleaner
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.urls import find_urls
from labcrate.secrets.values import Secrets, collect_secrets
from labcrate.video.name_time import time_in_path
from labcrate.web.downloads.response import content_disposition
from labcrate.web.http.conditional import Representation, parse_date, select_range
from labcrate.web.pages.i18n import Locale

SECRETS = collect_secrets(
    [
        (
            "data/cameras.json",
            [
                {"id": 1, "password": "hunter22x!", "rtsp": "rtsp://admin:hunter22x!@192.0.2.7/live"},
                {"id": 2, "password": "admin"},
                {"id": 3, "password": "4711"},
                {"id": 4, "password": "aaaaaaaa"},
            ],
        )
    ]
)
MATCHER = Matcher(SECRETS)
IDS = SessionIds.build(["42", "a-b_c", "morning"])
CAMERAS = [CameraNames("1", "1", "kitchen"), CameraNames("2", "2", "hall", "a_b")]
RULES = LinkingRules(IDS, Prefixes.build(CAMERAS, {}, IDS))
TOPICS = Topics(devices=(Device("0x01", "a/a"), Device("1", "1")))


def quietly(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that ignores the refusal of a text."""

    def called(text: str) -> Any:
        try:
            return function(text)
        except (ValueError, PatternError):
            return None

    return called


READERS: dict[str, Callable[[str], Any]] = {
    "one line": printable,
    "a safe name": safe_name,
    "a clean text": lambda text: Cleaner(SECRETS, MATCHER).clean_text(text),
    "a clean name": lambda text: Cleaner(SECRETS, MATCHER).clean_name(text),
    "clean JSON": lambda text: Cleaner(SECRETS, MATCHER).clean_json({"notes": text, text: [1, 2]}),
    "a clean payload": lambda text: Cleaner(SECRETS, MATCHER).clean_payload("zigbee2mqtt/a", text),
    "a clean payload of a topic": lambda text: Cleaner(SECRETS, MATCHER).clean_payload(text, "{}"),
    "secrets of a document": lambda text: collect_secrets([("data/cameras.json", {"a": text, text: text})]),
    "URLs": lambda text: list(find_urls(text)),
    "a compact payload": quietly(compact),
    "a payload in quotes": quietly(lambda text: compact(f'"{text}"')),
    "cells": quietly(lambda text: from_cells({"a": text, text: "1"})),
    "the same value": quietly(comparison_text),
    "a topic's device": lambda text: TOPICS.owner_of(text, whole_message=False),
    "a reading": TOPICS.is_reading,
    "a recorder's pattern": quietly(recorder_pattern),
    "wrapped lines": wrap_lines,
    "a time in a path": time_in_path,
    "a verdict": lambda text: judge_file(f"recordings/{text}.mp4", "42", RULES),
    "a camera's prefix": lambda text: Prefixes.build([CameraNames("1", "1", text, None)], {}, IDS),
    "a header of a download": content_disposition,
    "a date of a request": parse_date,
    "a range of a request": lambda text: select_range("GET", {"range": f"bytes={text}"}, Representation(9, '"a"')),
    "tags of a request": lambda text: select_range("GET", {"if-none-match": text}, Representation(9, '"a"')),
    "a sentence on a page": lambda text: Locale("es").translation(text[:1000]),
}
MOST, SLACK, SIZE = 2.2, 400, 1500


def lines_of(function: Callable[[str], Any], text: str, most: int = 10**7) -> int:
    """Count the lines of Python that a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        if count > most:
            raise AssertionError("more lines than the limit")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count


def too_many(function: Callable[[str], Any], shapes: dict[str, str], size: int = SIZE) -> Iterator[str]:
    """Yield each shape for which twice the text costs more than 2.2 times the lines."""
    for name, piece in shapes.items():
        once, twice = (lines_of(function, piece * (times * size // len(piece))) for times in (1, 2))
        if twice > MOST * once + SLACK:
            yield f"{name}: {once} lines, and {twice} for twice the text"


@pytest.mark.parametrize("reader", READERS)
def test_twice_the_text_costs_twice_the_lines(reader: str) -> None:
    """This holds for every function that reads a text of the lab or of a request, with more than 40 hostile shapes."""
    READERS[reader]("warm")
    assert list(too_many(READERS[reader], SHAPES)) == []


def test_the_shapes_are_at_least_forty() -> None:
    """There are at least forty shapes."""
    assert len(SHAPES) >= 40


def test_the_test_finds_a_loop_that_is_quadratic() -> None:
    """A loop that examines all remaining text for each character is found by this test."""

    def quadratic(text: str) -> int:
        found = 0
        for start in range(len(text)):
            for character in text[start:]:
                found += character == "a"
        return found

    assert list(too_many(quadratic, {"letters": "a"}, 100))


def test_many_keys_that_are_cleaned_to_one_cost_no_more_each() -> None:
    """Keys of an object that become equal are numbered without trying every number again."""
    once, twice = (
        lines_of(lambda _, n=n: Cleaner(Secrets()).clean_json({f"/home/{i}": 1 for i in range(n)}), "")  # type: ignore[misc]
        for n in (100, 200)
    )
    assert twice <= MOST * once
    cleaned = Cleaner(Secrets()).clean_json({f"/home/{i}": i for i in range(4)})
    assert cleaned == {"[removed]": 0, "[removed] (2)": 1, "[removed] (3)": 2, "[removed] (4)": 3}


def test_many_files_with_one_name_cost_no_more_each() -> None:
    """Names that are equal on some system are numbered without trying every number again."""

    def take(count: int) -> list[str]:
        names = UniqueNames()
        return [names.reserve("a?.mp4" if i % 2 else "A*.mp4") for i in range(count)]

    once, twice = (lines_of(lambda _, n=n: take(n), "") for n in (100, 200))  # type: ignore[misc]
    assert twice <= MOST * once
    assert take(4) == ["A_.mp4", "a_~2.mp4", "A_~3.mp4", "a_~4.mp4"]


def test_a_place_holds_no_long_key() -> None:
    """The place of a value does not grow with the keys around it."""
    cleaner = Cleaner(SECRETS, MATCHER)
    cleaner.clean_json({"k" * 100_000: [{"password": "abc"}] * 3})
    assert [len(place) < 300 for place in cleaner.places] == [True] * 3


@pytest.mark.parametrize("deep", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_a_text_that_nests_deeply_raises_nothing(deep: str) -> None:
    """JSON in a text that nests deeper than Python allows is cleaned as a text, and blanked as a payload."""
    cleaner = Cleaner(SECRETS, MATCHER)
    assert cleaner.clean_json({"notes": deep}) == {"notes": deep}
    assert cleaner.clean_payload("zigbee2mqtt/a", deep) == '"[removed]"'


def test_urls_in_urls_make_short_secrets() -> None:
    """A text of nothing but stream URLs gives no values of a thousand characters inside each other."""
    found = collect_secrets([("data/cameras.json", {"a": "rtsp://h.b/" * 3000})])
    assert max(len(secret.value) for secret in found.strong) < 60
    assert len(found.strong) < 20
