"""The register of a session's own folder: changed whole, by one process at a time, and never another program's."""

import threading
from pathlib import Path
from typing import Any

import pytest

from labcrate.errors import RepairError
from labcrate.export.register_writing import add_entries, remove_entries
from labcrate.lab.session_register import LinkedFile, read_session_register

FOLDER = "sessions/Session42"
REGISTER = f"{FOLDER}/recordings.json"


def entry(number: int, size_bytes: int = 1) -> LinkedFile:
    """An entry of a recorder's file."""
    return LinkedFile("nvr", f"{number}.mp4", size_bytes, 5)


def files(lab: Any) -> tuple[LinkedFile, ...]:
    """The entries that are there."""
    return read_session_register(lab.open(), FOLDER).files


def test_entries_come_and_go_beside_others(lab: Any) -> None:
    """Adding keeps what is there, an entry of the same file is replaced, and only the very entry is removed."""
    add_entries(lab.open(), FOLDER, "42", [entry(1), entry(2)])
    add_entries(lab.open(), FOLDER, "42", [entry(2, 9), entry(3)])
    assert files(lab) == (entry(1), entry(2, 9), entry(3))
    remove_entries(lab.open(), FOLDER, "42", [entry(2), entry(3)])
    assert files(lab) == (entry(1), entry(2, 9))
    remove_entries(lab.open(), FOLDER, "42", files(lab))
    assert list((lab.root / FOLDER).iterdir()) == []


def test_processes_take_turns(lab: Any) -> None:
    """What many write at once is all there afterwards, and no half-written file is left."""
    threads = [
        threading.Thread(target=add_entries, args=(lab.open(), FOLDER, "42", [entry(number)])) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.file for one in files(lab)) == sorted(f"{number}.mp4" for number in range(12))
    assert [path.name for path in (lab.root / FOLDER).iterdir()] == ["recordings.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"sessionId": 42}]', "was not written by labcrate"),
        ('{"writtenBy": "labcrate link", "recordings": [{"file": "../x"}]}', "recordings[0]"),
        ('{"writtenBy": "labcrate link"', "not valid JSON"),
    ],
)
def test_a_file_that_is_not_understood_stays_as_it_is(lab: Any, content: str, words: str) -> None:
    """Another program's register, and one that is damaged, are never replaced."""
    lab.write(REGISTER, content)
    with pytest.raises(RepairError) as refused:
        add_entries(lab.open(), FOLDER, "42", [entry(1)])
    assert words in str(refused.value)
    assert (lab.root / REGISTER).read_text() == content


@pytest.mark.parametrize("place", [FOLDER, REGISTER])
def test_no_symbolic_link_is_followed(lab: Any, tmp_path: Path, place: str) -> None:
    """A link in the place of the session's folder or of its register is refused, and nothing is written behind it."""
    behind = tmp_path / "elsewhere"
    behind.mkdir()
    (lab.root / place).parent.mkdir(parents=True, exist_ok=True)
    (lab.root / place).symlink_to(behind if place == FOLDER else behind / "recordings.json")
    with pytest.raises(RepairError):
        add_entries(lab.open(), FOLDER, "42", [entry(1)])
    assert list(behind.iterdir()) == []
