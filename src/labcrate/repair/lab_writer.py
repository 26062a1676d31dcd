"""Create, link and remove files of the lab without following symbolic links.

Every folder of a path is opened relative to the one above it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice

from labcrate.errors import RepairError
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message

_MAX_NAMES = 1000
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644


class PathInOpenFolder:
    """A path in the lab, with its folder open; a context manager that closes the folder.

    ``make_folders`` creates missing folders. Raises OSError; ELOOP for a symbolic link in the path.
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
        """Return the status of the regular file at this path. Raises OSError; ELOOP for a symbolic link."""
        found = os.stat(self.name, dir_fd=self.folder_fd, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, "it is a symbolic link")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return found

    def is_same_file(self, other: os.stat_result, name: str | None = None) -> bool:
        """Return whether this path, or another name in its folder, is the same file as ``other``."""
        try:
            found = os.stat(name or self.name, dir_fd=self.folder_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, other)

    def create(self, name: str) -> int:
        """Create an empty file of a new name in this folder, and return its descriptor. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, _FILE_MODE, dir_fd=self.folder_fd)

    def unlink_if_there(self, name: str) -> None:
        """Remove a name in this folder, if it exists. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.folder_fd)

    def remove(self, expected: os.stat_result) -> None:
        """Remove this path if it is still the expected file. Raises OSError; ESTALE if it is not."""
        if not self.is_same_file(expected):
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
    with suppress(FileExistsError):  # another request created it
        os.mkdir(folder, _FOLDER_MODE, dir_fd=at)
    return os.open(folder, flags, dir_fd=at)


def hard_link_free_name(source: PathInOpenFolder, target: PathInOpenFolder, opened: os.stat_result) -> str:
    """Give a file a second name, the first free one of ``name``, ``name_2``, ``name_3`` ..., and return it.

    Raises RepairError if the file already has one of these names, and OSError.
    """
    for name in islice(_numbered_names(target.name), _MAX_NAMES):
        try:
            hard_link(source, target, name, opened)
        except FileExistsError:
            if target.is_same_file(opened, name):
                raise RepairError(Message("repair.linked_as", file=source.path, name=name)) from None
        else:
            return name
    raise RepairError(Message("repair.no_free_name", name=target.name, most=_MAX_NAMES))


def _numbered_names(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    yield from (f"{stem}_{n}{dot}{suffix}" for n in count(2))


def hard_link(source: PathInOpenFolder, target: PathInOpenFolder, name: str, opened: os.stat_result) -> None:
    """Give a file a second name, which must be free. If the file is replaced meanwhile, remove the name again.

    Raises OSError, RepairError.
    """
    os.link(source.name, name, src_dir_fd=source.folder_fd, dst_dir_fd=target.folder_fd, follow_symlinks=False)
    if not target.is_same_file(opened, name):
        os.unlink(name, dir_fd=target.folder_fd)
        raise RepairError(Message("repair.replaced", file=source.path))


_REASON_IDS = {
    errno.ENOENT: "repair.gone",
    errno.ESTALE: "repair.other_file",
    errno.ELOOP: "repair.symbolic_link",
    errno.EINVAL: "repair.not_regular",
    errno.EEXIST: "repair.path_in_use",
    errno.EXDEV: "repair.other_disk",
    errno.EROFS: "repair.read_only",
    errno.EACCES: "repair.no_permission",
    errno.EPERM: "repair.not_permitted",
    errno.ENOSPC: "repair.disk_full",
    errno.EDQUOT: "repair.disk_full",
    errno.EMLINK: "repair.too_many_names",
    errno.ENAMETOOLONG: "repair.name_too_long",
}


@contextmanager
def convert_os_errors(path: str) -> Iterator[None]:
    """Convert an OSError in the block into a RepairError with the file and the remedy."""
    try:
        yield
    except OSError as error:
        raise RepairError(Message("repair.failed", file=path, reason=_reason(error))) from error


def _reason(error: OSError) -> Message:
    if id := _REASON_IDS.get(error.errno or 0):
        return Message(id)
    return Message("repair.error", error=error.strerror) if error.strerror else Message("repair.disk_error")
