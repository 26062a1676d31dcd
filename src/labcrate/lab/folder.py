"""The lab folder on disk: list its files and folders, and open files without following symbolic links.

Paths inside the lab are relative, with ``/``, as ``str``; names that are not UTF-8 have surrogate escapes, as
everywhere in Python. No symbolic link below the lab folder is followed: a link could bring files of another study, or
of the machine itself, into an archive.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from enum import StrEnum
from operator import attrgetter
from pathlib import Path

import msgspec

from labcrate.errors import NoLabError
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.model.session import has_leading_zero, id_sort_key, is_session_id, normalize_id

RECORDINGS = "recordings"
SESSIONS = "sessions"
DATA = "data"
SENSOR_DATA = "sensor_data"
SESSION_FOLDER_PREFIX = "Session"
"""The beginning of the name of a session's own folder; the session's id follows."""

USER_FOLDER_PREFIX = "user_"
"""The beginning of the name of a user's folder below ``data/``; the user's number follows."""

SYMBOLIC_LINK, NOT_REGULAR = Message("lab.symbolic_link"), Message("lab.not_regular")

_USER = re.compile(r"[\w.-]+")


class EntryKind(StrEnum):
    """The type of a directory entry."""

    FILE = "file"
    LINK = "symbolic link"
    OTHER = "neither file nor folder"
    UNREADABLE = "unreadable folder"


class FolderEntry(msgspec.Struct, frozen=True, gc=False):
    """A file, link or unreadable folder below the lab folder; ``path`` is relative to the lab folder.

    A lab has a hundred thousand of them: a Struct is created ten times as fast as a dataclass.
    """

    path: str
    kind: EntryKind


class LabFolder:
    """A lab folder, read-only. Raises NoLabError if the folder is not a lab folder."""

    def __init__(self, root: Path) -> None:
        folder = str(root)
        try:
            self.root = root.resolve(strict=True)
            parts = {entry.name for entry in os.scandir(self.root) if entry.is_dir()}
        except (FileNotFoundError, NotADirectoryError):
            raise NoLabError(Message("lab.no_folder", folder=folder)) from None
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            reason = error.strerror if isinstance(error, OSError) else Message("lab.link_loop")
            raise NoLabError(Message("lab.folder_closed", folder=folder, reason=reason)) from None
        if not parts.intersection((RECORDINGS, SESSIONS, DATA)):
            raise NoLabError(Message("lab.not_a_lab", folder=folder))

    def before_read(self, place: str) -> None:
        """Record a file or folder (absolute path) that is about to be read; this class records nothing.

        Every read of the lab or of a recorder calls this first: the server records what a plan depends on.
        """

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it.

        Every part of the path is opened relative to the one before with O_NOFOLLOW. Raises OSError:
        ELOOP if a part is a symbolic link, EINVAL if the last one is not a regular file.
        """
        self.before_read(f"{self.root}/{path}")
        return open_file_below(self.root, path)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a small file, or None if it does not exist. Raises OSError if it cannot be read."""
        try:
            fd = self.open(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def identity(self, path: str) -> Identity:
        """Return the identity of a file without opening it. Raises OSError if it does not exist."""
        return Identity.of(self.status(path))

    def status(self, path: str) -> os.stat_result:
        """Return the status of a file, folder or symbolic link itself. Raises OSError if it does not exist."""
        place = f"{self.root}/{path}"
        self.before_read(place)
        return os.lstat(place)

    def leads_to_folder(self, path: str) -> bool:
        """Return whether a symbolic link points to a folder."""
        place = f"{self.root}/{path}"
        self.before_read(place)
        return os.path.isdir(place)  # noqa: PTH112 - Path.is_dir raises

    def session_folders(self) -> dict[str, str]:
        """Return the path of each session's own folder, by session id."""
        found: dict[str, str] = {}
        for entry in sorted(self._scan_sessions()[0], key=lambda e: e.name):
            session_id = normalize_id(entry.name.removeprefix(SESSION_FOLDER_PREFIX))
            if (
                entry.name.startswith(SESSION_FOLDER_PREFIX)
                and is_session_id(session_id)
                and entry.is_dir(follow_symlinks=False)
            ):
                found.setdefault(session_id, f"{SESSIONS}/{entry.name}")
        return {session_id: found[session_id] for session_id in sorted(found, key=id_sort_key)}

    def unreadable_sessions_folder(self) -> FolderEntry | None:
        """Return the entry of ``sessions/`` if it is a link or unreadable, so that its folders are unknown."""
        return self._scan_sessions()[1]

    def misnamed_session_folders(self) -> dict[str, str]:
        """Return the text after the prefix of each session folder whose name has no valid id, by the folder's path.

        Numbers with a leading zero are left out: those folders are near misses.
        """
        refused = {}
        for entry in self._scan_sessions()[0]:
            session_id = normalize_id(entry.name.removeprefix(SESSION_FOLDER_PREFIX))
            is_folder = entry.name.startswith(SESSION_FOLDER_PREFIX) and entry.is_dir(follow_symlinks=False)
            if is_folder and session_id and not is_session_id(session_id) and not has_leading_zero(session_id):
                refused[f"{SESSIONS}/{entry.name}"] = session_id
        return {path: refused[path] for path in sorted(refused)}

    def user_folders(self) -> tuple[dict[str, str], tuple[FolderEntry, ...]]:
        """Return the folders ``data/user_2`` by user (``2``), and the entries there that could not be read."""
        entries, unreadable_data = self._scan(DATA)
        found, unreadable = {}, [unreadable_data] if unreadable_data else []
        for entry in entries:
            user = entry.name.removeprefix(USER_FOLDER_PREFIX)
            if not entry.name.startswith(USER_FOLDER_PREFIX) or not _USER.fullmatch(user):
                continue
            path = f"{DATA}/{entry.name}"
            if entry.is_symlink():
                unreadable.append(FolderEntry(path, EntryKind.LINK))
            elif entry.is_dir(follow_symlinks=False):
                found[user] = path
        return {user: found[user] for user in sorted(found, key=id_sort_key)}, tuple(
            sorted(unreadable, key=lambda e: e.path)
        )

    def recordings(self) -> Iterator[FolderEntry]:
        """Yield every entry below ``recordings/`` and in every folder of ``sessions/``."""
        yield from self.walk(RECORDINGS)
        entries, unreadable = self._scan_sessions()
        if unreadable:
            yield unreadable
        for entry in sorted(entries, key=lambda e: e.name):
            folder = f"{SESSIONS}/{entry.name}"
            if entry.is_symlink():
                yield FolderEntry(folder, EntryKind.LINK)
            elif entry.is_dir(follow_symlinks=False):
                yield from self.walk(folder)

    def walk(self, folder: str) -> Iterator[FolderEntry]:
        """Yield every entry below a folder, except readable folders, in the order of names."""
        top = self.root / folder
        self.before_read(str(top))
        if os.path.islink(top):  # noqa: PTH114 - Path.is_symlink raises if a folder above is unreadable
            yield FolderEntry(folder, EntryKind.LINK)
            return
        try:
            entries = sorted(os.scandir(top), key=attrgetter("name"))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            yield FolderEntry(folder, EntryKind.UNREADABLE)
            return
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_file(follow_symlinks=False):
                yield FolderEntry(path, EntryKind.FILE)
            elif entry.is_symlink():
                yield FolderEntry(path, EntryKind.LINK)
            elif entry.is_dir(follow_symlinks=False):
                yield from self.walk(path)
            else:
                yield FolderEntry(path, EntryKind.OTHER)

    def _scan_sessions(self) -> tuple[list[os.DirEntry[str]], FolderEntry | None]:
        """Return the entries of ``sessions/``, or its own entry if it is a link or unreadable."""
        return self._scan(SESSIONS)

    def _scan(self, folder: str) -> tuple[list[os.DirEntry[str]], FolderEntry | None]:
        """Return the entries of a folder in the lab's root, or its own entry if it is a link or unreadable."""
        path = self.root / folder
        self.before_read(str(path))
        if path.is_symlink():
            return [], FolderEntry(folder, EntryKind.LINK)
        try:
            return list(os.scandir(path)), None
        except (FileNotFoundError, NotADirectoryError):
            return [], None
        except OSError:
            return [], FolderEntry(folder, EntryKind.UNREADABLE)


def open_file_below(root: Path, path: str) -> int:
    """Open a regular file below a folder for reading and return its descriptor; the caller closes it.

    No part of ``path`` may be a symbolic link. Raises OSError as ``LabFolder.open`` does.
    """
    *folders, name = path.split("/")
    at = open_folder_below(root, folders)
    try:
        # O_NONBLOCK: opening a named pipe must not wait for its writer.
        fd = _open_below(at, name, os.O_NONBLOCK)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, NOT_REGULAR)
    return fd


def open_folder_below(root: Path, folders: Sequence[str]) -> int:
    """Open the folder at the end of a path below another one and return its descriptor; the caller closes it.

    None of ``folders`` may be a symbolic link. Raises OSError.
    """
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = _open_below(at, folder, os.O_DIRECTORY)
            os.close(at)
            at = below
    except OSError:
        os.close(at)
        raise
    return at


def _open_below(at: int, name: str, flags: int) -> int:
    """Open an entry of an open folder. Raises OSError; for a symbolic link, with ELOOP and a message for users."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=at)
    except OSError as error:
        # With O_DIRECTORY, Linux reports a link as ENOTDIR, which callers would take for "does not exist".
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(at, name):
            raise OSError(errno.ELOOP, SYMBOLIC_LINK) from None
        raise


def _is_link(at: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
    except OSError:
        return False
