"""Faults while the archive is written: recordings that change, disks that fill up, odd targets, and rivals."""

import fcntl
import os
import random
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.rounds import rounds, sample

from labcrate.archive import copying
from labcrate.export import session_export, writer

BIG = "recordings/cam1_session42_big.mp4"


@pytest.fixture
def big_lab(usual_lab: Any) -> Any:
    """Return the usual lab with a recording that is copied in several calls."""
    usual_lab.recording(BIG, content=random.Random(1).randbytes(3_000_000))  # noqa: S311
    return usual_lab


def export(cli: Any, lab: Any, target: Path, *options: str) -> Any:
    """Export session 42."""
    return cli("export", "42", "--lab", lab.root, "-o", target, *options)


def listing(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def vanish(file: Path) -> None:
    """Delete it."""
    file.unlink()


def grow(file: Path) -> None:
    """Append, as a camera that is still recording does."""
    with file.open("ab") as more:
        more.write(b"more")


def shrink(file: Path) -> None:
    """Cut it short."""
    os.truncate(file, 1000)


def overwrite(file: Path) -> None:
    """Write other bytes of the same length, and restore the modification time."""
    before = file.stat()
    with file.open("r+b") as same:
        same.seek(1000)
        same.write(b"other bytes")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(file: Path) -> None:
    """Replace the file by another of the same size and time, as an atomic save does."""
    before, other = file.stat(), file.with_suffix(".tmp")
    other.write_bytes(bytes(before.st_size))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(file)


def link(file: Path) -> None:
    """Replace the file by a symbolic link to the same bytes elsewhere."""
    aside = file.parent.parent.parent / "aside.mp4"
    file.rename(aside)
    file.symlink_to(aside)


def pipe(file: Path) -> None:
    """Replace the file by a pipe, from which reading would wait for ever."""
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("path", [BIG, "sessions/Session42/recordings/any.mp4"])
@pytest.mark.parametrize("harm", [vanish, grow, shrink, overwrite, replace, link, pipe])
def test_a_recording_that_changes_between_plan_and_packing(
    cli: Any, clear: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None], path: str
) -> None:
    """Whatever happens to a planned recording, the export ends with its name, and no archive and no part is left."""
    outputs = big_lab.root.parent / "outputs"
    outputs.mkdir()
    real = writer.write_archive

    def harm_first(*arguments: Any, **options: Any) -> None:
        harm(big_lab.root / path)
        real(*arguments, **options)

    monkeypatch.setattr(session_export, "write_archive", harm_first)
    clear(export(cli, big_lab, outputs / "out.zip"), 7, path, "run the export again")
    assert listing(outputs) == []


@pytest.mark.parametrize("harm", [grow, shrink, overwrite])
@pytest.mark.parametrize("method", range(len(copying.COPY_METHODS)))
def test_a_recording_that_changes_while_it_is_copied(
    cli: Any, clear: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None], method: int
) -> None:
    """A change after the first copied bytes is found in time, whichever way they are copied; an old target stays."""
    target = big_lab.root.parent / "outputs" / "out.zip"
    target.parent.mkdir()
    target.write_bytes(b"the archive of last week")
    real = copying.COPY_METHODS[method]
    harmed: list[str] = []

    def harm_after(segment: Any, source: int, target_fd: int, offset: int, length: int) -> int:
        copied = real(segment, source, target_fd, offset, min(length, 500_000))
        if not harmed and segment.source.label == BIG:
            harm(big_lab.root / BIG)
            harmed.append(BIG)
        return copied

    monkeypatch.setattr(copying.write_entity, "__defaults__", (None, (harm_after, copying.copy_with_read_write)))
    clear(export(cli, big_lab, target, "--force"), 7, BIG)
    assert harmed
    assert listing(target.parent) == ["out.zip"]
    assert target.read_bytes() == b"the archive of last week"


def test_the_next_export_takes_the_recording_as_it_is_then(cli: Any, big_lab: Any, tmp_path: Path) -> None:
    """A recording that changed after an export is hashed again for the next: old checksums are not used."""
    assert export(cli, big_lab, tmp_path / "a.zip").code == 0
    overwrite(big_lab.root / BIG)
    assert export(cli, big_lab, tmp_path / "b.zip").code == 0
    assert cli("verify", tmp_path / "b.zip").code == 0
    assert zipfile.ZipFile(tmp_path / "b.zip").read(BIG) == (big_lab.root / BIG).read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("size", sample(["100k", "1m", "2500k", "2900k"], 1))
def test_a_full_disk(
    command: Any, clear: Any, namespace: list[str], big_lab: Any, tmp_path: Path, snapshot: Any, size: str
) -> None:
    """On a disk with too little room the export ends with that, leaves no byte on it, and the lab as it was."""
    before = snapshot(big_lab.root)
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=$1 tmpfs "$0"; shift; "$@"; code=$?; ls -A "$0"; exit $code'
    outcome = command(
        "export", "42", "--lab", big_lab.root, "-o", tmp_path / "disk/out.zip",
        before=[*namespace, "sh", "-c", script, str(tmp_path / "disk"), size],
    )  # fmt: skip
    clear(outcome, 8, "out.zip", "the disk or quota is full", "-o")
    assert outcome.stdout == ""
    assert snapshot(big_lab.root) == before


@pytest.mark.thorough
@pytest.mark.parametrize("limit", sample([0, 1, 4096, 70_000, 1_000_000, 3_000_000], 2))
def test_a_limit_on_the_size_of_files(command: Any, clear: Any, big_lab: Any, tmp_path: Path, limit: int) -> None:
    """Where no file may become that large, also the index, the export ends with one sentence and without a part."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    warm = command("index", "42", "--lab", big_lab.root)
    assert warm.returncode == 0
    outcome = command("export", "42", "--lab", big_lab.root, "-o", tmp_path / "out.zip", preexec_fn=limited)
    assert outcome.returncode in ((8, 10) if limit < 70_000 else (8,)), outcome.stderr
    clear(outcome, outcome.returncode)
    assert set(listing(tmp_path)) <= {"lab", "state"}  # the log is tried in the user's state folder


def other_export(big_lab: Any, target: Path, *options: str) -> subprocess.Popen[str]:
    """Start an export in a process of its own."""
    words = [sys.executable, "-m", "labcrate", "export", "42", "--lab", str(big_lab.root), "-o", str(target), *options]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.thorough
def test_two_exports_into_one_file(cli: Any, big_lab: Any, tmp_path: Path) -> None:
    """Of several exports into one file at once exactly one succeeds, the others say why not, and the file is whole."""
    target = tmp_path / "out.zip"
    processes = [other_export(big_lab, target) for _ in range(rounds(2, 4))]
    ends = [(process.communicate()[1], process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, *[8] * (len(ends) - 1)]
    for said, code in ends:
        assert code == 0 or "Another export is writing out.zip" in said or "already exists" in said
        assert "Traceback" not in said
    assert cli("verify", target).code == 0
    assert listing(tmp_path) == ["lab", "out.zip"]


@pytest.mark.thorough
def test_two_forced_exports_into_one_file(cli: Any, big_lab: Any, tmp_path: Path) -> None:
    """With --force the last one wins or is refused; the file is never a mixture."""
    target = tmp_path / "out.zip"
    processes = [other_export(big_lab, target, "--force") for _ in range(rounds(2, 4))]
    ends = [(process.communicate()[1], process.returncode) for process in processes]
    assert {code for _, code in ends} <= {0, 8}
    assert 0 in {code for _, code in ends}
    assert cli("verify", target).code == 0
    assert listing(tmp_path) == ["lab", "out.zip"]


def test_a_part_that_somebody_else_is_writing(cli: Any, clear: Any, big_lab: Any, tmp_path: Path) -> None:
    """While the part is locked by another export it is not touched; without its writer it is replaced."""
    part = tmp_path / "out.zip.part"
    with part.open("wb") as other:
        other.write(b"another's bytes")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        clear(export(cli, big_lab, tmp_path / "out.zip"), 8, "Another export is writing out.zip")
        assert part.read_bytes() == b"another's bytes"
    assert export(cli, big_lab, tmp_path / "out.zip").code == 0
    assert listing(tmp_path) == ["lab", "out.zip"]


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_a_rival_that_finishes_between_opening_and_locking(
    cli: Any, big_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """An export that opened the part just before its rival renamed it does not write into the finished archive."""
    target, real = tmp_path / "out.zip", fcntl.flock
    done: list[int] = []

    def finish_first(fd: Any, operation: int) -> None:
        if operation == fcntl.LOCK_EX | fcntl.LOCK_NB and not done:
            path = Path(f"/proc/self/fd/{fd if isinstance(fd, int) else fd.fileno()}").readlink()
            if path.name == "out.zip.part":
                path.write_bytes(b"the rival's archive")
                path.rename(target)
                done.append(target.stat().st_ino)
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    outcome = export(cli, big_lab, target, *options)
    assert done
    if options:
        assert (outcome.code, cli("verify", target).code) == (0, 0)
    else:
        assert outcome.code == 8
        assert "already exists" in outcome.err
        assert target.read_bytes() == b"the rival's archive"
    assert listing(tmp_path) == ["lab", "out.zip"]


def test_a_target_that_appears_meanwhile(
    cli: Any, clear: Any, big_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that appears under the target's name while the archive is written is not replaced without --force."""
    target, real = tmp_path / "out.zip", copying.write_entity

    def appear(*arguments: Any) -> None:
        real(*arguments)
        target.write_text("mine")

    monkeypatch.setattr(writer, "write_entity", appear)
    clear(export(cli, big_lab, target), 8, "already exists")
    assert target.read_text() == "mine"
    assert listing(tmp_path) == ["lab", "out.zip"]


@pytest.mark.parametrize("kind", ["link to file", "link to folder", "dangling link", "folder", "pipe", "absent folder",
                                  "file as folder", "name too long", "part is a link", "part is a folder"])  # fmt: skip
@pytest.mark.parametrize("force", [False, True])
def test_targets_that_are_something_else(
    cli: Any, usual_lab: Any, tmp_path: Path, snapshot: Any, kind: str, force: bool
) -> None:
    """A target is a file's name or refused; --force replaces a link itself, never what it points to."""
    outputs, outside = tmp_path / "outputs", tmp_path / "outside"
    outputs.mkdir()
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("precious")
    target, code = outputs / "out.zip", 8
    match kind:
        case "link to file":
            target.symlink_to(outside / "file")
            code = 0 if force else 8
        case "link to folder":
            target.symlink_to(outside / "folder")
            code = 0  # as with a folder, the file is named in it
        case "dangling link":
            target.symlink_to(outside / "nothing")
            code = 0 if force else 8
        case "folder":
            target.mkdir()
            code = 0
        case "pipe":
            os.mkfifo(target)
        case "absent folder":
            target = outputs / "absent/out.zip"
        case "file as folder":
            target = outside / "file/out.zip"
        case "name too long":
            target = outputs / ("x" * 260)
        case "part is a link":
            (outputs / "out.zip.part").symlink_to(outside / "file")
        case "part is a folder":
            (outputs / "out.zip.part").mkdir()
    before = snapshot(outputs)
    outcome = export(cli, usual_lab, target, *(["--force"] if force else []))
    assert outcome.code == code, outcome.err
    assert (outside / "file").read_text() == "precious"
    if code:
        assert outcome.err.startswith("labcrate: ")
        assert outcome.err.count("\n") == 1
        assert snapshot(outputs) == before
    else:
        found = next(path for path in (target / "Session42.zip", target) if path.is_file())
        assert cli("verify", found).code == 0
        assert not (outside / "nothing").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_target_folder_without_permission(
    command: Any, clear: Any, usual_lab: Any, tmp_path: Path, mode: int
) -> None:
    """A folder that cannot be written to is refused before anything is hashed."""
    (tmp_path / "outputs").mkdir(mode=mode)
    outcome = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "outputs/out.zip", denied=True)
    (tmp_path / "outputs").chmod(0o755)
    clear(outcome, 8, "out", "-o")
    assert not (usual_lab.root / ".labcrate").exists()
    assert listing(tmp_path / "outputs") == []


@pytest.mark.thorough
@pytest.mark.usefixtures("permissions")
def test_a_read_only_target_is_replaced_when_forced(command: Any, usual_lab: Any, tmp_path: Path) -> None:
    """A write-protected file in a folder of one's own is kept unasked, and replaced with --force."""
    target = tmp_path / "out.zip"
    target.write_text("protected")
    target.chmod(0o444)
    words = ("export", "42", "--lab", usual_lab.root, "-o", target)
    assert command(*words, denied=True).returncode == 8
    assert target.read_text() == "protected"
    assert command(*words, "--force", denied=True).returncode == 0
    assert zipfile.is_zipfile(target)
