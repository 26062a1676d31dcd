"""Linking near misses and undoing links: no file is lost or overwritten."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.values import replace

from labcrate.errors import RepairError
from labcrate.export.prepare import prepare_archive
from labcrate.index.state_folder import state_folder
from labcrate.messages.message import Message
from labcrate.people.database import PeopleDatabase
from labcrate.people.link_log import Link, LinkLog, LinkMethod
from labcrate.plan.inventory import read_inventory
from labcrate.plan.plan import NearMiss, Plan
from labcrate.repair.link_files import check_link_requests, create_link, join_lines, undo_logged_link
from labcrate.repair.near_misses import (
    LinkedNearMiss,
    find_near_miss,
    is_already_undone,
    move_near_miss,
    undo_file_change,
)
from labcrate.web.pages.i18n import Locale

FOLDER = "sessions/Session42"
OWN = f"{FOLDER}/recordings"
REGISTER = f"{FOLDER}/recordings.json"
FILE = "recordings/cam1_42_a.mp4"
IN_LAB = [LinkMethod.ENTRY, LinkMethod.MOVE]


@pytest.fixture
def near_lab(lab: Any) -> Any:
    """Build a lab with one camera, session 42, which only the list describes, and one near miss of it."""
    lab.cameras("cam1")
    lab.json("data/sessions.json", [{"id": 42, "startTime": "2025-05-02T08:00:00Z", "endTime": "2025-05-02T08:05:00Z"}])
    lab.recording(FILE)
    return lab


@pytest.fixture
def log(near_lab: Any) -> Iterator[LinkLog]:
    """Open the log of links of that lab."""
    with PeopleDatabase.open(state_folder(near_lab.root)) as database:
        yield LinkLog(database)


def _plan(lab: Any) -> Plan:
    with prepare_archive(lab.open(), "42", with_fixity=False) as assembly:
        return assembly.plan


def _near(lab: Any, file: str = FILE) -> NearMiss:
    return find_near_miss(_plan(lab).near_misses, "42", file)


def _link(lab: Any, log: LinkLog, method: LinkMethod, file: str = FILE, miss: NearMiss | None = None) -> Link:
    inventory = read_inventory(lab.open())
    misses = [miss] if miss else _plan(lab).near_misses
    (wish,) = check_link_requests(inventory, misses, session="42", files=[file], method=method)
    return create_link(inventory, log, wish, who="somebody").link


def _linked(lab: Any) -> list[str]:
    return [recording.path for recording in _plan(lab).recordings]


def _files(lab: Any) -> dict[str, bytes]:
    return {
        str(path.relative_to(lab.root)): path.read_bytes()
        for path in sorted(lab.root.rglob("*"))
        if path.is_file() and ".labcrate" not in path.parts
    }


def _second_name(lab: Any, name: str = "cam1_42_a.mp4") -> LinkedNearMiss:
    """Create a hard link, as earlier versions did."""
    (lab.root / OWN).mkdir(parents=True, exist_ok=True)
    (lab.root / OWN / name).hardlink_to(lab.root / FILE)
    return LinkedNearMiss("42", FILE, f"{OWN}/{name}", LinkMethod.HARD_LINK)


@pytest.mark.parametrize("method", IN_LAB)
def test_a_near_miss_becomes_part_of_its_session_and_back(near_lab: Any, log: LinkLog, method: LinkMethod) -> None:
    """A linked or moved file is in the plan and no near miss; undoing restores the old state."""
    before = _files(near_lab)
    assert _linked(near_lab) == []
    made = _link(near_lab, log, method)
    place = FILE if method is LinkMethod.ENTRY else f"{OWN}/cam1_42_a.mp4"
    assert (made.source, made.target) == (FILE, REGISTER if method is LinkMethod.ENTRY else place)
    assert _linked(near_lab) == [place]
    assert _plan(near_lab).near_misses == ()
    assert (near_lab.root / FILE).exists() == (method is LinkMethod.ENTRY)
    undo_logged_link(near_lab.open(), log, session="42", number=made.number, who="somebody")
    assert _files(near_lab) == before
    assert [n.path for n in _plan(near_lab).near_misses] == [FILE]


def test_an_entry_moves_and_links_nothing(near_lab: Any, log: LinkLog) -> None:
    """A file linked in place keeps its name, inode and times; the plan says that it was linked by hand."""
    before = (near_lab.root / FILE).stat()
    _link(near_lab, log, LinkMethod.ENTRY)
    after = (near_lab.root / FILE).stat()
    assert (after.st_ino, after.st_nlink, after.st_ctime_ns) == (before.st_ino, 1, before.st_ctime_ns)
    (recording,) = _plan(near_lab).recordings
    assert (recording.verdict.rule, recording.verdict.reason) == ("register", "linked to session 42 by hand")


def test_hard_links_of_earlier_versions_are_taken_back(near_lab: Any, log: LinkLog) -> None:
    """Undoing a hard link removes the second name and keeps the first."""
    before = _files(near_lab)
    done = _second_name(near_lab)
    number = log.add(who="somebody", session="42", source=done.source, target=done.target, method="hard link")
    undo_logged_link(near_lab.open(), log, session="42", number=number, who="somebody")
    assert _files(near_lab) == before


def test_a_name_that_is_taken_is_left_alone(near_lab: Any) -> None:
    """If the name is in use in the session's folder, the next free one is used."""
    near_lab.write(f"{OWN}/cam1_42_a.mp4", b"another")
    near_lab.write(f"{OWN}/cam1_42_a_2.mp4", b"a third")
    done = move_near_miss(near_lab.open(), "42", FOLDER, _near(near_lab))
    assert done.target == f"{OWN}/cam1_42_a_3.mp4"
    assert (near_lab.root / OWN / "cam1_42_a.mp4").read_bytes() == b"another"
    assert (near_lab.root / OWN / "cam1_42_a_2.mp4").read_bytes() == b"a third"
    assert (near_lab.root / done.target).read_bytes() == near_lab.clip


def test_only_what_the_plan_lists_can_be_linked(near_lab: Any) -> None:
    """A file of another session, outside the lab, or that does not exist is no near miss."""
    near_lab.recording("recordings/cam1_session7.mp4")
    (near_lab.root.parent / "secret.mp4").write_bytes(b"secret")
    for path in (
        "recordings/cam1_session7.mp4",
        "../secret.mp4",
        f"./{FILE}",
        f"recordings//{FILE[11:]}",
        "",
        "/etc/passwd",
    ):
        with pytest.raises(
            RepairError, match=r"not a near miss of session 42. Only files that 'labcrate plan 42' lists"
        ):
            _near(near_lab, path)


def test_what_is_printed_alike_is_not_guessed_at(near_lab: Any) -> None:
    """Two near misses with the same printed name are refused under it, and found by their own names."""
    one, other = f"{FILE[:-4]}\x1b.mp4", f"{FILE[:-4]}\\x1b.mp4"
    misses = [replace(_near(near_lab), path=path) for path in (one, other)]
    assert find_near_miss(misses, "42", one).path == one
    assert find_near_miss(misses, "42", other).path == other
    with pytest.raises(RepairError, match="2 near misses of session 42 are printed as"):
        find_near_miss([misses[0], misses[0]], "42", other)


@pytest.mark.parametrize("method", IN_LAB)
def test_only_mp4s_are_linked(near_lab: Any, log: LinkLog, method: LinkMethod) -> None:
    """A near miss that is no MP4 is refused with the remedy."""
    near_lab.recording("recordings/cam1_session42.mkv")
    with pytest.raises(RepairError, match=r"only MP4 files are exported\. Remedy: convert it with --remux"):
        _link(near_lab, log, method, "recordings/cam1_session42.mkv")
    assert not (near_lab.root / FOLDER).exists()


def test_what_names_another_session_is_not_written_down(near_lab: Any, log: LinkLog) -> None:
    """A file that the register and the name give to different sessions is refused with both reasons."""
    near_lab.recording("recordings/cam1_session7_x.mp4")
    near_lab.json("data/recordings.json", {"1": {"sessionId": 42, "filePath": "/nvr/cam1_session7_x.mp4"}})
    with pytest.raises(
        RepairError, match=r"where it is now: recordings.json says session 42, the name says session 7\."
    ):
        _link(near_lab, log, LinkMethod.ENTRY, "recordings/cam1_session7_x.mp4")
    assert not (near_lab.root / REGISTER).exists()
    assert log.lines() == []


def _replaced_by_a_link(root: Path) -> None:
    (root / FILE).unlink()
    (root / FILE).symlink_to(root / "data" / "sessions.json")


def _folder_is_a_link(root: Path) -> None:
    (root / "recordings").rename(root.parent / "elsewhere")
    (root / "recordings").symlink_to(root.parent / "elsewhere")


def _goal_is_a_link(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root / "sessions" / "Session42").symlink_to(root.parent / "outside")


def _gone(root: Path) -> None:
    (root / FILE).unlink()


def _replaced_by_a_folder(root: Path) -> None:
    (root / FILE).unlink()
    (root / FILE).mkdir()


@pytest.mark.parametrize("method", IN_LAB)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_replaced_by_a_link, "symbolic link"),
        (_folder_is_a_link, "symbolic link"),
        (_goal_is_a_link, "symbolic link"),
        (_gone, "it no longer exists"),
        (_replaced_by_a_folder, "not a regular file"),
    ],
)
def test_links_are_never_followed_and_nothing_is_half_done(
    near_lab: Any, log: LinkLog, method: LinkMethod, change: Callable[[Path], None], why: str
) -> None:
    """A change between plan and link is refused, without creating or deleting any file."""
    miss = _near(near_lab)
    inventory = read_inventory(near_lab.open())
    (wish,) = check_link_requests(inventory, [miss], session="42", files=[FILE], method=method)
    change(near_lab.root)
    before = {path: path.lstat().st_ino for path in near_lab.root.parent.rglob("*.*")}
    with pytest.raises(RepairError, match=why):
        create_link(inventory, log, wish, who="somebody")
    after = {path: path.lstat().st_ino for path in near_lab.root.parent.rglob("*.*")}
    assert {path: inode for path, inode in after.items() if ".labcrate" not in path.parts} == {
        path: inode for path, inode in before.items() if ".labcrate" not in path.parts
    }
    assert [link for link in log.lines() if link.undone is None] == []


def test_a_file_that_is_exchanged_in_mid_link_is_not_taken(near_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that replaces the near miss at the last moment is neither linked nor removed."""
    miss, real = _near(near_lab), os.link
    (near_lab.root / "other").write_bytes(b"another study's")

    def exchanging(*arguments: object, **options: object) -> None:
        (near_lab.root / "other").replace(near_lab.root / FILE)
        real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", exchanging)
    with pytest.raises(RepairError, match="was replaced while it was being linked"):
        move_near_miss(near_lab.open(), "42", FOLDER, miss)
    assert (near_lab.root / FILE).read_bytes() == b"another study's"
    assert list((near_lab.root / OWN).iterdir()) == []


def test_linking_twice_at_once_links_once(near_lab: Any, log: LinkLog) -> None:
    """The second of two equal requests is refused, and there is one link and one entry."""
    miss = _near(near_lab)
    _link(near_lab, log, LinkMethod.ENTRY, miss=miss)
    with pytest.raises(RepairError, match="is already linked to this session"):
        _link(near_lab, log, LinkMethod.ENTRY, miss=miss)
    assert _linked(near_lab) == [FILE]
    assert len(log.lines()) == 1
    assert len(json.loads((near_lab.root / REGISTER).read_text())["recordings"]) == 1


def test_the_last_copy_is_never_removed(near_lab: Any) -> None:
    """If the original is gone or another file, undoing a hard link is refused."""
    done = _second_name(near_lab)
    (near_lab.root / FILE).unlink()
    with pytest.raises(RepairError, match="may be the only copy and is kept"):
        undo_file_change(near_lab.open(), done, datetime.now(UTC))
    near_lab.write(FILE, b"another recording")
    with pytest.raises(RepairError, match="may be the only copy and is kept"):
        undo_file_change(near_lab.open(), done, datetime.now(UTC))
    assert done.target in _linked(near_lab)


def test_what_is_undone(near_lab: Any) -> None:
    """A link counts as undone if its file is at the old path, and none is at the new one."""
    lab, done = near_lab.open(), _second_name(near_lab)
    source, target = near_lab.root / done.source, near_lab.root / done.target
    assert not is_already_undone(lab, done)
    aside = target.rename(near_lab.root / "aside.mp4")
    assert is_already_undone(lab, done)
    source.unlink()
    assert not is_already_undone(lab, done)
    source.symlink_to(aside)
    assert not is_already_undone(lab, done)


def test_moving_back_overwrites_nothing_and_mistakes_nothing(near_lab: Any) -> None:
    """Undoing is refused if the old path is in use, or the file is gone or replaced."""
    done = move_near_miss(near_lab.open(), "42", FOLDER, _near(near_lab))
    near_lab.write(FILE, b"a new recording")
    with pytest.raises(RepairError, match="another file has its name"):
        undo_file_change(near_lab.open(), done, datetime.now(UTC))
    assert (near_lab.root / FILE).read_bytes() == b"a new recording"
    (near_lab.root / FILE).unlink()
    with pytest.raises(RepairError, match="changed after it was moved"):
        undo_file_change(near_lab.open(), done, datetime.now(UTC) - timedelta(hours=1))
    (near_lab.root / done.target).unlink()
    with pytest.raises(RepairError, match="it no longer exists"):
        undo_file_change(near_lab.open(), done, datetime.now(UTC))


def test_every_near_miss_but_one_of_another_kind_can_be_linked(
    tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All MP4s among the near misses of the sample lab can be linked."""
    from labcrate.demo.lab import build_demo_lab  # noqa: PLC0415 - FFmpeg is not needed by the others
    from labcrate.lab.folder import LabFolder  # noqa: PLC0415

    monkeypatch.setattr("labcrate.demo.lab.make_clip", lambda path, *_, **__: path.write_bytes(clip))
    demo = build_demo_lab(tmp_path / "lab")
    lab = LabFolder(demo.root)
    with prepare_archive(lab, "42", with_fixity=False) as assembly:
        misses = assembly.plan.near_misses
        before = len(assembly.plan.recordings)
    assert {miss.verdict.rule: miss.path for miss in misses} == demo.near_misses
    files = [miss.path for miss in misses if miss.path.endswith(".mp4")]
    inventory = read_inventory(lab)
    with PeopleDatabase.open(state_folder(lab.root)) as database:
        for wish in check_link_requests(inventory, misses, session="42", files=files, method=LinkMethod.ENTRY):
            create_link(inventory, LinkLog(database), wish, who="somebody")
    with prepare_archive(lab, "42", with_fixity=False) as assembly:
        assert [miss.verdict.rule for miss in assembly.plan.near_misses] == ["not MP4"]
        assert len(assembly.plan.recordings) == before + len(misses) - 1


@pytest.mark.parametrize(
    ("mounts", "method", "why"),
    [
        (["mount -t tmpfs tmpfs sessions"], LinkMethod.MOVE, "is on another disk"),
        (["mount --bind . .", "mount -o remount,bind,ro ."], LinkMethod.MOVE, "on a read-only disk"),
        (["mount --bind . .", "mount -o remount,bind,ro ."], LinkMethod.ENTRY, "on a read-only disk"),
    ],
)
def test_disks_that_cannot_do_it_say_so(
    near_lab: Any, mounts: list[str], why: str, method: LinkMethod, tmp_path: Path
) -> None:
    """Another disk and a read-only lab give different errors, and the file stays."""
    words = next(
        (w for w in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]) if _may_mount(w)), None
    )
    if words is None:
        pytest.skip("mounting is not allowed here, neither as this user nor in a user namespace of its own")
    move_near_miss = ["--move"] if method is LinkMethod.MOVE else []
    script = f"""
from pathlib import Path
from labcrate.cli.main import main
raise SystemExit(main(["link", "42", {FILE!r}, "--lab", str(Path.cwd()), *{move_near_miss!r}]))
"""
    shell = " && ".join([*mounts, "cd .", 'exec "$0" -c "$1"'])
    ran = subprocess.run(
        [*words, "sh", "-c", shell, sys.executable, script],
        cwd=near_lab.root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
    )
    assert ran.returncode == RepairError.exit_code, ran.stderr
    assert why in ran.stderr
    assert (near_lab.root / FILE).read_bytes() == near_lab.clip
    assert _linked(near_lab) == []


def _may_mount(words: list[str]) -> bool:
    try:
        probe = [*words, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def test_thousands_of_lines_are_one_message_in_every_language() -> None:
    """Each message keeps its line, and a long list does not nest too deeply to be translated."""
    lines = [Message("repair.in_register", file=f"recordings/{number}.mp4") for number in range(5000)]
    joined = join_lines(lines)
    assert joined.splitlines() == lines
    assert Locale("es").text(joined).splitlines()[4999] == (
        "recordings/4999.mp4 ya está vinculado a esta sesión: figura en su registro."
    )
