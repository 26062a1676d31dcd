"""The sample lab shows the whole of the main job."""

import shlex
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labcrate.demo.lab import DemoLab, build_demo_lab
from labcrate.lab.folder import LabFolder

pytestmark = pytest.mark.usefixtures("encoded_once")


def test_the_demo_exports_what_was_planted(cli: Any, tmp_path: Path) -> None:
    """The ZIP holds exactly the planted recordings and readings; every planted near miss is shown with its kind."""
    planted: DemoLab = build_demo_lab(tmp_path / "demo")
    outcome = cli("demo", tmp_path / "demo")
    assert (outcome.code, outcome.err) == (0, "")
    with zipfile.ZipFile(tmp_path / "demo" / "Session42.zip") as archive:
        videos = {n.rpartition("/")[2] for n in archive.namelist() if n.endswith(".mp4")}
        data = b"".join(archive.read(n) for n in archive.namelist())
    assert videos == {path.rpartition("/")[2] for path in planted.linked}
    plan = cli("plan", "42", "--lab", tmp_path / "demo", "--json").json
    assert {n["kind"]: n["file"] for n in plan["nearMisses"]} == dict(planted.near_misses)
    assert plan["readings"] == planted.readings
    assert plan["leftOut"]["other session"] == len(planted.other_session)
    for kind, path in planted.near_misses.items():
        assert f"near miss ({kind}): {path}" in outcome.out
    for secret in planted.secrets:
        assert secret.encode() not in data
        assert secret not in outcome.out
    size = sum(p.stat().st_size for p in (tmp_path / "demo").rglob("*") if p.is_file())
    assert size < 5_000_000


def test_the_demo_exports_as_every_export_does(cli: Any, tmp_path: Path) -> None:
    """Its archive has a line in the sample lab's export log, and is the one that ``export`` makes."""
    made = cli("demo", tmp_path / "demo", "--json").json
    (line,) = cli("log", "--json", "--lab", tmp_path / "demo").json
    assert (line["session"], line["etag"], line["outcome"]) == (42, made["etag"], "finished")
    again = cli("export", "42", "--lab", tmp_path / "demo", "-o", tmp_path / "again.zip", "--json").json
    assert again["etag"] == made["etag"]


def test_no_remedy_overwrites_a_file(cli: Any, tmp_path: Path) -> None:
    """A remedy never proposes a name that a file of the lab has already."""
    planted = build_demo_lab(tmp_path / "demo")
    plan = cli("plan", "42", "--lab", tmp_path / "demo", "--json").json
    taken = {entry.path.rpartition("/")[2] for entry in LabFolder(planted.root).recordings()}
    renames = [n["remedy"].partition("rename it to ")[2].partition(" (")[0] for n in plan["nearMisses"]]
    assert any(renames)
    assert not taken & {name for name in renames if name}


def test_a_folder_with_other_files_is_refused(cli: Any, tmp_path: Path) -> None:
    """demo never writes into a folder with other files."""
    (tmp_path / "thesis.txt").write_text("mine")
    outcome = cli("demo", tmp_path)
    assert outcome.code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_next_steps_can_be_pasted_without_an_installed_command(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started with ``python -m labcrate`` and not on the PATH, the demo suggests commands that start it in this way."""
    monkeypatch.setattr("labcrate.cli.cmd_demo.shutil.which", lambda _name: None)
    monkeypatch.setattr(sys, "argv", ["/somewhere/labcrate/__main__.py"])
    lines = cli("demo", tmp_path / "demo").out.splitlines()
    assert lines[-2].startswith(f"  {shlex.quote(sys.executable)} -m labcrate verify ")
