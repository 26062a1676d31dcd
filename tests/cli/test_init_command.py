"""labcrate init: what it writes and leaves out, and that it never overwrites a file."""

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from labcrate.cli.cmd_init import write_new_settings
from labcrate.errors import TargetError
from labcrate.lab.settings_file import read_settings


@pytest.fixture
def real_lab(lab: Any) -> Any:
    """Build a lab with two users' cameras, one named by its address, sessions with a zone, and two recorders."""
    lab.cameras("cam1")
    secret = {"ipAddress": "192.0.2.77", "username": "lab-user", "password": "s3cret-password"}
    lab.json(
        "data/user_2/cameras.json",
        {
            "5": {"name": "cocina", "recordingPrefix": "c05", **secret},
            "6": {"name": "192.0.2.77", "recordingPrefix": "s3cret-password", **secret},
            "7": {"name": "door of lab-user", **secret},
            "8": {"name": "2001:db8:0:0::7"},
        },
    )
    lab.session(42, timeZone="Europe/Madrid")
    lab.session(43, timeZone="Europe/Madrid")
    lab.session(44, timeZone="UTC")
    lab.write("recordings/2025-05-02/07/kitchen/30.00.mp4", b"x")
    lab.write("other/eye/Camera1/2025-05-02/07-30-00.mp4", b"x")
    return lab


def test_what_is_found_is_written_as_comments(real_lab: Any, cli: Any) -> None:
    """Zones, cameras and recorders are comments; only a new UUID is set; no secret is in the file."""
    outcome = cli("init", "--lab", real_lab.root)
    assert (outcome.code, outcome.err) == (0, "")
    text = (real_lab.root / "labcrate.toml").read_text()
    settings = read_settings(real_lab.open())
    assert UUID(settings.lab_id or "").version == 4
    assert (settings.cameras, settings.recorders, settings.time_zone) == ({}, (), None)
    for line in ("# Zones of this lab's sessions: Europe/Madrid (2), UTC (1).", '# time_zone = "Europe/Madrid"',
                 "# [cameras.5]  # data/user_2/cameras.json", '# name = "cocina"', '# prefix = "c05"', "# [cameras.6]",
                 '# folder = "recordings"', '# folder = "other/eye"', '# type = "motioneye"'):  # fmt: skip
        assert line in text
    for secret in ("192.0.2.77", "lab-user", "s3cret-password", "2001:db8", str(real_lab.root)):
        assert secret not in text
        assert secret not in outcome.out
    assert stat.S_IMODE((real_lab.root / "labcrate.toml").stat().st_mode) & 0o111 == 0
    assert [path.name for path in real_lab.root.iterdir() if path.name.startswith(".labcrate.toml")] == []


def test_json_says_the_same(real_lab: Any, cli: Any) -> None:
    """--json prints the file, the ID and the findings; --print writes no file and prints its text."""
    shown = cli("init", "--lab", real_lab.root, "--print", "--json").json
    assert not (real_lab.root / "labcrate.toml").exists()
    assert shown["file"] is None
    assert f'lab_id = "{shown["labId"]}"' in shown["text"]
    assert cli("init", "--lab", real_lab.root, "--print").out.startswith("# labcrate.toml: ")
    answer = cli("init", "--lab", real_lab.root, "--json").json
    assert answer["file"] == "labcrate.toml"
    assert answer["labId"] == read_settings(real_lab.open()).lab_id != shown["labId"]
    assert answer["timeZones"] == [{"timeZone": "Europe/Madrid", "sessions": 2}, {"timeZone": "UTC", "sessions": 1}]
    assert [(c["id"], c["name"], c["prefix"]) for c in answer["cameras"]] == [
        ("1", "Camera 1", "cam1"), ("5", "cocina", "c05"), ("6", None, None), ("7", None, None), ("8", None, None),
    ]  # fmt: skip
    assert [(r["type"], r["folder"]) for r in answer["recorders"]] == [
        ("motioneye", "other/eye"),
        ("frigate", "recordings"),
    ]
    assert "s3cret" not in json.dumps(answer)


def test_a_file_that_is_there_is_never_overwritten(usual_lab: Any, cli: Any, clear: Any) -> None:
    """A second run is refused with a remedy, also if the name is a dangling symbolic link."""
    assert cli("init", "--lab", usual_lab.root).code == 0
    before = (usual_lab.root / "labcrate.toml").read_bytes()
    clear(cli("init", "--lab", usual_lab.root), 8, "already exists", "move it away")
    assert (usual_lab.root / "labcrate.toml").read_bytes() == before
    (usual_lab.root / "labcrate.toml").unlink()
    (usual_lab.root / "labcrate.toml").symlink_to(usual_lab.root / "nowhere")
    clear(cli("init", "--lab", usual_lab.root), 8, "already exists")
    assert not (usual_lab.root / "nowhere").exists()


@pytest.mark.parametrize("second_names", [True, False])
def test_of_two_at_once_one_wins(lab: Any, monkeypatch: pytest.MonkeyPatch, second_names: bool) -> None:
    """Two runs at the same time cannot overwrite each other's file, and leave no other file."""
    if not second_names:  # one after the other: without second names only the check before the rename is left
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    refused: list[str] = []

    def write(text: str) -> None:
        try:
            write_new_settings(lab.open(), text)
        except TargetError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=write, args=(f"# {i}\n" * 1000,)) for i in range(4 if second_names else 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    write("# later\n")
    assert len(refused) == len(threads)
    assert len(set((lab.root / "labcrate.toml").read_text().splitlines())) == 1
    assert "later" not in (lab.root / "labcrate.toml").read_text()
    assert list(lab.root.glob(".labcrate.toml*")) == []


def test_a_broken_file_holds_nothing_up(lab: Any, cli: Any) -> None:
    """A register that does not parse is named, and the rest is written."""
    lab.write("data/cameras.json", "{")
    lab.json("data/user_1/cameras.json", {"5": {"name": "cocina"}, "6": 7})
    outcome = cli("init", "--lab", lab.root)
    assert outcome.code == 0
    assert "data/cameras.json could not be read" in outcome.out
    assert "[cameras.5]" in (lab.root / "labcrate.toml").read_text()


def test_a_read_only_lab_is_one_sentence(
    command: Any, permissions: None, usual_lab: Any, clear: Any, tmp_path: Path
) -> None:
    """A read-only lab is refused with the remedy, and --print still prints the text."""
    usual_lab.root.chmod(0o555)
    try:
        refused = command("init", "--lab", usual_lab.root, denied=True)
        shown = command("init", "--lab", usual_lab.root, "--print", denied=True)
    finally:
        usual_lab.root.chmod(0o755)
    clear(refused, 8, "cannot be written to the lab folder (Permission denied)", "labcrate init --print")
    assert refused.stderr.count("\n") == 1
    assert shown.returncode == 0
    assert "lab_id" in shown.stdout
    assert not (usual_lab.root / "labcrate.toml").exists()
