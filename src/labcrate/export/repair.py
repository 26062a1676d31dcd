"""Has a near miss belong to its session: a hard link in the session's own folder, or the file moved there.

Nothing is ever overwritten, and no symbolic link is followed: every folder is opened relative to the one above
it, and what was linked is compared with what was opened.
"""

import errno
import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count, islice

from labcrate.errors import RepairError
from labcrate.export.contents import NearMiss
from labcrate.lab.folder import RECORDINGS, SESSIONS, Lab, printable
from labcrate.linking.verdict import Rule
from labcrate.linking.verdict import printable as linking_printable
from labcrate.model.timespan import from_ns

_MOST_NAMES = 1000
_NEW_FOLDER = 0o755
# What a file system's clock may be ahead of the system's.
_CLOCKS_DIFFER = timedelta(seconds=1)


class Method(StrEnum):
    """How a file comes to lie in a session's folder."""

    HARD_LINK = "hard link"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Repair:
    """A near miss that was made part of a session; both paths are relative to the lab folder."""

    session: str
    source: str
    target: str
    method: Method


def find_near_miss(near_misses: Iterable[NearMiss], session: str, file: str) -> NearMiss:
    """The near miss that a plan names so. Raises RepairError, also where two are printed alike."""
    known = list(near_misses)
    # A remedy's command has the name as the linking rules print it, a plan as the lab does.
    alike = [n for n in known if file in (n.source, linking_printable(n.path))]
    found = [n for n in known if n.path == file] or alike
    if not found:
        raise RepairError(
            f"{printable(file)} is no near miss of session {session}; "
            f"only files that 'labcrate plan {shlex.quote(session)}' lists as near misses can be linked."
        )
    if len(found) > 1:
        raise RepairError(f"{len(found)} near misses of session {session} are printed as {file}; rename them first.")
    return found[0]


def link(lab: Lab, session: str, near_miss: NearMiss, method: Method) -> Repair:
    """Put a near miss into the session's recordings folder, under a name that is free there. Raises RepairError."""
    name = near_miss.path.rpartition("/")[2]
    if near_miss.verdict.rule is Rule.NOT_MP4 or not name.lower().endswith(".mp4"):
        raise RepairError(f"{near_miss.source} cannot be linked: only MP4s are exported. {_sentence(near_miss)}")
    folder = f"{SESSIONS}/Session{session}/{RECORDINGS}"
    with (
        _explained(near_miss.path),
        _Place(lab, near_miss.path) as source,
        _Place(lab, f"{folder}/{name}", new=True) as target,
    ):
        opened = source.identify()
        taken = _free_name(source, target, opened)
        if method is Method.MOVE:
            os.fsync(target.folder)  # the new name is on the disk before the old one goes
            source.remove(opened)
    return Repair(session, near_miss.path, f"{folder}/{taken}", method)


def undo(lab: Lab, repair: Repair, when: datetime | None) -> None:
    """Take a link back that was made ``when`` (None: just now): remove the second name, or move the file back.

    Raises RepairError when that could lose or mistake a file: it is gone, another one, or changed since it
    was moved, or its old place is taken.
    """
    with _explained(repair.target), _Place(lab, repair.target) as target, _Place(lab, repair.source) as source:
        linked = target.identify()
        if repair.method is Method.HARD_LINK:
            if not source.holds(linked):
                raise RepairError(
                    f"{printable(repair.source)} is gone or another file now; {printable(repair.target)} may be "
                    "the only copy and stays. Remove it by hand if that is what you want."
                )
        else:
            # Moving sets this time, and so does whatever else happens to a file or puts another in its place.
            if when is not None and from_ns(linked.st_ctime_ns) > when + _CLOCKS_DIFFER:
                raise RepairError(f"{printable(repair.target)} changed since it was moved there; move it back by hand.")
            _link_or_raise(target, source, source.name, linked)
            os.fsync(source.folder)
        target.remove(linked)


def is_undone(lab: Lab, repair: Repair) -> bool:
    """Whether a link is taken back already: its file is where it came from, and nothing is where it was put."""
    with suppress(OSError), _Place(lab, repair.source) as source:
        source.identify()
        try:
            lab.identity(repair.target)
        except (FileNotFoundError, NotADirectoryError):
            return True
    return False


class _Place:
    """A name in a folder of the lab, the folder open; a context manager that closes it."""

    def __init__(self, lab: Lab, path: str, *, new: bool = False) -> None:
        *folders, self.name = path.split("/")
        self.path = path
        self.folder = os.open(lab.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                below = _enter(self.folder, folder, new=new)
                os.close(self.folder)
                self.folder = below
        except BaseException:
            os.close(self.folder)
            raise

    def __enter__(self) -> "_Place":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.folder)

    def identify(self) -> os.stat_result:
        """The state of the regular file of this name. Raises OSError, ELOOP for a symbolic link."""
        found = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, "it is a symbolic link")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return found

    def holds(self, other: os.stat_result, name: str | None = None) -> bool:
        """Whether the name (or another one in this folder) is just that file."""
        try:
            found = os.stat(name or self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, other)

    def remove(self, expected: os.stat_result) -> None:
        """Remove the name if it is still that file. Raises OSError, ESTALE when it is not."""
        if not self.holds(expected):
            raise OSError(errno.ESTALE, "it was replaced meanwhile")
        os.unlink(self.name, dir_fd=self.folder)


def _enter(at: int, folder: str, *, new: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(folder, flags, dir_fd=at)
    except FileNotFoundError:
        if not new:
            raise
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(folder, dir_fd=at, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "it lies behind a symbolic link") from None
        raise
    with suppress(FileExistsError):  # made by another request just now
        os.mkdir(folder, _NEW_FOLDER, dir_fd=at)
    return os.open(folder, flags, dir_fd=at)


def _free_name(source: _Place, target: _Place, opened: os.stat_result) -> str:
    """Link the file to the first of its name, ``name_2``, ``name_3`` ... that is free."""
    for name in islice(_names(target.name), _MOST_NAMES):
        try:
            _link_or_raise(source, target, name, opened)
        except FileExistsError:
            if target.holds(opened, name):
                raise RepairError(f"{printable(source.path)} is linked already, as {printable(name)}.") from None
        else:
            return name
    raise RepairError(f"The session's folder holds {_MOST_NAMES} files called like {printable(target.name)} already.")


def _names(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    yield from (f"{stem}_{n}{dot}{suffix}" for n in count(2))


def _link_or_raise(source: _Place, target: _Place, name: str, opened: os.stat_result) -> None:
    """Give the file a second name, which must be free; one that was exchanged meanwhile is not left linked."""
    os.link(source.name, name, src_dir_fd=source.folder, dst_dir_fd=target.folder, follow_symlinks=False)
    if not target.holds(opened, name):
        os.unlink(name, dir_fd=target.folder)
        raise RepairError(f"{printable(source.path)} was replaced while it was linked; look at the plan again.")


_WHY = {
    errno.ENOENT: "it is gone. Look at the plan again.",
    errno.ESTALE: "it was replaced meanwhile. Look at the plan again.",
    errno.ELOOP: "it is, or lies behind, a symbolic link, and those are never followed. Put the file itself there.",
    errno.EINVAL: "it is no regular file.",
    errno.EEXIST: "its place is taken by another file. Move that one away first.",
    errno.EXDEV: "it lies on another disk than the session's folder, and names do not reach across. Copy it by hand.",
    errno.EROFS: "the lab is on a read-only disk. Have it writable, or do it where it is.",
    errno.EACCES: "the server may not write there. Give it permission for the session's folder and the file's.",
    errno.EPERM: "the system does not allow it (the file is another user's, or its disk knows no hard links). "
    "Move it by hand, or give the server permission.",
    errno.ENOSPC: "the disk is full. Make room on it.",
    errno.EDQUOT: "the disk is full. Make room on it.",
    errno.EMLINK: "it has as many names as its disk allows. Move it instead.",
}


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = _WHY.get(error.errno or 0, f"{error.strerror or 'input or output error'}.")
        raise RepairError(f"{printable(path)} cannot be linked or moved: {why}") from error


def _sentence(near_miss: NearMiss) -> str:
    remedy = near_miss.verdict.remedy or "convert it"
    return f"{remedy[:1].upper()}{remedy[1:]}."
