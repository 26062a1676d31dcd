"""Open the files that archives are made of: those of the lab folder, and those of its recorders.

A recorder's file has the path ``@nvr/2025-05-02/07/kitchen/30.00.mp4``: the recorder's name in ``labcrate.toml`` and
the path below its folder. No path in the lab folder that labcrate reads begins with ``@``, so one index has both.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from labcrate.lab.folder import LabFolder
from labcrate.lab.recorders import RecorderFolder
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity

_RECORDER_PREFIX = "@"


class FileReader(Protocol):
    """An object that opens files by path and returns their identities."""

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it. Raises OSError."""

    def identity(self, path: str) -> Identity:
        """Return the identity of a file. Raises OSError if it does not exist."""


class LabFiles(Struct, frozen=True):
    """The files of a lab and of the recorders whose folders may be read; ``folders`` are by recorder name."""

    lab: LabFolder
    folders: Mapping[str, Path] = field(default_factory=dict)

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it.

        Raises OSError: ELOOP for a symbolic link, ENODEV if the recorder's folder may not be read or is missing.
        """
        at = split_recorder_path(path)
        if at is None:
            return self.lab.open(path)
        folder, below = self._recorder(*at), at[1]
        try:
            return folder.open(below)
        except FileNotFoundError:
            _check_folder_exists(folder)
            raise

    def identity(self, path: str) -> Identity:
        """Return the identity of a file without opening it. Raises OSError as ``open`` does."""
        at = split_recorder_path(path)
        if at is None:
            return self.lab.identity(path)
        folder, below = self._recorder(*at), at[1]
        try:
            return folder.identity(below)
        except FileNotFoundError:
            _check_folder_exists(folder)
            raise

    def identities(self, name: str, paths: Sequence[str]) -> Iterator[Identity | OSError]:
        """Yield the identity (or the OSError) of each file of one recorder, by its path below the recorder's folder."""
        for below in paths:
            self._recorder(name, below)
        return RecorderFolder(self.folders[name], name).identities(paths)

    def has_folder(self, name: str) -> bool:
        """Return whether the folder of a recorder exists. Raises KeyError if it may not be read."""
        folder = self.folders[name]
        if folder.is_dir():  # nothing to record for the server: each file in it is recorded when it is read
            return True
        self.lab.before_read(str(folder))
        return folder.is_dir()

    def disk_path(self, path: str) -> str | None:
        """Return the absolute path of a file, to detect changes of it; None if its recorder may not be read."""
        at = split_recorder_path(path)
        if at is None:
            return f"{self.lab.root}/{path}"
        return f"{self.folders[at[0]]}/{at[1]}" if at[0] in self.folders else None

    def _recorder(self, name: str, below: str) -> RecorderFolder:
        """Return the folder of a recorder before a file in it is read. Raises OSError if it may not be read."""
        if name not in self.folders:
            raise OSError(errno.ENODEV, Message("lab.recorder_not_allowed"))
        self.lab.before_read(f"{self.folders[name]}/{below}")
        return RecorderFolder(self.folders[name], name)


def _check_folder_exists(folder: RecorderFolder) -> None:
    """Raise OSError if the whole folder is missing: then its disk is not connected, and no single file was deleted."""
    if not folder.root.is_dir():
        raise OSError(errno.ENODEV, Message("lab.recorder_missing"))


def recorder_path(name: str, below: str) -> str:
    """Return the path of a recorder's file; ``below`` is its path below the recorder's folder."""
    return f"{_RECORDER_PREFIX}{name}/{below}"


def is_recorder_path(path: str) -> bool:
    """Return whether a path is a recorder's file, not one of the lab folder."""
    return path.startswith(_RECORDER_PREFIX)


def split_recorder_path(path: str) -> tuple[str, str] | None:
    """Return the recorder's name and the path below its folder, or None for a file of the lab folder."""
    if not path.startswith(_RECORDER_PREFIX):
        return None
    name, _, below = path[len(_RECORDER_PREFIX) :].partition("/")
    return name, below


def display_path(path: str) -> str:
    """Return a path for display: ``nvr: 2025-05-02/07/kitchen/30.00.mp4`` for a recorder's file."""
    at = split_recorder_path(path)
    return printable(path if at is None else f"{at[0]}: {at[1]}")
