"""What leaves the lab without the server leaves a line as well."""

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

import labcrate
from labcrate.errors import SourceChangedError
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, ExportLogLine, Outcome


def lines(lab: Any) -> list[ExportLogLine]:
    """Return the lab's export log, the newest line first."""
    with PeopleDatabase.open(lab.root / ".labcrate") as database, ExportLog(database) as log:
        return log.lines()


def test_every_export_leaves_a_line(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The command and the Python API write who, what and how much; the ETag is that of the archive."""
    output = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip", "--camera", "1", "--json").json
    done = labcrate.Lab(usual_lab.root).export(42, tmp_path / "b.zip", pad="30s")
    second, first = lines(usual_lab)
    assert (first.via, first.options, first.etag) == ("command line", "camera=1", output["etag"])
    assert (second.via, second.options, second.etag) == ("Python", "pad=30s", done.etag)
    for line, file in ((first, "a.zip"), (second, "b.zip")):
        assert (line.session, line.outcome) == ("42", Outcome.FINISHED)
        assert line.bytes_sent == line.length == line.total == (tmp_path / file).stat().st_size
        assert line.ended is not None
        assert line.ended >= line.begun


def test_both_ways_log_the_same_words(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A time without a zone is logged as the instant that it was read as, from the command line and Python."""
    start = "2025-05-02T10:00"
    chosen = ("--from", start, "--time-zone", "Europe/Madrid", "--camera", "1")
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip", *chosen).code == 0
    lab = labcrate.Lab(usual_lab.root)
    lab.export(42, tmp_path / "b.zip", start=start, time_zone="Europe/Madrid", cameras="1")
    first, second = lines(usual_lab)
    assert first.options == second.options == "camera=1&from=2025-05-02T08:00:00.000Z&time_zone=Europe/Madrid"
    assert first.etag == second.etag


def test_who_exports_is_who_the_system_says(usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable cannot change the name in the log; a user without a name is a number."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "professor")
    labcrate.Lab(usual_lab.root).export(42, tmp_path / "a.zip")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    labcrate.Lab(usual_lab.root).export(42, tmp_path / "b.zip")
    monkeypatch.undo()
    named = {entry.pw_uid: entry.pw_name for entry in reversed(pwd.getpwall())}
    assert [line.who for line in lines(usual_lab)] == ["4000000001", named.get(os.getuid(), str(os.getuid()))]


def test_an_export_that_breaks_off_leaves_a_line_that_says_why(usual_lab: Any, tmp_path: Path) -> None:
    """A recording that changes while the archive is packed is named in the log."""
    large = usual_lab.recording("recordings/cam2_session42_z.mp4", content=os.urandom(8 << 20))

    def change(stage: str, done: int, total: int) -> None:
        if stage == "packing":
            with large.open("ab") as file:
                file.write(b"more")

    with pytest.raises(SourceChangedError):
        labcrate.Lab(usual_lab.root).export(42, tmp_path / "a.zip", progress=change)
    (line,) = lines(usual_lab)
    assert line.outcome is Outcome.BROKEN
    assert large.name in (line.reason or "")
    assert line.bytes_sent < line.total


def test_an_export_that_is_stopped_is_aborted(usual_lab: Any, tmp_path: Path) -> None:
    """An exception of the caller's own, as Ctrl-C is one, ends the line as aborted."""

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "packing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labcrate.Lab(usual_lab.root).export(42, tmp_path / "a.zip", progress=stop)
    assert [line.outcome for line in lines(usual_lab)] == [Outcome.ABORTED]


def test_a_refused_export_leaves_no_line(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Where nothing left the lab there is nothing to log."""
    usual_lab.session(42, status="active")
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip").code == 6
    assert lines(usual_lab) == []


def test_a_log_that_cannot_be_written_is_said_and_stops_nothing(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A damaged people.db is left as it is; the export is made, and standard error says that its entry is missing."""
    folder = usual_lab.root / ".labcrate"
    folder.mkdir()
    (folder / "people.db").write_bytes(os.urandom(8192))
    before = (folder / "people.db").read_bytes()
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip")
    assert outcome.code == 0
    assert "The export log has no entry for this export" in outcome.err
    assert cli("verify", tmp_path / "a.zip").code == 0
    assert (folder / "people.db").read_bytes() == before
