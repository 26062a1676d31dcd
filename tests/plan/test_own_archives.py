"""Archives of labcrate are recognized by their beginning; other files are not."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.archive.entity import Entity
from labcrate.export.prepare import prepare_archive
from labcrate.lab.folder import LabFolder
from labcrate.plan.own_archives import is_own_archive


def zipped(*members: tuple[str, str], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP of these members."""
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return goal.getvalue()


README = ("README.txt", "Session 42\n" * 100)
METADATA = ("data/session_metadata.json", '{\n  "format": "labcrate session archive",\n  "formatVersion": 1\n}\n')


@pytest.mark.parametrize("cut", [1.0, 0.5])
def test_an_export_is_recognized_whole_or_not(usual_lab: Any, cut: float) -> None:
    """What labcrate writes is recognized under any name that ends in .zip, also where its end is missing."""
    with prepare_archive(usual_lab.open(), "42", with_fixity=True) as assembly:
        content = b"".join(Entity(assembly.layout).read_range())
    usual_lab.write("sessions/Session42/backup.Zip", content[: int(len(content) * cut)])
    usual_lab.write("sessions/Session42/backup.dat", content)
    assert is_own_archive(usual_lab.open(), "sessions/Session42/backup.Zip")
    assert not is_own_archive(usual_lab.open(), "sessions/Session42/backup.dat")


@pytest.mark.parametrize(
    ("content", "own"),
    [
        (zipped(README, METADATA), True),
        (zipped(README, METADATA, method=zipfile.ZIP_DEFLATED), True),
        (zipped(METADATA, README), False),
        (zipped(README, ("data/other.json", METADATA[1])), False),
        (zipped(README, (METADATA[0], '{"format": "another"}')), False),
        (zipped(README), False),
        (zipped(("wearable.csv", "1")), False),
        (b"PK\x03\x04", False),
        (b"", False),
    ],
)
def test_only_our_own_beginning_counts(lab: Any, content: bytes, own: bool) -> None:
    """A ZIP of the lab's own data stays the lab's data, also one with a README."""
    lab.write("sessions/a.zip", content)
    assert is_own_archive(lab.open(), "sessions/a.zip") == own


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Damaged bytes are no archive, and raise no exception."""
    root = tmp_path_factory.mktemp("lab")
    (root / "data").mkdir()
    Path(root / "data/a.zip").write_bytes(b"PK\x03\x04" + content)
    assert not is_own_archive(LabFolder(root), "data/a.zip")
