"""exclude: patterns work as in git."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.lab.exclude import ExcludePatterns, pattern_problem

GIT = shutil.which("git")


@pytest.fixture(scope="module")
def repository() -> Iterator[Path]:
    """Return an empty git repository without ignore patterns of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run([str(GIT), "init", "-q", root], check=True)
        (root / ".git/info").mkdir(exist_ok=True)
        (root / ".git/info/exclude").write_text("")
        yield root


def ignored_by_git(root: Path, patterns: list[str], paths: list[str]) -> set[str]:
    """Return the paths that git ignores; only the folders need to exist."""
    (root / ".git/info/exclude").write_text("".join(f"{pattern}\n" for pattern in patterns))
    outcome = subprocess.run(
        [str(GIT), "-c", "core.excludesFile=/dev/null", "-C", root, "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(paths).encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert outcome.returncode in (0, 1), outcome.stderr
    return {path for path in outcome.stdout.decode().split("\0") if path}


SEGMENTS = st.sampled_from(
    ["a", "b", "ab", "a*", "*b", "*", "?", "a?b", "*a*b*", "a*a?*b", "**", "[ab]", "[!a]", "a.mp4", "*.mp4", "c d"]
)
PATTERNS = st.builds(
    lambda negated, rooted, segments, folder: f"{negated}{rooted}{'/'.join(segments)}{folder}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
).filter(lambda pattern: pattern_problem(pattern) is None)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "aab", "axb", "a.mp4", "c d", "x"]), min_size=1, max_size=4).map(
    "/".join
)


@pytest.mark.thorough
@pytest.mark.skipif(GIT is None, reason="git is not installed, so its own behaviour cannot be compared")
@settings(max_examples=rounds(60, 250))
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=4), paths=st.lists(PATHS, min_size=1, max_size=12, unique=True))
def test_patterns_work_as_in_git(repository: Path, patterns: list[str], paths: list[str]) -> None:
    """Any patterns exclude exactly the files that ``git check-ignore`` names."""
    excluded = ExcludePatterns(patterns)
    assert {path for path in paths if excluded.matches(path)} == ignored_by_git(repository, patterns, paths)


def test_folders_are_excluded_as_a_whole() -> None:
    """No file below an excluded folder is included, not even by a later pattern; the folder itself is excluded, too."""
    excluded = ExcludePatterns(["recordings/test/", "!recordings/test/keep.mp4", "*.tmp", "!keep.tmp"])
    assert excluded.matches("recordings/test/keep.mp4")
    assert excluded.matches_folder("recordings/test")
    assert excluded.matches_folder("recordings/test/deeper")
    assert not excluded.matches("recordings/test")  # a file of that name is no folder
    assert not excluded.matches_folder("recordings")
    assert excluded.matches("sessions/Session1/x.tmp")
    assert not excluded.matches("keep.tmp")


def test_no_patterns_exclude_nothing() -> None:
    """Without patterns, nothing is excluded."""
    assert not ExcludePatterns(()).matches("a/b")
    assert not ExcludePatterns(()).matches_folder("a")


def test_a_name_that_is_not_utf_8_is_compared() -> None:
    """A name with surrogate escapes is matched like any other."""
    assert ExcludePatterns(["*.tmp"]).matches("recordings/\udcff.tmp")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "is empty"), ("   ", "is empty"), ("# test", "only a comment"), ("a\nb", "control character"),
        ("/", "has no name"),
        ("!", "has no name"), ("../other", "has . or .."), ("./a", "has . or .."), ("a\\", "escapes nothing"),
        ("[a", "close its ["), ("x/[!]", "close its ["), ("[z-a]", "close its ["), ("[[:digit:]]", "is not supported"),
        ("a/**/", "ends in /**/"),
    ],
)  # fmt: skip
def test_invalid_patterns_are_named(pattern: str, problem: str) -> None:
    """Each kind of invalid pattern has its message."""
    assert problem in (pattern_problem(pattern) or "")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a*a*b", "a" * 255),
        ("*a*a*a*a*a*a*a*a*a*b", "a" * 255),
        ("*a?*a?*[ab]*a?*a?c", "a" * 255),
        ("**/a/**/a/**/a/**/b", "a/" * 600 + "x"),
        ("**/*a*a*b/**/*a*a*b/**/c", "/".join(["a" * 200] * 20)),
        ("a/**/a/**/a/**/a/**", "b/" * 1000 + "x"),
    ],
)
def test_matching_takes_little_time(pattern: str, path: str) -> None:
    """The longest paths that nearly match many stars are decided quickly."""
    assert pattern_problem(pattern) is None
    begin = time.process_time()
    assert not ExcludePatterns([pattern]).matches(path)
    assert time.process_time() - begin < 10


@given(st.text(alphabet=st.sampled_from("ab/*?[]!\\-^.#&|~ :"), max_size=12))
def test_a_valid_pattern_compiles(pattern: str) -> None:
    """A pattern without a problem is compiled and matched without a warning."""
    if pattern_problem(pattern) is None:
        ExcludePatterns([pattern]).matches("a/b")
