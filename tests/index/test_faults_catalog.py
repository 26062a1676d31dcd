"""Faults of the index, its folder, and the places of that folder."""

import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.support.rounds import rounds

from labcrate.database import connection as connection_module
from labcrate.index.catalog import SCHEMA


@pytest.fixture
def indexed_lab(usual_lab: Any, cli: Any) -> Any:
    """Build the usual lab with 60 more recordings, all indexed, so that the index has many pages."""
    for number in range(60):
        usual_lab.recording(f"recordings/cam1_session42_{number:03}_{'x' * 100}.mp4", content=b"%d" % number)
    assert cli("index", "--lab", usual_lab.root).code == 0
    return usual_lab


def index_of(lab: Any) -> Path:
    """Return the path of the index."""
    return Path(lab.root / ".labcrate/index.db")


def export(cli: Any, lab: Any, target: Path) -> Any:
    """Export session 42, replacing what an earlier round wrote."""
    return cli("export", "42", "--lab", lab.root, "-o", target, "--force")


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_index(
    cli: Any, clear: Any, usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """While another program locks the index, export fails with this message; later it succeeds."""
    assert cli("index", "42", "--lab", usual_lab.root).code == 0
    usual_lab.recording("recordings/cam1_session42_later.mp4")
    monkeypatch.setattr(connection_module, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(index_of(usual_lab), isolation_level=None)
    other.execute(f"BEGIN {mode}")
    clear(export(cli, usual_lab, tmp_path / "out.zip"), 10, "index.db is locked by another program", "try again")
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]
    other.execute("ROLLBACK")
    other.close()
    assert export(cli, usual_lab, tmp_path / "out.zip").code == 0


def test_a_reader_is_no_obstacle(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """A program that reads the index does not prevent an export from using it."""
    assert cli("index", "42", "--lab", usual_lab.root).code == 0
    other = sqlite3.connect(index_of(usual_lab), isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM file").fetchone()
    assert export(cli, usual_lab, tmp_path / "out.zip").code == 0
    other.close()


@pytest.mark.parametrize("seed", range(int(os.environ.get("LABCRATE_FAULT_ROUNDS", rounds(3, 8)))))
def test_a_damaged_index_never_reaches_the_archive(cli: Any, indexed_lab: Any, tmp_path: Path, seed: int) -> None:
    """With random pages overwritten, the archive has the same bytes as without an index."""
    assert export(cli, indexed_lab, tmp_path / "fresh.zip").code == 0
    choice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    data = bytearray(index_of(indexed_lab).read_bytes())
    assert len(data) > 5 * 4096
    for _ in range(choice.choice([1, 3, 20])):
        size = choice.choice([16, 512, 4096])
        at = choice.randrange(0, len(data) - size)
        data[at : at + size] = choice.randbytes(size) if choice.random() < 0.7 else bytes(size)
    index_of(indexed_lab).write_bytes(data)
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    if outcome.code:  # what is left may read as an index of a later version: that is refused
        assert outcome.code == 10
        assert "newer version of labcrate" in outcome.err
        index_of(indexed_lab).unlink()
        assert export(cli, indexed_lab, tmp_path / "out.zip").code == 0
    assert cli("verify", tmp_path / "out.zip").code == 0
    assert (tmp_path / "out.zip").read_bytes() == (tmp_path / "fresh.zip").read_bytes()
    assert cli("index", "--lab", indexed_lab.root).code == 0


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_index_is_built_again(cli: Any, indexed_lab: Any, tmp_path: Path, share: float) -> None:
    """A truncated index only costs time."""
    index = index_of(indexed_lab)
    os.truncate(index, int(index.stat().st_size * share))
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    assert outcome.code == 0, outcome.err
    assert cli("verify", tmp_path / "out.zip").code == 0


@pytest.mark.parametrize("statement", ["DROP TABLE file", "ALTER TABLE file RENAME COLUMN sha256 TO md5",
                                       "UPDATE file SET sha256 = 'no hash', crc32 = -1",
                                       "UPDATE file SET probe = '{\"duration_s\": \"long\"}'",
                                       "UPDATE file SET probe = json_remove(probe, '$.height', '$.frame_rate')",
                                       "UPDATE file SET probe = json_set(probe, '$.width', 7)",
                                       "UPDATE file SET probe = 'no json'"])  # fmt: skip
def test_an_index_with_other_contents_is_not_believed(cli: Any, usual_lab: Any, tmp_path: Path, statement: str) -> None:
    """Other tables, or values that labcrate did not store, are computed again instead of used."""
    assert cli("index", "--lab", usual_lab.root).code == 0
    assert export(cli, usual_lab, tmp_path / "fresh.zip").code == 0
    with sqlite3.connect(index_of(usual_lab)) as connection:
        connection.execute(statement)
    connection.close()
    assert export(cli, usual_lab, tmp_path / "out.zip").code == 0
    assert cli("verify", tmp_path / "out.zip").code == 0
    assert (tmp_path / "out.zip").read_bytes() == (tmp_path / "fresh.zip").read_bytes()


def test_an_index_of_a_newer_version(cli: Any, clear: Any, usual_lab: Any, tmp_path: Path) -> None:
    """The index of a newer labcrate is refused with both remedies, and kept."""
    cli("index", "--lab", usual_lab.root)
    with sqlite3.connect(index_of(usual_lab)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA.version + 1}")
    connection.close()
    before = index_of(usual_lab).read_bytes()
    clear(
        export(cli, usual_lab, tmp_path / "out.zip"),
        10,
        "newer version of labcrate",
        "Update labcrate",
        "delete the file",
    )
    assert index_of(usual_lab).read_bytes() == before


@pytest.mark.parametrize("part", ["index.db", "spool", "spool.lock", "document-x"])
def test_links_in_labcrates_own_folder_are_not_followed(
    cli: Any, usual_lab: Any, tmp_path: Path, snapshot: Any, part: str
) -> None:
    """A symbolic link in place of one of labcrate's files is replaced and not followed."""
    outside = tmp_path / "outside"
    (outside / "run-of-mine").mkdir(parents=True)
    (outside / "run-of-mine/thesis.txt").write_text("years of work")
    with sqlite3.connect(outside / "file.db") as connection:
        connection.execute("CREATE TABLE file (mine TEXT)")
    connection.close()
    state = usual_lab.root / ".labcrate"
    state.mkdir()
    (state / part).symlink_to(outside if part == "spool" else outside / "file.db")
    before = snapshot(outside)
    outcome = export(cli, usual_lab, tmp_path / "out.zip")
    assert outcome.code == 0, outcome.err
    assert snapshot(outside) == before
    assert (state / part).is_symlink() == (part != "index.db")


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_labcrates_own_folder_is_something_else(
    cli: Any, usual_lab: Any, tmp_path: Path, snapshot: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """If .labcrate is a file or a link, it stays, and the index is in the user's state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "outside").mkdir()
    place = usual_lab.root / ".labcrate"
    if kind == "file":
        place.write_text("not a folder")
    else:
        place.symlink_to(tmp_path / ("outside" if kind == "link" else "nowhere"))
    before = place.lstat()
    assert export(cli, usual_lab, tmp_path / "out.zip").code == 0
    after = place.lstat()  # reading a link may change the time of its last access
    for field in ("st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns"):
        assert getattr(after, field) == getattr(before, field), field
    assert list((tmp_path / "outside").iterdir()) == []
    assert len(list((tmp_path / "state").rglob("index.db"))) == 1


@pytest.mark.thorough
@pytest.mark.usefixtures("permissions")
def test_a_lab_folder_that_may_only_be_read(command: Any, usual_lab: Any, tmp_path: Path, snapshot: Any) -> None:
    """In a lab without write permission the index is in the state folder, and is used again from there."""
    before = snapshot(usual_lab.root)
    usual_lab.root.chmod(0o555)
    words = ("--lab", usual_lab.root, "-o")
    first = command("export", "42", *words, tmp_path / "a.zip", denied=True)
    second = command("export", "42", *words, tmp_path / "b.zip", denied=True)
    usual_lab.root.chmod(0o755)
    assert (first.returncode, first.stderr, second.returncode) == (0, "", 0)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert len(list((tmp_path / "state").rglob("index.db"))) == 1
    assert not (usual_lab.root / ".labcrate").exists()
    assert snapshot(usual_lab.root) == before


def test_no_place_for_the_index(command: Any, clear: Any, usual_lab: Any, tmp_path: Path) -> None:
    """If neither lab nor state folder can be written, the message names the variable for another folder."""
    (usual_lab.root / ".labcrate").write_text("")
    (tmp_path / "state").write_text("a file where the folder should be")
    outcome = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    clear(outcome, 10, "no place for the index", "XDG_STATE_HOME")


def test_the_index_is_lost_between_two_commands(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """Deleting .labcrate only costs time: the next archive has the same bytes."""
    assert export(cli, usual_lab, tmp_path / "a.zip").code == 0
    shutil.rmtree(usual_lab.root / ".labcrate")
    assert export(cli, usual_lab, tmp_path / "b.zip").code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
