"""A name in a folder of the lab, the folder open: how labcrate gives, moves and removes files of the lab.

No symbolic link is followed: every folder is opened relative to the one above it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice

from labcrate.errors import RepairError
from labcrate.lab.folder import LabFolder
from labcrate.messages.text import printable

_MAX_NAMES = 1000
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644


class PathInOpenFolder:
    """A name in a folder of the lab, the folder open; a context manager that closes it.

    ``make_folders`` makes folders that are not there. Raises OSError, ELOOP for a symbolic link on the way.
    """

    def __init__(self, lab: LabFolder, path: str, *, make_folders: bool = False) -> None:
        *folders, self.name = path.split("/")
        self.path = path
        self.folder_fd = os.open(lab.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                below = _open_subfolder(self.folder_fd, folder, make_folders=make_folders)
                os.close(self.folder_fd)
                self.folder_fd = below
        except BaseException:
            os.close(self.folder_fd)
            raise

    def __enter__(self) -> "PathInOpenFolder":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.folder_fd)

    def stat_regular_file(self) -> os.stat_result:
        """Return the state of the regular file of this name. Raises OSError, ELOOP for a symbolic link."""
        found = os.stat(self.name, dir_fd=self.folder_fd, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, "it is a symbolic link")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return found

    def is_file(self, other: os.stat_result, name: str | None = None) -> bool:
        """Return whether the name (or another one in this folder) is just that file."""
        try:
            found = os.stat(name or self.name, dir_fd=self.folder_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, other)

    def create(self, name: str) -> int:
        """Make an empty file of a free name in this folder, and return its descriptor. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, _FILE_MODE, dir_fd=self.folder_fd)

    def unlink_if_there(self, name: str) -> None:
        """Remove a name in this folder, if there is one. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.folder_fd)

    def remove(self, expected: os.stat_result) -> None:
        """Remove the name if it is still that file. Raises OSError, ESTALE when it is not."""
        if not self.is_file(expected):
            raise OSError(errno.ESTALE, "it was replaced meanwhile")
        os.unlink(self.name, dir_fd=self.folder_fd)

    def sync(self) -> None:
        """Wait until the folder's names are on the disk. Raises OSError."""
        os.fsync(self.folder_fd)


def _open_subfolder(at: int, folder: str, *, make_folders: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(folder, flags, dir_fd=at)
    except FileNotFoundError:
        if not make_folders:
            raise
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(folder, dir_fd=at, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "it lies behind a symbolic link") from None
        raise
    with suppress(FileExistsError):  # made by another request just now
        os.mkdir(folder, _FOLDER_MODE, dir_fd=at)
    return os.open(folder, flags, dir_fd=at)


def hard_link_free_name(source: PathInOpenFolder, target: PathInOpenFolder, opened: os.stat_result) -> str:
    """Give the file a second name, the first of ``name``, ``name_2``, ``name_3`` ... that is free, and return it.

    Raises RepairError when it has one of these already, and OSError.
    """
    for name in islice(_numbered_names(target.name), _MAX_NAMES):
        try:
            hard_link(source, target, name, opened)
        except FileExistsError:
            if target.is_file(opened, name):
                raise RepairError(f"{printable(source.path)} is linked already, as {printable(name)}.") from None
        else:
            return name
    raise RepairError(f"The session's folder holds {_MAX_NAMES} files called like {printable(target.name)} already.")


def _numbered_names(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    yield from (f"{stem}_{n}{dot}{suffix}" for n in count(2))


def hard_link(source: PathInOpenFolder, target: PathInOpenFolder, name: str, opened: os.stat_result) -> None:
    """Give the file a second name, which must be free; one that was exchanged meanwhile is not left linked.

    Raises OSError, RepairError.
    """
    os.link(source.name, name, src_dir_fd=source.folder_fd, dst_dir_fd=target.folder_fd, follow_symlinks=False)
    if not target.is_file(opened, name):
        os.unlink(name, dir_fd=target.folder_fd)
        raise RepairError(f"{printable(source.path)} was replaced while it was linked; look at the plan again.")


_REASONS = {
    errno.ENOENT: "it is gone. Look at the plan again.",
    errno.ESTALE: "it was replaced meanwhile. Look at the plan again.",
    errno.ELOOP: "it is, or lies behind, a symbolic link, and those are never followed. Put the file itself there.",
    errno.EINVAL: "it is no regular file.",
    errno.EEXIST: "its place is taken by another file. Move that one away first.",
    errno.EXDEV: "it lies on another disk than the session's folder, and names do not reach across. Copy it by hand.",
    errno.EROFS: "the lab is on a read-only disk. Have it writable, or do it where it is.",
    errno.EACCES: "labcrate may not write there. Give it permission for the session's folder and the file's.",
    errno.EPERM: "the system does not allow it (the file is another user's, or its disk knows no hard links). "
    "Move it by hand, or give labcrate permission.",
    errno.ENOSPC: "the disk is full. Make room on it.",
    errno.EDQUOT: "the disk is full. Make room on it.",
    errno.EMLINK: "it has as many names as its disk allows. Move it instead.",
    errno.ENAMETOOLONG: "its name is too long. Rename it.",
}


@contextmanager
def convert_os_errors(path: str) -> Iterator[None]:
    """Raise RepairError for an OSError of the block, naming the file and the remedy."""
    try:
        yield
    except OSError as error:
        why = _REASONS.get(error.errno or 0, f"{error.strerror or 'input or output error'}.")
        raise RepairError(f"{printable(path)} cannot be linked or moved: {why}") from error
