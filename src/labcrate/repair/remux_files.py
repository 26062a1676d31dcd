"""Makes an MP4 of a session's video in another container, in the session's own folder; the original stays as it is."""

import fcntl
import hashlib
import os
from dataclasses import dataclass

from labcrate.errors import RepairError
from labcrate.lab.folder import LabFolder
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors, hard_link_free_name
from labcrate.video.containers import container_of


@dataclass(frozen=True, slots=True)
class MadeMp4:
    """The MP4 that was made: its path in the lab, its state, and the codec of the sound that did not fit into it."""

    path: str
    identity: Identity
    left_out: str | None


def make_mp4(lab: LabFolder, path: str, folder: str) -> MadeMp4:
    """Make an MP4 of a file of the lab, under a name that is free in ``folder``, without encoding anything again.

    It is written under a hidden name, and has its own one when it is whole and on the disk. Its modification time is
    the original's, which may be the only thing that tells when the recording ended. Raises RepairError, and then
    nothing is left.
    """
    from labcrate.video.remux import RemuxError, remux  # noqa: PLC0415 - FFmpeg is loaded by those who need it

    container = container_of(path)
    if container is None or path.lower().endswith(".mp4"):
        raise RepairError(f"{printable(path)} is no video of another container, so no MP4 is made of it.")
    name = path.rpartition("/")[2].rpartition(".")[0] + ".mp4"
    with (
        convert_os_errors(path),
        os.fdopen(lab.open(path), "rb") as source,
        PathInOpenFolder(lab, f"{folder}/{_unfinished_name(name)}", make_folders=True) as part,
        PathInOpenFolder(lab, f"{folder}/{name}") as target,
    ):
        before = os.fstat(source.fileno())
        with os.fdopen(_open_unfinished(part, path), "r+b") as file:
            try:
                done = remux(source, file, container, before.st_size)
                file.flush()
                if _size_and_mtime(os.fstat(source.fileno())) != _size_and_mtime(before):
                    raise RepairError(f"{printable(path)} changed meanwhile. Wait until it is whole, and try again.")
                os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
                os.fsync(file.fileno())
                taken = hard_link_free_name(part, target, os.fstat(file.fileno()))
                target.sync()
            except RemuxError as error:
                raise RepairError(f"No MP4 can be made of {printable(path)}: {error}.") from None
            finally:
                part.unlink_if_there(part.name)
            made = Identity.of(os.fstat(file.fileno()))
    return MadeMp4(f"{folder}/{taken}", made, ", ".join(done.dropped_codecs) or None)


def _unfinished_name(name: str) -> str:
    """Return the name of the unfinished file: short, since the own one may be as long as the disk allows."""
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.part"


def _open_unfinished(part: PathInOpenFolder, path: str) -> int:
    """Open the unfinished file, empty, under a lock: one that a killed process left is written anew."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part.name, flags, 0o644, dir_fd=part.folder_fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
    except BlockingIOError:
        os.close(fd)
        raise RepairError(f"An MP4 is being made of {printable(path)} just now; wait until it is done.") from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _size_and_mtime(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
