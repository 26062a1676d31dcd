"""Bytes are what the checksum says: a file that rotted under the same size and times never leaves as a success."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.bit_rot import flip_byte, overwrite_in_place, read_index_record, set_confirmation_age

import labcrate
from labcrate.errors import ChecksumError
from labcrate.index import byte_checks
from labcrate.lab.disk import is_checksumming_mount
from labcrate.model.timespan import format_instant, from_ns

ONE = "recordings/cam1_session42_20250502_080000.mp4"


@pytest.fixture
def indexed_lab(usual_lab: Any, cli: Any) -> Any:
    """Return the usual lab with a recording of its own, indexed."""
    usual_lab.recording(ONE)
    assert cli("index", "--lab", usual_lab.root).code == 0
    return usual_lab


def export(cli: Any, lab: Any, target: Path, *words: str) -> Any:
    """Export session 42."""
    return cli("export", "42", "--lab", lab.root, "-o", target, "--force", *words)


def log_of(cli: Any, lab: Any) -> Any:
    """Return the newest line of the export log."""
    return cli("log", "--lab", lab.root, "--json").json[0]


def test_rot_stops_the_export_and_is_named(cli: Any, clear: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """A flipped byte under the same state: no file, the recording named with its remedy, the log says broken."""
    flip_byte(indexed_lab.root, ONE)
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    clear(outcome, 7, ONE, "does not match its checksum", "backup", "touch", "index --check")
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]
    line = log_of(cli, indexed_lab)
    assert line["outcome"] == "broken"
    assert ONE in line["reason"]


def test_rot_is_remembered(cli: Any, clear: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """What was found to hold other bytes makes later exports incomplete, also with --no-check; the rest can be had."""
    flip_byte(indexed_lab.root, ONE)
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 7
    for words in ((), ("--no-check",)):
        clear(export(cli, indexed_lab, tmp_path / "out.zip", *words), 6, ONE, "does not match its checksum", "backup")
    assert export(cli, indexed_lab, tmp_path / "out.zip", "--allow-incomplete").code == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert ONE not in archive.namelist()
        assert archive.testzip() is None


@pytest.mark.parametrize("how", ["restored", "touched", "well again"])
def test_what_the_remedy_says_helps(cli: Any, indexed_lab: Any, tmp_path: Path, how: str) -> None:
    """A restored file, a touched one, and one that reads well again under --check are exported as they are."""
    assert export(cli, indexed_lab, tmp_path / "fresh.zip").code == 0
    before = flip_byte(indexed_lab.root, ONE)
    file = indexed_lab.root / ONE
    times = file.stat()
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 7
    if how == "restored":
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif how == "touched":
        os.utime(file, ns=(0, 1_700_000_000_000_000_000))
    else:
        overwrite_in_place(indexed_lab.root, ONE, before)
        assert export(cli, indexed_lab, tmp_path / "out.zip").code == 6
        assert cli("index", "--check", "--lab", indexed_lab.root).code == 0
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 0
    same = (tmp_path / "out.zip").read_bytes() == (tmp_path / "fresh.zip").read_bytes()
    assert same == (how != "touched")


def test_a_fresh_confirmation_is_not_repeated(cli: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """Nothing is read again within 30 days, and terminal, JSON and log say that all are confirmed all the same."""
    set_confirmation_age(indexed_lab.root, 29 * byte_checks.DAY_MS)
    before = read_index_record(indexed_lab.root, ONE)
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    assert "checksums: 3 of 3 recordings match (3 compared within the last 30 days)" in outcome.out
    assert (
        log_of(cli, indexed_lab)["reason"] == "checksums: 3 of 3 recordings match (3 compared within the last 30 days)"
    )
    assert read_index_record(indexed_lab.root, ONE) == before


def test_an_old_confirmation_is_renewed(cli: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """What was confirmed 31 days ago is read while it is packed, and is known as confirmed from then on."""
    set_confirmation_age(indexed_lab.root, path=ONE)
    began = byte_checks.now_ms()
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    assert "checksums: 3 of 3 recordings match (1 compared now and 2 compared within the last 30 days)" in outcome.out
    confirmed = read_index_record(indexed_lab.root, ONE).confirmed_ms
    assert confirmed is not None
    assert confirmed >= began


def test_check_reads_all_and_no_check_nothing(cli: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """--check finds rot in a file confirmed this minute; --no-check packs it however old, and says so everywhere."""
    assert "3 of 3 recordings match (3 compared now)" in export(cli, indexed_lab, tmp_path / "out.zip", "--check").out
    flip_byte(indexed_lab.root, ONE, age_ms=0)
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 0
    set_confirmation_age(indexed_lab.root)
    outcome = export(cli, indexed_lab, tmp_path / "out.zip", "--no-check")
    assert "checksums: not compared (--no-check)" in outcome.out
    assert log_of(cli, indexed_lab)["reason"] == "checksums: not compared (--no-check)"
    assert export(cli, indexed_lab, tmp_path / "out.zip", "--check").code == 7
    assert cli("export", "42", "--lab", indexed_lab.root, "--check", "--no-check").code == 2


def test_a_first_export_with_check_reads_once(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """What was hashed for this very export is confirmed by that, and the answer in JSON counts it."""
    outcome = export(cli, usual_lab, tmp_path / "out.zip", "--check", "--json")
    assert json.loads(outcome.out)["bytesConfirmed"] == json.loads(outcome.out)["recordings"] == 2


def test_the_days_are_the_labs(cli: Any, indexed_lab: Any, tmp_path: Path) -> None:
    """confirm_days decides; 0 is every export."""
    set_confirmation_age(indexed_lab.root)
    flip_byte(indexed_lab.root, ONE)
    indexed_lab.write("labcrate.toml", "confirm_days = 40\n")
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 0
    flip_byte(indexed_lab.root, ONE, age_ms=1000, at=-2)
    indexed_lab.write("labcrate.toml", "confirm_days = 0\n")
    assert export(cli, indexed_lab, tmp_path / "out.zip").code == 7


def test_the_clock_decides(cli: Any, indexed_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """31 days later all is due; so is what was confirmed by a clock that was ahead."""
    now = byte_checks.now_ms()
    for days in (31, -1):
        monkeypatch.setattr(byte_checks, "CLOCK", lambda days=days: (now + days * byte_checks.DAY_MS) / 1000)
        assert "3 of 3 recordings match (3 compared now)" in export(cli, indexed_lab, tmp_path / "out.zip").out


def test_python_confirms_as_the_command_does(indexed_lab: Any, tmp_path: Path) -> None:
    """Lab.export raises for rot, leaves nothing, and with check=False packs it."""
    lab = labcrate.Lab(indexed_lab.root)
    assert lab.export(42, tmp_path / "a.zip", check=True).confirmed == 3
    flip_byte(indexed_lab.root, ONE, age_ms=0)
    assert lab.export(42, tmp_path / "b.zip", check=False).confirmed == 0
    assert lab.export(42, tmp_path / "c.zip").confirmed == 3  # by what was confirmed this minute
    with pytest.raises(ChecksumError, match="does not match its checksum"):
        lab.export(42, tmp_path / "d.zip", check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "c.zip", "lab"]


def test_index_check_names_what_rotted(cli: Any, clear: Any, indexed_lab: Any) -> None:
    """``labcrate index --check`` reads everything again, names what differs, and counts what does not."""
    assert "checksums: 4 of 4 files match" in cli("index", "--check", "--lab", indexed_lab.root).out
    flip_byte(indexed_lab.root, ONE, age_ms=0)
    clear(cli("index", "--check", "--lab", indexed_lab.root), 6, ONE, "does not match its checksum", "backup")
    assert read_index_record(indexed_lab.root, ONE).differs_ms is not None


def test_rot_in_a_file_that_is_searched_again_is_not_hashed_anew(
    cli: Any, clear: Any, indexed_lab: Any, tmp_path: Path
) -> None:
    """A text that is read again only because the lab has another password keeps its checksum, and is refused."""
    indexed_lab.write("sessions/Session42/notes.txt", "seven cups of coffee")
    assert cli("index", "--lab", indexed_lab.root).code == 0
    flip_byte(indexed_lab.root, "sessions/Session42/notes.txt", age_ms=0)
    indexed_lab.json("data/config.json", {"mqtt": {"password": "Tr0ub4dor-and-3"}})
    clear(cli("index", "--lab", indexed_lab.root), 6, "notes.txt", "does not match its checksum")
    clear(export(cli, indexed_lab, tmp_path / "out.zip"), 6, "notes.txt", "does not match its checksum")


@pytest.mark.parametrize(
    ("line", "checks"),
    [
        ("29 1 0:25 / /lab rw,relatime shared:1 - btrfs /dev/sda1 rw,space_cache=v2,subvol=/\n", True),
        ("29 1 0:25 / /lab rw,relatime - zfs tank/lab rw,xattr\n", True),
        ("29 1 0:25 / /lab rw - btrfs /dev/sda1 rw,nodatasum\n", False),
        ("29 1 0:25 / /lab rw - btrfs /dev/sda1 rw,nodatacow\n", False),
        ("29 1 8:1 / /lab rw - ext4 /dev/btrfs rw\n", False),
        ("29 1 8:1 / /btrfs rw - overlay zfs rw,lowerdir=/zfs\n", False),
        ("", False),
    ],
)
def test_file_systems_that_check_their_data(line: str, checks: bool) -> None:
    """Btrfs and ZFS do, unless they are mounted without checksums; the name of a device or folder says nothing."""
    assert is_checksumming_mount(line) is checks


def test_on_such_a_file_system_the_state_is_enough(
    cli: Any, indexed_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There an old confirmation is enough, and the terminal says why; --check reads all the same."""
    set_confirmation_age(indexed_lab.root)
    monkeypatch.setattr("labcrate.export.confirmation.has_data_checksums", lambda _: True)
    outcome = export(cli, indexed_lab, tmp_path / "out.zip")
    assert "checksums: 3 of 3 recordings match (3 by the file system's own checksums)" in outcome.out
    assert "3 of 3 recordings match (3 compared now)" in export(cli, indexed_lab, tmp_path / "out.zip", "--check").out


def test_doctor_reports_unconfirmed_bytes(cli: Any, indexed_lab: Any) -> None:
    """Text and JSON say how many files are confirmed, how old the oldest confirmation is, and what differs."""
    doctor = ("doctor", "--lab", indexed_lab.root)
    before = cli(*doctor, "--json").json["bytes"]
    assert (before["files"], before["confirmed"], before["differing"], before["days"]) == (4, 4, 0, 30)
    set_confirmation_age(indexed_lab.root, path=ONE)
    confirmed = read_index_record(indexed_lab.root, ONE).confirmed_ms or 0
    now = cli(*doctor, "--json").json["bytes"]
    assert (now["files"], now["confirmed"], now["oldest"]) == (4, 3, format_instant(from_ns(confirmed * 1_000_000)))
    flip_byte(indexed_lab.root, ONE)
    assert cli("index", "--check", "--lab", indexed_lab.root).code == 6
    output = " ".join(cli(*doctor).out.split())
    assert f"{ONE} does not match its checksum" in output
    assert "Files compared with their checksums within the last 30 days: 3 of 4 (the longest ago on " in output
    assert "not matching: 1." in output
    findings = cli("doctor", "42", *doctor[1:], "--json").json["findings"]
    (found,) = [one for one in findings if one["kind"] == "other bytes"]
    assert (found["severity"], found["session"], found["places"]) == ("problem", 42, [ONE])
    os.utime(indexed_lab.root / ONE)
    assert cli(*doctor, "--json").json["bytes"]["differing"] == 0
