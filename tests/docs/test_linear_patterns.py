"""No regular expression of labcrate costs more than in proportion to its text, for any text."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.hostile_texts import SHAPES, repeat_to_length
from tests.support.regex_steps import StepCounter, TooManyStepsError, costly_texts, count_steps, repeat_beginnings
from tests.support.rounds import rounds

import labcrate
from labcrate.lab.exclude import _compile_rule
from labcrate.lab.path_pattern import PathPattern, PatternError, name_pattern, recorder_pattern
from labcrate.linking.all_paths import _relevant_part
from labcrate.linking.ids import SessionIds
from labcrate.linking.prefixes import CameraNames, Prefixes
from labcrate.linking.rules import LinkingRules
from labcrate.plan.name_time_utc import _session_marker_pattern

SOURCE = Path(labcrate.__file__).parent
SIZE = 40
MOST = 2.2
"""The maximum cost of twice the text, relative to the text."""
SLACK = 60
USES = {
    "match": "match", "fullmatch": "fullmatch", "search": "search", "finditer": "finditer", "findall": "finditer",
    "sub": "finditer", "subn": "finditer", "split": "finditer",
}  # fmt: skip

# Expressions that are compiled at run time, by the function that compiles them; each is tested below, or does not
# search a text from outside.
MADE = {
    "export/documents/datapackage.py": {"_slug": "a character class alone"},
    "plan/name_time_utc.py": {"_session_marker_pattern": "here"},
    "lab/exclude.py": {"_compile_rule": "here"},
    "lab/path_pattern.py": {"_compile_part": "here"},
    "lab/text.py": set[str](),
    "linking/all_paths.py": {"_relevant_part": "here"},
    "readings/load/json_source.py": {"_parse_problem": "msgspec's own message"},
    "readings/load/json_stream.py": {"_end_by_error": "msgspec's own message"},
    "secrets/escapes.py": {"spellings": "bounded"},
}


def modules() -> Iterator[tuple[str, Any]]:
    """Return every module of the package."""
    for module in pkgutil.walk_packages(labcrate.__path__, "labcrate."):
        if not module.name.endswith("__main__"):
            yield module.name, importlib.import_module(module.name)


@cache
def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every expression that a module defines, by its name."""
    found: dict[str, re.Pattern[Any]] = {}
    for module, inside in modules():
        for name, value in vars(inside).items():
            if isinstance(value, re.Pattern):
                found[f"{module}.{name}"] = value
            elif isinstance(value, tuple):
                found |= {f"{module}.{name}[{i}]": one for i, one in enumerate(value) if isinstance(one, re.Pattern)}
    return found


@cache
def uses() -> dict[str, set[str]]:
    """Return how each name of an expression is used in the package."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in USES:
                found.setdefault(node.value.id, set()).add(USES[node.attr])
    return found


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Return beginning, repeated piece and end of the texts that an expression is tried with."""
    for piece in list(SHAPES.values())[:: rounds(3, 1)]:
        yield "", piece, ""
    for piece in costly_texts(pattern):
        yield "", piece, ""
        yield "", piece, "\x01!"
    for before, inside in repeat_beginnings(pattern):
        if inside:
            yield before, inside, "\x01!"


def growth(pattern: re.Pattern[Any], use: str, size: int = SIZE) -> str | None:
    """Return the shape for which twice the text costs more than twice as much, or None."""
    for before, piece, end in texts(pattern):
        once, twice = (before + repeat_to_length(piece, length) + end for length in (size, 2 * size))
        try:
            cost = count_steps(pattern, use, once, 4000 * size)
            more = count_steps(pattern, use, twice, 8000 * size)
        except TooManyStepsError:
            return f"{use} of {pattern.pattern!r} does not end for {before[:40]!r} and {piece[:40]!r} and {end!r}"
        if more > MOST * cost + SLACK:
            return f"{use} of {pattern.pattern!r} grows from {cost} to {more} for {before[:40]!r} + {piece[:40]!r}..."
    return None


@pytest.mark.parametrize("name", sorted(patterns()))
def test_no_expression_of_a_module_grows_faster_than_its_text(name: str) -> None:
    """In its use, twice as long a text of any hostile shape costs at most 2.2 times the steps."""
    used = uses().get(name.rpartition(".")[2], set()) or {"search", "fullmatch", "finditer"}
    assert [problem for use in sorted(used) if (problem := growth(patterns()[name], use))] == []


@pytest.mark.thorough
def test_every_expression_that_is_made_while_labcrate_runs_is_known() -> None:
    """Each function that compiles an expression, or searches with a text of its own, is in the table above."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "re"
                    and node.attr in {"compile", "match", "fullmatch", "search", "findall", "finditer", "sub", "split"}
                ):
                    found.setdefault(str(path.relative_to(SOURCE)), set()).add(function.name)
    assert found == {path: set(functions) for path, functions in MADE.items() if functions}


@pytest.mark.parametrize(
    "pattern",
    [
        "*a*a*a*a*b", "*a*a*a*a*a*a*a*b", "*?a*?a*?b", "*[ab]*[ab]*[ab]c", "a*a*a*a*/b", "**/a/**/a/**/a/**/b",
        "**/*a*a*b/**/*a*a*b/**/c", "a/**/a/**/a/**", "*a**a***a*b", "**", "*", "?" * 40 + "*" + "?" * 40, "!*a*a*b",
        "/a/*/*/*/b", "*.*.*.*.mp4",
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", [False, True])
def test_patterns_of_exclude_do_not_grow_faster_than_the_path(pattern: str, names: bool) -> None:
    """For any stars in ``exclude``, a path made for them costs in proportion to its length."""
    compiled, _ = _compile_rule(pattern)
    pieces = ["a/", "a/a/b/", "aab/", "x/"] if names else ["a", "ab", "ba", ".", "a.", "c"]
    for piece in pieces:
        once, twice = (count_steps(compiled, "search", repeat_to_length(piece, n) + "!", 10**7) for n in (400, 800))
        assert twice <= MOST * once + SLACK, piece


PLACES = ["{camera}", "{any}", "{Y}", "{m}", "{d}", "{H}", "{M}", "{S}", "a", "-", "aa", "1"]


@given(st.lists(st.sampled_from(PLACES), min_size=2, max_size=9), st.sampled_from(["a", "1", "-", "a-", "1a", "aa1"]))
def test_patterns_of_recorders_do_not_grow_faster_than_the_name(places: list[str], piece: str) -> None:
    """For any placeholders in a pattern, a name made for it costs in proportion to its length."""
    try:
        compiled = PathPattern(f"{''.join(places)}/{{Y}}{{m}}{{d}}{{H}}{{M}}.mp4").parts[0]
    except PatternError:
        return
    once, twice = (count_steps(compiled, "fullmatch", repeat_to_length(piece, n) + "!", 10**7) for n in (300, 600))
    assert twice <= MOST * once + SLACK


def test_patterns_of_recorders_as_they_are_written() -> None:
    """The pattern of a path and that of a camera's names compile to such expressions."""
    for made in (
        recorder_pattern("{Y}-{m}-{d}/{H}/{any}a{any}a{any}a{camera}/{M}.{S}.mp4"),
        name_pattern("{any}-{camera}-{any}-{Y}{m}{d}_{H}{M}{S}"),
    ):
        assert [problem for part in made.parts if (problem := growth(part, "fullmatch"))] == []


def test_patterns_made_of_sessions_and_prefixes_are_linear() -> None:
    """The marker of a session and the beginnings of names cost in proportion to the text."""
    ids = SessionIds.build(["42", "a-b_c-d", "x" * 60])
    cameras = [CameraNames("1", "1", "kitchen", "a_b-c_d")]
    many = LinkingRules(ids, Prefixes.build(cameras, {}, ids))
    any_prefix = LinkingRules(ids, Prefixes.build([], {}, ids))
    beginnings_of_names = [_relevant_part(many), _relevant_part(any_prefix)]
    assert [growth(_session_marker_pattern(one), "finditer") for one in (None, "42", "a-b_c", "-" * 60)] == [None] * 4
    assert [growth(one, "match") for one in beginnings_of_names if one] == [None] * 2


QUADRATIC = [
    (r"\s+$", "search"), (r"[a-z]+@", "search"), (r".*x", "search"), (r"a*a*b", "match"), (r"(a+)+b", "match"),
    (r"(a|aa)+b", "fullmatch"), (r"\d+\d+x", "match"), (r"https?://.*@", "finditer"), (r"\"[^\"]*\".*;.*!", "match"),
    (r"(?:.*,)*x", "match"), (r"session[ _-]*.*end", "search"), (r"<[^>]*>", "finditer"), (r"(?<=-).*z", "finditer"),
    (r"([a-z]*)-\1x", "search"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "use"), QUADRATIC)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_the_test_finds_what_is_not_linear(written: str, use: str, as_bytes: bool) -> None:
    """An expression that is quadratic or worse is found by this test."""
    assert growth(re.compile(written.encode()) if as_bytes else re.compile(written), use) is not None


@pytest.mark.parametrize("written", [r"[a-z]{1,20}@", r"a+b", r"(?:[^%]|%[YmdHMS%])*", r"(?>a*)(?>b*)c", r"x[^x]*y"])
def test_the_test_takes_no_offence_at_what_is_linear(written: str) -> None:
    """Bounded and unambiguous expressions pass when they are used as a whole."""
    assert growth(re.compile(written), "fullmatch") is None


@given(st.sampled_from(sorted(patterns())), st.lists(st.sampled_from([*SHAPES.values(), "a", "42"]), max_size=5))
def test_the_steps_that_are_counted_are_those_of_the_engine(name: str, pieces: list[str]) -> None:
    """The step counter finds exactly what ``re`` finds, for every expression of the package."""
    pattern = patterns()[name]
    text = "".join(pieces)
    given_text: Any = text.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else text
    counted = StepCounter(pattern, repeat_limit=10**6)
    assert counted.finditer(given_text) == [found.span() for found in pattern.finditer(given_text)]
    whole = pattern.fullmatch(given_text)
    assert counted.match(given_text, whole=True) == (whole.span() if whole else None)
