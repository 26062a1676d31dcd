"""The tests are in the folders of the packages they test, and slow tests are separate."""

import re
from pathlib import Path

import pytest

import labcrate

TESTS = Path(__file__).parents[1]
ROOMS = {path.name for path in Path(labcrate.__file__).parent.iterdir() if (path / "__init__.py").exists()}
BESIDE_ROOMS = {"docs", "slow", "support"}
"""Claims about the whole tree and its documentation, slow tests, and shared code of tests."""


def modules_of(folder: Path) -> list[Path]:
    """Return the modules of tests in a folder, without those of folders inside it."""
    return sorted(folder.glob("test_*.py"))


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_room_has_tests_of_its_own(room: str) -> None:
    """Each room of the source has tests in the folder of its name, outside ``tests/slow``: ``make test`` covers it."""
    assert modules_of(TESTS / room)


def test_there_is_no_folder_of_tests_without_a_room() -> None:
    """A folder of tests is named after a package of the source."""
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= ROOMS | BESIDE_ROOMS
    assert not modules_of(TESTS)
    assert not list((TESTS / "support").rglob("test_*.py"))


def test_only_slow_tests_are_in_slow_and_the_mark_is_theirs() -> None:
    """The mark ``slow`` follows from the folder (``tests/slow/conftest.py``): no test sets it by hand elsewhere."""
    marked = [
        path.relative_to(TESTS)
        for path in TESTS.rglob("*.py")
        if re.search(r"\bmark\.slow\b", path.read_text("utf-8")) and TESTS / "slow" not in path.parents
    ]
    assert marked == []


def test_a_test_under_slow_is_marked(request: pytest.FixtureRequest) -> None:
    """Of the tests of this run, exactly those under ``tests/slow`` have the mark."""
    for item in request.session.items:
        assert (item.get_closest_marker("slow") is not None) == (TESTS / "slow" in item.path.parents), item.nodeid
