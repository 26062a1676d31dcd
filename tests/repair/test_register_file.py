"""A session's own register is written atomically, by one writer at a time, and keeps unknown entries."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.errors import RepairError
from labcrate.lab.session_register import LinkedFile, read_session_register
from labcrate.repair.register_file import add_entries, is_entry_of, lock_links, remove_entries

FOLDER = "sessions/Session42"
REGISTER = f"{FOLDER}/recordings.json"


def _one(file: str = "recordings/a.mp4", **fields: Any) -> LinkedFile:
    return LinkedFile(**{"folder": "", "file": file, "size_bytes": 5, "modified_ns": 7, **fields})


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_entries_come_and_go_and_the_file_with_the_last(lab: Any) -> None:
    """Added entries are read, removed ones are not; a register without entries is deleted."""
    one, other = _one(camera_id="2"), _one("recordings/b.mp4", made_from="recordings/b.mkv", left_out="pcm_alaw")
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, [one, other])
    assert read_session_register(lab.open(), FOLDER).files == (one, other)
    with lock_links(lab.open()):
        assert remove_entries(lab.open(), FOLDER, lambda entry: is_entry_of(entry, one.file)) == 1
        assert read_session_register(lab.open(), FOLDER).files == (other,)
        assert remove_entries(lab.open(), FOLDER, lambda _: True) == 1
    assert _names(lab.root / FOLDER) == []


def test_an_entry_replaces_the_older_one_of_its_file_alone(lab: Any) -> None:
    """An entry replaces that of the same file, but not of another folder or a later labcrate."""
    later = {"file": 5, "whatever": {"nested": [1]}}
    recorder = {"file": "recordings/a.mp4", "folder": "nvr", "sizeBytes": 1, "modifiedNs": "2", "extra": True}
    lab.json(REGISTER, {"writtenBy": "labcrate link", "recordings": [later, recorder, {"file": "recordings/a.mp4"}]})
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, [_one()])
    entries = json.loads((lab.root / REGISTER).read_text())["recordings"]
    assert entries == [later, recorder, {"file": "recordings/a.mp4", "sizeBytes": 5, "modifiedNs": "7"}]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "was not written by labcrate"),
        ("[]", "was not written by labcrate"),
        ('{"1": {"sessionId": 42, "filePath": "/x/a.mp4"}}', "was not written by labcrate"),
        ('{"writtenBy": "labcrate link", "recordings": {}}', "does not have the list"),
        ('{"writtenBy": "labcrate link"', "is not valid JSON"),
        ("", "is empty, not JSON"),
    ],
)
def test_a_register_that_is_not_ours_is_left_alone(lab: Any, content: str, why: str) -> None:
    """Other programs' registers, truncated ones and other contents are named and not changed."""
    lab.write(REGISTER, content)
    with lock_links(lab.open()), pytest.raises(RepairError, match=why):
        add_entries(lab.open(), FOLDER, [_one()])
    assert (lab.root / REGISTER).read_text() == content


def test_no_symbolic_link_is_written_through(lab: Any) -> None:
    """A register or session folder that is a symbolic link is refused, and its target is unchanged."""
    outside = lab.root.parent / "outside"
    outside.mkdir()
    (outside / "recordings.json").write_text('{"writtenBy": "labcrate link", "recordings": []}')
    before = (outside / "recordings.json").read_bytes()
    (lab.root / FOLDER).mkdir()
    (lab.root / REGISTER).symlink_to(outside / "recordings.json")
    with lock_links(lab.open()), pytest.raises(RepairError, match="symbolic link"):
        add_entries(lab.open(), FOLDER, [_one()])
    (lab.root / REGISTER).unlink()
    (lab.root / FOLDER).rmdir()
    (lab.root / FOLDER).symlink_to(outside)
    with lock_links(lab.open()), pytest.raises(RepairError, match="symbolic link"):
        add_entries(lab.open(), FOLDER, [_one()])
    assert (outside / "recordings.json").read_bytes() == before
    assert _names(outside) == ["recordings.json"]


def test_a_part_that_is_a_link_is_not_followed(lab: Any) -> None:
    """A symbolic link in place of the unfinished register is not followed."""
    (lab.root / FOLDER).mkdir()
    victim = lab.write("data/victim", b"precious")
    (lab.root / FOLDER / ".recordings.json.part").symlink_to(victim)
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, [_one()])
    assert victim.read_bytes() == b"precious"
    assert _names(lab.root / FOLDER) == ["recordings.json"]


def test_a_name_that_no_register_can_hold_is_said(lab: Any) -> None:
    """A file whose name is not UTF-8 is refused with one sentence, and nothing is written."""
    with lock_links(lab.open()), pytest.raises(RepairError, match=r"b\\udcff.mp4|b\\xff.mp4"):
        add_entries(lab.open(), FOLDER, [_one("recordings/b\udcff.mp4")])
    assert not (lab.root / FOLDER).exists()


_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=rounds(20, 60))
@given(st.lists(_NAMES, min_size=1, max_size=5, unique=True))
def test_any_name_comes_back(lab: Any, names: list[str]) -> None:
    """For any characters in a file's name, its entry is found again and can be removed."""
    files = [_one(f"recordings/{name}") for name in names if name not in (".", "..")]
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, files)
        assert read_session_register(lab.open(), FOLDER).files == tuple(files)
        for one in files:
            assert remove_entries(lab.open(), FOLDER, lambda e, file=one.file: is_entry_of(e, file)) == 1  # type: ignore[misc]
    assert not (lab.root / REGISTER).exists()


@pytest.mark.thorough
def test_writers_at_once_lose_no_entry(lab: Any) -> None:
    """Six processes that add twenty files each leave a hundred and twenty entries."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from labcrate.repair.register_file import add_entries, lock_links
        from labcrate.lab.folder import LabFolder
        from labcrate.lab.session_register import LinkedFile
        lab = LabFolder(Path(sys.argv[1]))
        for n in range(20):
            with lock_links(lab):
                add_entries(lab, "sessions/Session42", [LinkedFile("", f"recordings/{sys.argv[2]}_{n}.mp4", 1, 1)])
    """)
    running = [subprocess.Popen([sys.executable, "-c", script, str(lab.root), str(n)]) for n in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    files = {one.file for one in read_session_register(lab.open(), FOLDER).files}
    assert files == {f"recordings/{n}_{i}.mp4" for n in range(6) for i in range(20)}
    assert _names(lab.root / FOLDER) == ["recordings.json"]


STEPS = ("write", "fsync", "rename", "fsync after")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_register_is_the_old_or_the_new_one(lab: Any, step: str, tmp_path: Path) -> None:
    """A killed writer leaves the old or the new register complete, and the next writer removes its leftovers."""
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import labcrate.repair.register_file as module
        from labcrate.lab.folder import LabFolder
        from labcrate.lab.session_register import LinkedFile
        step, calls = sys.argv[2], []
        def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
        if step == "write": module.encode_register = die
        if step == "rename": os.rename = die
        real = os.fsync
        def fsync(fd):
            calls.append(fd)
            if step == ("fsync" if len(calls) == 1 else "fsync after"): die()
            real(fd)
        os.fsync = fsync
        lab = LabFolder(Path(sys.argv[1]))
        with module.lock_links(lab):
            module.add_entries(lab, "sessions/Session42", [LinkedFile("", "recordings/new.mp4", 1, 1)])
    """)
    old = _one("recordings/old.mp4")
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, [old])
    ran = subprocess.run([sys.executable, "-c", script, str(lab.root), step], check=False)
    assert ran.returncode == -signal.SIGKILL
    files = [one.file for one in read_session_register(lab.open(), FOLDER).files]
    assert files == [old.file, *(["recordings/new.mp4"] if step == "fsync after" else [])]
    with lock_links(lab.open()):
        add_entries(lab.open(), FOLDER, [_one("recordings/next.mp4")])
    assert _names(lab.root / FOLDER) == ["recordings.json"]
