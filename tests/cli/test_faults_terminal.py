"""Faults of the terminal: readers that end early, closed or full streams, encodings without Unicode."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.rounds import sample


def shell(script: str, *words: Any, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which "$@" is the labcrate command."""
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "labcrate", *map(str, words)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        env={**os.environ, **(env or {})},
    )


COMMANDS = [["plan", "42"], ["plan", "42", "--json"], ["sessions"], ["--help"], []]


@pytest.fixture
def wordy_lab(usual_lab: Any) -> Any:
    """Build the usual lab with so many near misses that a plan is longer than a pipe's 64 KiB."""
    for number in range(800):
        usual_lab.recording(f"recordings/garden_session42_{number:04}_{'x' * 60}.mp4", content=b"x")
    return usual_lab


@pytest.mark.thorough
@pytest.mark.parametrize("words", sample(COMMANDS, 2))
def test_a_reader_that_goes_away(usual_lab: Any, words: list[str]) -> None:
    """``labcrate plan 42 | head -1`` is no error: exit code 0, and nothing on standard error."""
    lab = ["--lab", usual_lab.root] if words and words[0] != "--help" else []
    outcome = shell('"$@" | true; exit "${PIPESTATUS[0]}"', *words, *lab)
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.thorough
def test_a_reader_that_goes_away_in_the_middle(wordy_lab: Any) -> None:
    """The same for output that is longer than a pipe's buffer; the lines that were read are complete."""
    outcome = shell('"$@" | head -3; exit "${PIPESTATUS[0]}"', "plan", "42", "--lab", wordy_lab.root)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("Session 42: Morning\n")


@pytest.mark.thorough
@pytest.mark.parametrize("streams", sample(["<&-", ">&-", "2>&-", "<&- >&- 2>&-"], 2))
def test_closed_streams(cli: Any, usual_lab: Any, tmp_path: Path, streams: str) -> None:
    """With any of the three streams closed, export writes the same archive, without any output in it."""
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip").code == 0
    outcome = shell(f'"$@" {streams}', "export", "42", "--lab", usual_lab.root, "-o", tmp_path / "b.zip")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert (tmp_path / "b.zip").read_bytes() == (tmp_path / "a.zip").read_bytes()
    failed = shell(f'"$@" {streams}', "export", "1", "--lab", usual_lab.root, "-o", tmp_path / "c.zip")
    assert failed.returncode == 5
    assert "Traceback" not in failed.stderr


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to fill up")
@pytest.mark.parametrize("words", sample(COMMANDS, 2))
def test_standard_output_is_full(usual_lab: Any, words: list[str]) -> None:
    """Output that cannot be written is an error with a message, not a traceback or a success."""
    lab = ["--lab", usual_lab.root] if words and words[0] != "--help" else []
    outcome = shell('"$@" >/dev/full', *words, *lab)
    assert outcome.returncode == 1
    said = json.loads(outcome.stderr)["error"]["message"] if "--json" in words else outcome.stderr
    assert said.strip().removeprefix("labcrate: ") == "The system: No space left on device."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to fill up")
def test_standard_error_is_full(usual_lab: Any) -> None:
    """If the error message cannot be written, the exit code is still right."""
    assert shell('"$@" 2>/dev/full', "plan", "1", "--lab", usual_lab.root).returncode == 5


ASCII, PLAIN_C = {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("env", "words"),
    sample(
        [
            (ASCII, ["plan"]),
            (ASCII, ["export", "--json"]),
            ({"PYTHONIOENCODING": "latin-1"}, ["plan", "--json"]),
            (PLAIN_C, ["export"]),
            (PLAIN_C, ["layout"]),
            ({"LC_ALL": "C"}, ["plan"]),
        ],
        3,
    ),
)
def test_a_terminal_without_unicode(usual_lab: Any, tmp_path: Path, env: dict[str, str], words: list[str]) -> None:
    """Names in any script or encoding are printed with escapes if the terminal lacks the characters."""
    usual_lab.session(42, name="Küche 厨房 مطبخ 👩‍🔬", timeZone="Europe/Madrid")
    for name in ("cam1_session42_кухня.mp4".encode(), b"cam1_session42_\xff.mp4", b"garden_session42_\xe9.mp4"):
        usual_lab.recording(f"recordings/{os.fsdecode(name)}")
    target = ["-o", tmp_path / os.fsdecode(b"k\xfcche.zip")] if words[0] == "export" else []
    outcome = shell('"$@"', words[0], "42", *words[1:], "--lab", usual_lab.root, *target, env=env)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout
    if words[-1] == "--json":
        answer = json.loads(outcome.stdout)
        assert answer.get("name", "Küche 厨房 مطبخ 👩‍🔬") == "Küche 厨房 مطبخ 👩‍🔬"


def test_errors_without_unicode(tmp_path: Path) -> None:
    """An error about a folder with such a name is still one message."""
    outcome = shell('"$@"', "sessions", "--lab", tmp_path / "Küche", env={"PYTHONIOENCODING": "ascii"})
    assert outcome.returncode == 3
    assert outcome.stderr.startswith("labcrate: There is no folder ")
    assert "K\\xfcche" in outcome.stderr
