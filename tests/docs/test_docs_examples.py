"""The examples of the documentation work, and the command line is documented."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_videos import encode_once

from labcrate import config
from labcrate.cli.main import _build_parser as command_line
from labcrate.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```[ ]*$", re.M | re.S)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_SHELL = ("console", "sh", "bash")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``line`` is that of its fence."""

    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return all fenced blocks of a page in order, also those indented in a list."""
    text = page.read_text("utf-8")
    return [
        Block(match["language"], textwrap.dedent(match["code"]), text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]


def pages_with(*languages: str) -> list[Any]:
    """Return the pages that have a block of one of the languages, as parameters named by their path."""
    found = [page for page in PAGES if any(block.language in languages for block in blocks(page))]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


def commands_in(block: Block) -> list[str]:
    """Return the commands of a shell block: in a console those after the prompt, with their continuation lines."""
    if block.language != "console":
        return [line for line in block.code.splitlines() if line.strip() and not line.startswith("#")]
    commands: list[str] = []
    for line in block.code.splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
        elif commands and commands[-1].endswith("\\"):
            commands[-1] += "\n" + line
    return commands


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which ``labcrate`` is the one under test."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "labcrate"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labcrate "$@"\n')
    script.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABCRATE_")}
    package = str(Path(config.__file__).parents[1])
    return {**kept, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": package}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run ``labcrate demo`` in a folder, and return the folder."""
    folder = tmp_path_factory.mktemp("sample")
    with encode_once(), pytest.MonkeyPatch.context() as there:
        there.chdir(folder)
        assert main(["demo"]) == 0
    return folder


@pytest.fixture
def place(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy that folder for a page, and make it the current folder."""
    shutil.copytree(sample, tmp_path / "place", copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "place")
    for name in (config.LAB_VARIABLE, config.BASE_TOPIC_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with encode_once():
        yield tmp_path / "place"


def run(command: str, place: Path, shell: dict[str, str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return exit code and standard error of a command; a plain one of ours runs in this process, to save its start."""
    if command.startswith("labcrate ") and not re.search(r"[|&;<>$*~\\]", command):
        code = main(shlex.split(command)[1:])
        return code, capfd.readouterr().err
    outcome = subprocess.run(
        ["bash", "-c", command], cwd=place, env=shell, capture_output=True, text=True, check=False
    )  # fmt: skip
    return outcome.returncode, outcome.stderr


def run_page(page: Path, place: Path, shell: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """Run a page's Python blocks in one namespace and its commands, in order; each command must exit with 0."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            shown = compile("\n" * block.line + block.code, str(page), "exec")
            exec(shown, namespace)  # noqa: S102 - running what the page shows is this test's purpose
        elif block.language == "console":
            commands = commands_in(block)
            assert commands, f"{page.name}, line {block.line}: a console block without a prompt; call it text"
            for command in commands:
                code, errors = run(command, place, shell, capfd)
                assert code == 0, f"{page.name}, line {block.line}: {command}\n{errors}"


@pytest.mark.parametrize("page", pages_with("python", "console"))
def test_the_examples_of_a_page_run(
    page: Path, place: Path, shell: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Python blocks run in order in one namespace, and every command after a prompt exits with 0."""
    run_page(page, place, shell, capfd)


@pytest.mark.parametrize("page", pages_with("python"))
def test_a_page_of_python_runs_after_the_tutorial_and_again(
    page: Path, place: Path, shell: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A page works in the folder of the tutorial, and when it is run twice, although its files exist.

    The tutorial itself begins by building the sample lab, also when it is run again.
    """
    tutorial = ROOT / "docs/tutorial/first-export.md"
    for number, one in enumerate((tutorial, page, page)):
        if one == tutorial and number:
            assert run("labcrate demo", place, shell, capfd)[0] == 0
        run_page(one, place, shell, capfd)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed, so R examples cannot be run")
@pytest.mark.parametrize("page", pages_with("r"))
def test_the_r_examples_of_a_page_run(page: Path, place: Path) -> None:
    """R blocks run in order in one session of base R."""
    script = place / "page.R"
    script.write_text("\n".join(block.code for block in blocks(page) if block.language == "r"))
    outcome = subprocess.run(
        ["Rscript", "--vanilla", script], cwd=place, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr


def test_examples_were_found() -> None:
    """The search for examples finds those of the pages that consist of them, also indented ones."""
    counts = {
        name: [block.language for block in blocks(ROOT / "docs" / name)]
        for name in ("reference/python-api.md", "reference/commands.md", "how-to/line-up-video-and-sensors.md")
    }
    assert counts["reference/python-api.md"].count("python") >= 5
    # One of each command; the server does not end by itself and has its own tests.
    assert counts["reference/commands.md"].count("console") == len(subparsers()) - 1
    assert counts["how-to/line-up-video-and-sensors.md"].count("python") >= 5
    assert all(page.read_text().count("```") == 2 * len(blocks(page)) for page in PAGES)


@cache
def whole_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return command_line()


@cache
def subparsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (action,) = (a for a in whole_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return all spellings of all options of a parser."""
    return {name for action in parser._actions for name in action.option_strings}


def shell_lines(page: Path) -> Iterator[str]:
    """Yield every command, and every part of one, that a page shows in shell blocks and code spans."""
    for block in blocks(page):
        if block.language in _SHELL:
            for command in commands_in(block):
                yield from re.split(r"[|;&\n]+", command.replace("\\\n", " "))
    for span in _SPAN.findall(_FENCE.sub("", page.read_text("utf-8"))):
        yield " ".join(span.split())


def unknown_in(line: str) -> Iterator[str]:
    """Return commands and options of labcrate in a line that labcrate does not have."""
    known = subparsers()
    words = line.split()
    if words and words[0].startswith("--"):
        every = set().union(options_of(whole_parser()), *map(options_of, known.values()))
        yield from (option for option in _options(words) if option not in every)
    for at, word in enumerate(words):
        if word.rpartition("/")[2] != "labcrate" or (at and not _leads_in(words[at - 1])):
            continue
        rest = words[at + 1 :]
        command = rest[0] if rest else ""
        if command and not command.startswith("-") and not command.isupper() and command not in known:
            yield f"labcrate {command}"
        parser = known.get(command, whole_parser())
        yield from (f"{word} {command} {option}" for option in _options(rest) if option not in options_of(parser))


def _leads_in(word: str) -> bool:
    return word in ("-m", "time", "sudo") or "=" in word


def _options(words: list[str]) -> Iterator[str]:
    return (re.split(r"[=,.;:)]", word)[0] for word in words if re.match(r"--?[a-zA-Z]", word))


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_what_a_page_mentions_exists(page: Path) -> None:
    """Every command and option of labcrate that a page names exists."""
    assert [unknown for line in shell_lines(page) for unknown in unknown_in(line)] == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("labcrate exprt 42", ["labcrate exprt"]),
        ("labcrate export 42 --pad 30s --forse", ["labcrate export --forse"]),
        ("LABCRATE_LAB=x labcrate verify --lab y", ["labcrate verify --lab"]),
        ("python -m labcrate --verbose", ["labcrate --verbose --verbose"]),
        ("--no-such-option", ["--no-such-option"]),
        ("labcrate COMMAND --help", []),
        ("labcrate export 42 -o here/", []),
        ("zip --recurse labcrate", []),
        ("--readings all", []),
    ],
)
def test_an_unknown_mention_is_noticed(line: str, unknown: list[str]) -> None:
    """The check above finds commands and options that do not exist."""
    assert list(unknown_in(line)) == unknown


def documented(action: argparse.Action) -> str:
    """Return an argument as the page of commands lists it."""
    value = "{" + ",".join(action.choices) + "}" if action.choices else action.metavar
    takes_value = action.nargs != 0
    names = [f"`{name} {value}`" if takes_value else f"`{name}`" for name in action.option_strings]
    return f"- {', '.join(names) or f'`{value}`'}: {action.help}"


@pytest.mark.parametrize("command", subparsers())
def test_every_argument_is_documented(command: str) -> None:
    """The section of a command lists exactly its arguments, in order, in the words of its help."""
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^## labcrate (\w+)\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    assert set(sections) == set(subparsers())
    expected = [documented(a) for a in subparsers()[command]._actions if "--help" not in a.option_strings]
    assert [line for line in sections[command].splitlines() if line.startswith("- `")] == expected


def test_every_variable_is_documented() -> None:
    """Every environment variable of the settings is in the table of variables."""
    variables = {value for name, value in vars(config).items() if name.endswith("_VARIABLE")}
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    assert variables == set(re.findall(r"^\| `(LABCRATE_\w+)`", page, re.M))
