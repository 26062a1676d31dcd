"""The lab folder on disk: what lies where, and how a file of it is opened safely.

Paths inside the lab are relative, with ``/``, as ``str``; names that are not UTF-8 carry surrogate
escapes, as everywhere in Python. No symbolic link below the lab folder is ever followed: a link
is how another study's files, or the machine's own, would get into an archive.
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
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.session import has_leading_zero, id_sort_key, is_session_id, normalize_id

RECORDINGS = "recordings"
SESSIONS = "sessions"
DATA = "data"
SENSOR_DATA = "sensor_data"
SESSION_FOLDER_PREFIX = "Session"
"""How the name of a session's own folder begins; its id follows."""

USER_FOLDER_PREFIX = "user_"
"""How the name of a user's folder below ``data/`` begins; the user's number follows."""

_USER = re.compile(r"[\w.-]+")
_REMEDY = "name the lab folder with --lab DIR or LABCRATE_LAB"


class EntryKind(StrEnum):
    """What a directory entry is."""

    FILE = "file"
    LINK = "symbolic link"
    OTHER = "neither file nor folder"
    UNREADABLE = "unreadable folder"


class FolderEntry(msgspec.Struct, frozen=True, gc=False):
    """Something found below the lab folder; ``path`` is relative to it.

    A lab has a hundred thousand: a Struct is made ten times as fast as a dataclass.
    """

    path: str
    kind: EntryKind


class LabFolder:
    """A lab folder, read-only. Raises NoLabError for a folder that is none."""

    def __init__(self, root: Path) -> None:
        named = printable(str(root))
        try:
            self.root = root.resolve(strict=True)
            parts = {entry.name for entry in os.scandir(self.root) if entry.is_dir()}
        except (FileNotFoundError, NotADirectoryError):
            raise NoLabError(f"There is no folder {named}; {_REMEDY}.") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            why = error.strerror if isinstance(error, OSError) else "symbolic links in a circle"
            raise NoLabError(f"The folder {named} cannot be opened ({why}); {_REMEDY}.") from None
        if not parts.intersection((RECORDINGS, SESSIONS, DATA)):
            raise NoLabError(
                f"{named} is not a lab folder: it holds none of {RECORDINGS}/, {SESSIONS}/ and {DATA}/. "
                f"{_REMEDY[:1].upper()}{_REMEDY[1:]}, or try 'labcrate demo'."
            )

    def before_read(self, place: str) -> None:
        """Take note of a file or folder (absolute path) before it is read; here, nothing is done about it.

        Whatever reads a place of the lab or of a recorder calls this first: a server records so what a plan depends on.
        """

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it.

        Every part of the path is opened relative to the one before with O_NOFOLLOW. Raises OSError:
        ELOOP where a part is a symbolic link, EINVAL where the last one is no regular file.
        """
        self.before_read(f"{self.root}/{path}")
        return open_file_below(self.root, path)

    def read(self, path: str) -> bytes | None:
        """The whole of a small file; None where there is none. Raises OSError for one that cannot be read."""
        try:
            fd = self.open(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def identity(self, path: str) -> Identity:
        """The state of a file on disk, without opening it. Raises OSError when it is gone."""
        return Identity.of(self.status(path))

    def status(self, path: str) -> os.stat_result:
        """Return what the disk says of a file, folder or symbolic link itself. Raises OSError when it is gone."""
        place = f"{self.root}/{path}"
        self.before_read(place)
        return os.lstat(place)

    def leads_to_folder(self, path: str) -> bool:
        """Return whether a symbolic link leads to a folder, which is not entered."""
        place = f"{self.root}/{path}"
        self.before_read(place)
        return os.path.isdir(place)  # noqa: PTH112 - Path.is_dir raises

    def session_folders(self) -> dict[str, str]:
        """The session ids that have a folder, with that folder's path."""
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
        """``sessions/`` itself, where it is a link or closed, so that nobody knows the folders in it."""
        return self._scan_sessions()[1]

    def misnamed_session_folders(self) -> dict[str, str]:
        """The session folders whose name ends in no id, with that end; digits with a leading zero are near misses."""
        refused = {}
        for entry in self._scan_sessions()[0]:
            session_id = normalize_id(entry.name.removeprefix(SESSION_FOLDER_PREFIX))
            is_folder = entry.name.startswith(SESSION_FOLDER_PREFIX) and entry.is_dir(follow_symlinks=False)
            if is_folder and session_id and not is_session_id(session_id) and not has_leading_zero(session_id):
                refused[f"{SESSIONS}/{entry.name}"] = session_id
        return {path: refused[path] for path in sorted(refused)}

    def user_folders(self) -> tuple[dict[str, str], tuple[FolderEntry, ...]]:
        """The folders ``data/user_2`` by their user (``2``), and what could not be entered there."""
        entries, barred = self._scan(DATA)
        found, closed = {}, [barred] if barred else []
        for entry in entries:
            user = entry.name.removeprefix(USER_FOLDER_PREFIX)
            if not entry.name.startswith(USER_FOLDER_PREFIX) or not _USER.fullmatch(user):
                continue
            path = f"{DATA}/{entry.name}"
            if entry.is_symlink():
                closed.append(FolderEntry(path, EntryKind.LINK))
            elif entry.is_dir(follow_symlinks=False):
                found[user] = path
        return {user: found[user] for user in sorted(found, key=id_sort_key)}, tuple(
            sorted(closed, key=lambda e: e.path)
        )

    def recordings(self) -> Iterator[FolderEntry]:
        """Yield whatever lies below ``recordings/`` and in every folder of ``sessions/``."""
        yield from self.walk(RECORDINGS)
        entries, barred = self._scan_sessions()
        if barred:
            yield barred
        for entry in sorted(entries, key=lambda e: e.name):
            folder = f"{SESSIONS}/{entry.name}"
            if entry.is_symlink():
                yield FolderEntry(folder, EntryKind.LINK)
            elif entry.is_dir(follow_symlinks=False):
                yield from self.walk(folder)

    def walk(self, folder: str) -> Iterator[FolderEntry]:
        """Every entry below a folder that is not itself a folder, in the order of names."""
        top = self.root / folder
        self.before_read(str(top))
        if os.path.islink(top):  # noqa: PTH114 - Path.is_symlink raises where a folder above is closed
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
        """What lies in ``sessions/``, or that it is a link or closed: then sessions may be in it all the same."""
        return self._scan(SESSIONS)

    def _scan(self, folder: str) -> tuple[list[os.DirEntry[str]], FolderEntry | None]:
        """What lies in a folder of the lab's root, or that it is a link or closed."""
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
        raise OSError(errno.EINVAL, "not a regular file")
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
    """Open an entry of an open folder, and say it plainly when that is a symbolic link."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=at)
    except OSError as error:
        # Linux answers ENOTDIR for a link where a folder is asked for, which must not read as "there is none".
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(at, name):
            raise OSError(errno.ELOOP, "it is, or lies behind, a symbolic link, and those are never followed") from None
        raise


def _is_link(at: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
    except OSError:
        return False
