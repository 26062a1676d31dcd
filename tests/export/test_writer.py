"""The writer's promise: a whole archive under its name, or nothing; what lay there before stays until then."""

import errno
import fcntl
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.values import replace

from labcrate.archive import copying
from labcrate.archive.checking import Checker
from labcrate.archive.entity import Entity
from labcrate.archive.layout import FileSource, Layout, Member, Patch
from labcrate.errors import ChecksumError, SourceChangedError, TargetError
from labcrate.export import writer
from labcrate.export.writer import archive_path, check_target, check_targets, signature_path, write_archive
from labcrate.model.fixity import Identity

TIME = 1_746_214_800_000_000_000
SIGNATURE = b"untrusted comment: a test\nnot a key\n"
OLD = b"the archive of last week"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file that is large enough for the system to copy it."""
    path = tmp_path / "source.mp4"
    path.write_bytes(bytes(range(256)) * 2048)
    return path


@pytest.fixture
def entity(source: Path) -> Entity:
    """Return a document, a small file, a large one with a patch in its middle, and a document behind them."""
    data = source.read_bytes()
    patched = data[:1000] + b"-" * 70_000 + data[71_000:]
    file = FileSource.at(source, Identity.of(source.stat()), "recordings/source.mp4")
    small = source.with_name("small.json")
    small.write_bytes(b"{}" * 40)
    beside = FileSource.at(small, Identity.of(small.stat()), "small.json")
    return Entity(
        Layout(
            [
                Member.of_bytes("README.txt", b"hello", TIME),
                replace(Member.of_bytes("small.json", small.read_bytes(), TIME), source=beside),
                replace(Member.of_bytes("recordings/whole.mp4", data, TIME), source=file),
                replace(
                    Member.of_bytes("recordings/patched.mp4", patched, TIME),
                    source=replace(file, patches=(Patch(1000, b"-" * 70_000),)),
                ),
                Member.of_bytes("manifest-sha256.txt", b"m" * 200_000, TIME),
            ]
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder to write into."""
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


def whole(entity: Entity) -> bytes:
    """Return the archive's bytes as any reader gets them."""
    return b"".join(entity.read_range())


def state(folder: Path) -> dict[str, bytes]:
    """Return the names in a folder with the contents of the files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("methods", [copying.COPY_METHODS[n:] for n in range(3)])
def test_the_systems_copy_gives_the_bytes_of_a_plain_one(
    entity: Entity, folder: Path, monkeypatch: pytest.MonkeyPatch, methods: Any, sync: bool
) -> None:
    """Whichever call copies, patches included, the file holds the entity's bytes and progress adds up to them."""
    monkeypatch.setattr(copying.write_entity, "__defaults__", (None, methods))
    steps: list[int] = []
    write_archive(entity, folder / "out.zip", sync=sync, progress=steps.append)
    assert state(folder) == {"out.zip": whole(entity)}
    assert sum(steps) == entity.length


def test_an_archive_is_readable_by_others_as_the_user_has_files_be(entity: Entity, folder: Path) -> None:
    """The mode is that of any document under the user's mask: not executable, never wider than the mask."""
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(mask)
        try:
            write_archive(entity, folder / "out.zip", force=True, signature=SIGNATURE)
        finally:
            os.umask(before)
        for name in ("out.zip", "out.zip.minisig"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == mode


CALLS = ("fsync", "ftruncate", "fstat", "pwrite", "write", "copy_file_range", "rename", "open", "access", "stat")


class Fault:
    """Has the nth of all the calls of the system that a write makes fail; ``at`` counts from 1."""

    def __init__(self, at: int, error: Callable[[], BaseException]) -> None:
        self.at, self.error, self.calls = at, error, 0

    @contextmanager
    def injected(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Put the calls in place of the system's for the time of a block."""
        with monkeypatch.context() as patched:
            for name in CALLS:
                patched.setattr(os, name, self._failing(getattr(os, name)))
            patched.setattr(fcntl, "flock", self._failing(fcntl.flock))
            yield

    def _failing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self.at:
                raise self.error()
            return real(*arguments, **options)

        return call


def full() -> BaseException:
    """Raise the error of a full disk."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("error", [full, lambda: OSError(errno.EIO, os.strerror(errno.EIO)), KeyboardInterrupt])
@pytest.mark.parametrize("signature", [None, SIGNATURE])
def test_whatever_call_fails_nothing_of_a_write_stays(
    entity: Entity,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[], BaseException],
    signature: bytes | None,
) -> None:
    """With any one of its calls failing, or Ctrl-C in it, a write that did not end well leaves an empty folder.

    The one exception is syncing the folder's names, when the archive is whole and under its name already.
    """
    expected = {"out.zip": whole(entity), **({"out.zip.minisig": signature} if signature else {})}
    at, failed = 0, 0
    while True:
        at += 1
        fault = Fault(at, error)
        try:
            with fault.injected(monkeypatch):
                write_archive(entity, folder / "out.zip", signature=signature)
        except (TargetError, SourceChangedError, KeyboardInterrupt):
            failed += 1
            assert state(folder) in ({}, expected)
        else:
            assert state(folder) == expected
        for path in folder.iterdir():
            path.unlink()
        if fault.calls < at:
            break
    assert failed > 10


@pytest.mark.parametrize("signature", [None, SIGNATURE])
def test_whatever_call_fails_the_archive_that_was_there_is_whole(
    entity: Entity, folder: Path, monkeypatch: pytest.MonkeyPatch, signature: bytes | None
) -> None:
    """Replacing an archive leaves the old one or the new one, never a mixture, and no signature of the other one.

    Only where the signature cannot get its name right after the archive got its own, neither of them stays.
    """
    new, at = whole(entity), 0
    while True:
        at += 1
        (folder / "out.zip").write_bytes(OLD)
        (folder / "out.zip.minisig").write_bytes(b"the signature of last week")
        fault = Fault(at, full)
        try:
            with fault.injected(monkeypatch):
                write_archive(entity, folder / "out.zip", force=True, signature=signature)
        except (TargetError, SourceChangedError):
            pass
        found = state(folder)
        assert found.keys() <= {"out.zip", "out.zip.minisig"}
        assert found.get("out.zip") in ((OLD, new, None) if signature else (OLD, new))
        if signature and "out.zip.minisig" in found:
            assert (found.get("out.zip") == new) == (found["out.zip.minisig"] == signature)
        if fault.calls < at:
            break
    assert at > 10


@pytest.mark.parametrize("limit", [0, 1, 65, 4096, 70_000, 524_288 + 4096, 1_200_000])
def test_a_file_that_may_not_grow_further_ends_the_write(entity: Entity, folder: Path, limit: int) -> None:
    """Where the system lets no file become that large, at whatever byte, the error names it and no part stays."""
    assert limit < entity.length
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(TargetError, match=r"^out\.zip cannot be written: its file system cannot hold a file that"):
            write_archive(entity, folder / "out.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert state(folder) == {}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk or quota is full; free some space"),
        (errno.EDQUOT, "the disk or quota is full; free some space"),
        (errno.EFBIG, "FAT32 ends at 4 GB"),
        (errno.EROFS, "Read-only file system; choose another place"),
    ],
)
def test_each_fault_of_the_target_has_its_remedy(
    entity: Entity, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """The error is one sentence that names the file, not its folder, and says what to do."""

    def failing(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writer, "write_entity", failing)
    with pytest.raises(TargetError, match=words) as caught:
        write_archive(entity, folder / "out.zip")
    assert str(caught.value).startswith("out.zip cannot be written: ")
    assert str(folder) not in str(caught.value)
    assert state(folder) == {}


@pytest.mark.parametrize("harm", ["grow", "shrink", "rewrite", "replace", "remove"])
def test_a_file_that_changes_while_it_is_packed(entity: Entity, source: Path, folder: Path, harm: str) -> None:
    """After the first bytes were copied, any change of the file ends the write; the archive of before stays."""
    before = source.stat()
    (folder / "out.zip").write_bytes(OLD)

    def change(_: int) -> None:
        match harm:
            case "grow":
                with source.open("ab") as more:
                    more.write(b"more")
            case "shrink":
                os.truncate(source, 200_000)
            case "rewrite":
                with source.open("r+b") as same:
                    same.seek(400_000)
                    same.write(b"other")
                os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
            case "replace":
                other = source.with_suffix(".tmp")
                other.write_bytes(bytes(before.st_size))
                other.replace(source)
            case "remove":
                source.unlink(missing_ok=True)

    with pytest.raises(SourceChangedError, match=r"^recordings/source\.mp4 (has changed|has become shorter|cannot be)"):
        write_archive(entity, folder / "out.zip", force=True, progress=change)
    assert state(folder) == {"out.zip": OLD}


def test_a_checksum_that_does_not_fit_ends_the_write(entity: Entity, folder: Path) -> None:
    """Where a checker finds other bytes than the plan's, even after all was copied, no archive gets its name."""
    member = entity.layout.members[2]
    wrong = replace(member, fixity=replace(member.fixity, crc32=member.fixity.crc32 ^ 1))
    with pytest.raises(ChecksumError, match=r"recordings/source\.mp4"):
        write_archive(entity, folder / "out.zip", checker=Checker([wrong]))
    assert state(folder) == {}


def test_what_progress_raises_ends_the_write(entity: Entity, folder: Path) -> None:
    """Ctrl-C reaches the writer through its progress: nothing stays, and it goes on to the caller."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_archive(entity, folder / "out.zip", progress=interrupt, signature=SIGNATURE)
    assert state(folder) == {}


def test_a_part_that_a_crash_left_is_replaced(entity: Entity, folder: Path) -> None:
    """A longer part of an earlier run leaves no byte behind the archive's end; that of a signature neither."""
    (folder / "out.zip.part").write_bytes(b"x" * (entity.length + 5000))
    (folder / "out.zip.minisig.part").write_bytes(b"x" * 5000)
    write_archive(entity, folder / "out.zip", signature=SIGNATURE)
    assert state(folder) == {"out.zip": whole(entity), "out.zip.minisig": SIGNATURE}


@pytest.mark.parametrize("name", ["out.zip.part", "out.zip.minisig.part"])
def test_a_part_that_another_export_writes_is_left_alone(entity: Entity, folder: Path, name: str) -> None:
    """While another one holds the part, of archive or signature, it stays as it is, and nothing else appears."""
    with (folder / name).open("wb") as other:
        other.write(b"another's bytes")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TargetError, match=r"^Another export is writing out\.zip"):
            write_archive(entity, folder / "out.zip", signature=SIGNATURE)
        assert state(folder) == {name: b"another's bytes"}
    write_archive(entity, folder / "out.zip", signature=SIGNATURE)
    assert state(folder) == {"out.zip": whole(entity), "out.zip.minisig": SIGNATURE}


@pytest.mark.parametrize("late", ["out.zip", "out.zip.minisig"])
def test_a_file_that_appears_meanwhile_is_not_replaced(entity: Entity, folder: Path, late: str) -> None:
    """A file that appears under the archive's or the signature's name during the write stays, and nothing beside it."""

    def appear(_: int) -> None:
        (folder / late).write_bytes(b"mine")

    with pytest.raises(TargetError, match="already exists"):
        write_archive(entity, folder / "out.zip", progress=appear, signature=SIGNATURE)
    assert state(folder) == {late: b"mine"}


def test_an_unsigned_archive_leaves_signatures_alone(entity: Entity, folder: Path) -> None:
    """Without a signature of its own, a write neither needs nor touches the file of that name."""
    (folder / "out.zip.minisig").write_bytes(b"mine")
    write_archive(entity, folder / "out.zip")
    assert state(folder) == {"out.zip": whole(entity), "out.zip.minisig": b"mine"}


def targets(folder: Path) -> dict[str, Path]:
    """Return paths that an archive cannot be written to, each made as its name says."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    made = {
        name: folder / name.replace(" ", "-")
        for name in ("folder", "pipe", "link to folder", "link to pipe", "link in a circle")
    }
    made["folder"].mkdir()
    os.mkfifo(made["pipe"])
    made["link to folder"].symlink_to(outside)
    made["link to pipe"].symlink_to(made["pipe"])
    made["link in a circle"].symlink_to(made["link in a circle"])
    return {
        **made,
        "absent folder": folder / "absent" / "out.zip",
        "file as folder": outside / "file" / "out.zip",
        "name too long": folder / ("ü" * 128),
        "part too long": folder / ("x" * 252),
        "device": Path("/dev/null"),
    }


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "kind",
    ["folder", "pipe", "link to folder", "absent folder", "file as folder", "name too long", "part too long", "device"],
)
def test_targets_that_are_no_file(entity: Entity, folder: Path, kind: str, force: bool) -> None:
    """A folder, a pipe, a device, or a place that is none is refused with one sentence, forced or not."""
    target = targets(folder)[kind]
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(TargetError) as caught:
        write_archive(entity, target, force=force)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert (folder.parent / "outside" / "file").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["link to pipe", "link in a circle"])
def test_a_link_is_replaced_and_never_followed(entity: Entity, folder: Path, kind: str) -> None:
    """Unasked a link stays; forced, the link itself gives way to the archive, wherever it led."""
    target = targets(folder)[kind]
    with pytest.raises(TargetError, match="already exists"):
        write_archive(entity, target)
    assert target.is_symlink()
    write_archive(entity, target, force=True)
    assert not target.is_symlink()
    assert target.read_bytes() == whole(entity)


def test_a_link_in_place_of_the_part_is_not_written_through(entity: Entity, folder: Path) -> None:
    """A file behind a link with the name of the .part file keeps its bytes; the error says what to remove."""
    precious = folder / "precious"
    precious.write_bytes(b"precious")
    (folder / "out.zip.part").symlink_to(precious)
    with pytest.raises(TargetError, match=r"a symbolic link with the name .* \(\.part\); remove the link"):
        write_archive(entity, folder / "out.zip", force=True)
    assert precious.read_bytes() == b"precious"
    assert (folder / "out.zip.part").is_symlink()


def test_a_hard_link_of_the_target_keeps_its_bytes(entity: Entity, folder: Path) -> None:
    """A second name of the replaced file still has the old bytes: it is replaced, not written over."""
    (folder / "out.zip").write_bytes(OLD)
    os.link(folder / "out.zip", folder / "kept.zip")
    write_archive(entity, folder / "out.zip", force=True)
    assert state(folder) == {"out.zip": whole(entity), "kept.zip": OLD}


def test_a_source_as_target_is_packed_as_it_was(entity: Entity, source: Path) -> None:
    """Forced over one of its own files, the archive holds that file's bytes: it is replaced when all is copied."""
    expected = whole(entity)
    write_archive(entity, source, force=True)
    assert source.read_bytes() == expected


def test_a_target_is_refused_before_anything_is_done(folder: Path) -> None:
    """The check alone makes no file and says the same: for the archive, and where it is signed for the signature."""
    target = folder / "out.zip"
    check_targets(target, force=False, signed=True)
    signature_path(target).write_bytes(b"mine")
    check_target(target, force=False)
    check_targets(target, force=True, signed=True)
    with pytest.raises(TargetError, match=r"out\.zip\.minisig already exists"):
        check_targets(target, force=False, signed=True)
    assert state(folder) == {"out.zip.minisig": b"mine"}


def test_a_folder_names_the_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder, or a name with a slash at its end, the archive has the session's name; else it is the name given."""
    monkeypatch.chdir(folder)
    (folder / "here").mkdir()
    (folder / "link").symlink_to("here")
    assert archive_path("here", "42") == Path("here/Session42.zip")
    assert archive_path(folder / "link", "42", partial=True) == folder / "link/Session42_PARTIAL.zip"
    assert archive_path("absent/", "4-2") == Path("absent/Session4-2.zip")
    assert archive_path("absent", "42") == Path("absent")
    assert archive_path(".", "42") == Path("Session42.zip")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks(entity: Entity, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Where no file can be locked, as on some network disks, the error says so, and no empty part is left there."""

    def failing(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", failing)
    with pytest.raises(TargetError, match=r"^out\.zip cannot be written: .*; choose another place with -o\.$"):
        write_archive(entity, folder / "out.zip")
    assert state(folder) == {}


def test_a_checker_that_cannot_begin(entity: Entity, folder: Path) -> None:
    """Where no thread can be started to confirm bytes, nothing is written and no empty part is left."""

    class NoThread(Checker):
        def __enter__(self) -> "NoThread":
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError, match="thread"):
        write_archive(entity, folder / "out.zip", checker=NoThread())
    assert state(folder) == {}
