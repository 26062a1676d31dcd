"""The check of plain words finds what it is for, and the tree passes it."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "checks/plain_words.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("plain_words", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain_words"] = module
    spec.loader.exec_module(module)
    return module


def test_the_tree_passes() -> None:
    """No docstring, name or text of the checkout breaks a rule."""
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("Return the plan.", 0),
        ("Yield: one by one.", 0),
        ("The plan of a session.", 1),
        ("Returns the plan.", 1),
        ("Whether there is a plan.", 1),
        ("", 0),
    ],
)
def test_a_docstring_begins_with_a_verb(check: ModuleType, docstring: str, found: int) -> None:
    """A noun, a question word or a verb in the third person is found; a function without a docstring is not."""
    tree = ast.parse(f'async def f():\n    """{docstring}"""\n')
    assert len(list(check.check_docstrings("src/a.py", tree))) == found


def test_the_docstring_of_a_test_states_its_claim(check: ModuleType) -> None:
    """Tests need no verb."""
    assert not list(check.check_docstrings("tests/a.py", ast.parse('def test_f():\n    """The claim."""\n')))


def test_two_classes_of_one_name_are_found(check: ModuleType) -> None:
    """Also within one file, and where one is nested in another class."""
    tree = ast.parse("class A: ...\nclass B:\n    class A: ...\n")
    assert [str(one) for one in check.check_class_names([("a.py", tree)])] == ["a.py:3: the class A is in a.py, too"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("what was told", ["told"]),
        ("told_bytes = believed_until", ["believed", "told"]),
        ("class WantedRange:", ["wanted"]),
        ("somebody's file, Nobody’s", ["nobody", "somebodys"]),
        ("a told-\nonce more\n", ["told"]),
        ("retold, unwanted, folder", []),
    ],
)
def test_words_are_found_in_names_and_sentences(check: ModuleType, text: str, found: list[str]) -> None:
    """Between underscores, in capitals, with an apostrophe; a word that only contains one of the list is not found."""
    words = [one.text.partition("'")[2].partition("'")[0] for one in check.check_words("a.py", text)]
    assert [word for word in words if " " not in word] == found


def test_phrases_are_found_across_lines(check: ModuleType) -> None:
    """A line break between the words of a phrase hides nothing."""
    assert [str(one) for one in check.check_words("a.md", "Try it once\nmore.")] == ["a.md:1: the words 'once more'"]


def test_names_that_say_nothing_are_found(check: ModuleType) -> None:
    """Classes, functions, parameters and variables, with or without an underscore in front."""
    tree = ast.parse("class _Look: ...\ndef f(prepared):\n    kept = 1\n    return kept.utils\n")
    assert [one.line for one in check.check_names("a.py", tree)] == [1, 2, 3]
