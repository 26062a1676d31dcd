"""An export is never larger than verify reads: it says so beforehand instead."""

from pathlib import Path
from typing import Any

import pytest

import labcrate
from labcrate.errors import UsageError


@pytest.mark.parametrize(("limit", "value"), [("MAX_MEMBERS", 15), ("MAX_IN_MEMORY_BYTES", 1000)])
def test_more_files_than_verify_reads_are_refused(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """Too many files, or names that are too long altogether: one sentence with the remedy, and no archive."""
    lab.session(42)
    for index in range(5):
        lab.write(f"sessions/Session42/frame {index}.jpg", "x")
    opened = labcrate.Lab(lab.root)
    monkeypatch.setattr(f"labcrate.export.assemble.{limit}", value)
    with pytest.raises(UsageError, match=r"^Session 42 has \d+ files.*labcrate\.toml"):
        opened.export(42, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    monkeypatch.undo()
    assert opened.export(42, tmp_path / "a.zip").path.exists()
