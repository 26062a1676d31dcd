"""The place of the index: read-only and full disks, permissions, many commands at once, all in their own processes."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.index.test_faults_catalog import index_of


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_an_index_that_may_not_be_written(command: Any, clear: Any, usual_lab: Any, tmp_path: Path, mode: int) -> None:
    """A read-only index is used as it is; one that cannot be read is refused with the path to delete."""
    assert command("index", "--lab", usual_lab.root).returncode == 0
    usual_lab.recording("recordings/cam1_session42_later.mp4")
    index_of(usual_lab).chmod(mode)
    outcome = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", denied=True)
    if mode:
        assert (outcome.returncode, outcome.stderr) == (0, "")
    else:
        clear(outcome, 10, "index.db cannot be used", "Delete the file")


@pytest.mark.parametrize("warm", [False, True])
def test_a_lab_on_a_read_only_mount(
    command: Any, namespace: list[str], usual_lab: Any, tmp_path: Path, snapshot: Any, warm: bool
) -> None:
    """A lab mounted read-only is exported, with or without its own index; nothing in it changes."""
    if warm:
        assert command("index", "--lab", usual_lab.root).returncode == 0
    before = snapshot(usual_lab.root)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2>/dev/null && exec "$@"'
    outcome = command(
        "export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip",
        before=[*namespace, "sh", "-c", script, str(usual_lab.root)],
    )  # fmt: skip
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert zipfile.ZipFile(tmp_path / "out.zip").testzip() is None
    assert len(list((tmp_path / "state").rglob("index.db"))) == 1
    assert snapshot(usual_lab.root) == before


def test_a_lab_on_a_full_disk(namespace: list[str], usual_lab: Any, tmp_path: Path, command: Any) -> None:
    """A lab on a full disk is exported to another disk, also with documents too large for memory.

    Nothing stays behind in labcrate's folder or in the system's temporary one. A warning says that there is no log
    line.
    """
    usual_lab.zigbee_json([("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", {"note": "x" * 1000})] * 2000)
    shutil.move(usual_lab.root, tmp_path / "origin")
    (tmp_path / "temp").mkdir()
    usual_lab.root.mkdir()
    script = (
        'mount -t tmpfs -o size=8m tmpfs "$0" && cp -a "$0/../origin/." "$0"'
        ' && { cat /dev/zero > "$0/filler" 2>/dev/null; true; } && "$@"; code=$?;'
        ' ls -A "$0/.labcrate" "$TMPDIR" | grep document; exit $code'
    )
    outcome = command(
        "export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip",
        before=[*namespace, "sh", "-c", script, str(usual_lab.root)], env={"TMPDIR": str(tmp_path / "temp")},
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    assert [
        line for line in outcome.stderr.splitlines() if not line.startswith("labcrate: warning: The export log")
    ] == []
    assert not [line for line in outcome.stdout.splitlines() if line.startswith("document")]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.getinfo("data/zigbee-data.json").file_size > 2_000_000
        assert archive.testzip() is None


def test_many_commands_share_one_index(usual_lab: Any, tmp_path: Path) -> None:
    """Six exports at once without an index all succeed, and their archives are equal."""
    targets = [tmp_path / f"{number}.zip" for number in range(6)]
    words = [sys.executable, "-m", "labcrate", "export", "42", "--lab", str(usual_lab.root), "-o"]
    running = [subprocess.Popen([*words, str(target)], stderr=subprocess.PIPE) for target in targets]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 6
    assert len({target.read_bytes() for target in targets}) == 1
    assert list((usual_lab.root / ".labcrate").glob("document*")) == []
