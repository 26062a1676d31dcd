"""The layers of the package are enforced."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(copy: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a copy of the package."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    return subprocess.run(
        [LINT, "--config", copy / "pyproject.toml", "--no-cache"],
        capture_output=True, text=True, check=False, cwd=copy, env=environment,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the package and its configuration, and return the folder."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("lab/folder.py", "import labcrate.plan.planner"),  # upward
        ("linking/filename.py", "import labcrate.readings.load.topics"),  # sideways
        ("archive/layout.py", "import labcrate.model.session"),  # archives are independent of sessions
    ],
)
def test_a_forbidden_import_is_noticed(copy: Path, room: str, forbidden: str) -> None:
    """The package passes; one import upward, sideways or out of place fails and is named."""
    assert lint(copy).returncode == 0
    module = copy / "src" / "labcrate" / room
    module.write_text(f"{module.read_text()}\n{forbidden}\n")
    outcome = lint(copy)
    assert outcome.returncode != 0
    assert f"labcrate.{room.removesuffix('.py').replace('/', '.')}" in outcome.stdout


@pytest.mark.thorough
def test_a_room_that_no_floor_knows_is_noticed(copy: Path) -> None:
    """A top-level package outside the list of layers fails: the list is exhaustive."""
    (copy / "src/labcrate/attic.py").write_text('"""A room on no floor."""\n')
    outcome = lint(copy)
    assert outcome.returncode != 0
    assert "attic" in outcome.stdout
