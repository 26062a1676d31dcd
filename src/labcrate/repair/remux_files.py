"""Make an MP4 from a session's video in another container, in the session's own folder. The original is not changed."""

import fcntl
import hashlib
import os
from dataclasses import dataclass

from labcrate.errors import RepairError
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors, hard_link_free_name
from labcrate.video.containers import container_of


@dataclass(frozen=True, slots=True)
class MadeMp4:
    """A new MP4: its path in the lab, its state, and the codec of the sound that an MP4 cannot hold, if any."""

    path: str
    identity: Identity
    left_out: str | None


def make_mp4(lab: LabFolder, path: str, folder: str) -> MadeMp4:
    """Make an MP4 from a file of the lab, under a free name in ``folder``, without encoding again.

    The MP4 is written under a hidden name, and gets its name when it is complete and on the disk. It has the
    modification time of the original, which may be the only source of the recording's end. Raises RepairError; then
    no file is left.
    """
    from labcrate.video.remux import RemuxError, remux  # noqa: PLC0415 - loading FFmpeg takes long

    container = container_of(path)
    if container is None or path.lower().endswith(".mp4"):
        raise RepairError(Message("repair.nothing_to_remux", file=path))
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
                    raise RepairError(Message("repair.changed_while_read", file=path))
                os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
                os.fsync(file.fileno())
                free_name = hard_link_free_name(part, target, os.fstat(file.fileno()))
                target.sync()
            except RemuxError as error:
                raise RepairError(Message("repair.remux_failed", file=path, problem=error.args[0])) from None
            finally:
                part.unlink_if_there(part.name)
            made = Identity.of(os.fstat(file.fileno()))
    return MadeMp4(f"{folder}/{free_name}", made, ", ".join(done.dropped_codecs) or None)


def _unfinished_name(name: str) -> str:
    """Return the name of the unfinished file. It is short, since the final name may be as long as the disk allows."""
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.part"


def _open_unfinished(part: PathInOpenFolder, path: str) -> int:
    """Open the unfinished file under a lock, and empty it: a killed process may have left one."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part.name, flags, 0o644, dir_fd=part.folder_fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
    except BlockingIOError:
        os.close(fd)
        raise RepairError(Message("repair.remux_running", file=path)) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _size_and_mtime(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
