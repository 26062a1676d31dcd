"""The files that a lab's archives are made of: those of the lab folder, and those of its recorders.

A recorder's file has the path ``@nvr/2025-05-02/07/kitchen/30.00.mp4``: the recorder's name in ``labcrate.toml`` and
the path below its folder. No path below the lab folder that labcrate reads begins so, hence one index holds both.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from labcrate.lab.folder import LabFolder
from labcrate.lab.recorders import RecorderFolder
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity

_RECORDER_PREFIX = "@"


class FileReader(Protocol):
    """What opens files by their paths and says in which state they are."""

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it. Raises OSError."""

    def identity(self, path: str) -> Identity:
        """Return the state of a file on disk. Raises OSError when it is gone."""


@dataclass(frozen=True, slots=True)
class LabFiles:
    """The files of a lab and of those recorders whose folders may be read; ``folders`` are by recorder's name."""

    lab: LabFolder
    folders: Mapping[str, Path] = field(default_factory=dict)

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it.

        Raises OSError: ELOOP behind a symbolic link, ENODEV where the recorder's folder is closed or not there.
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
        """Return the state of a file on disk, without opening it. Raises OSError as ``open`` does."""
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
        """Yield the state of each file of one recorder, by its path below the recorder's folder, or the OSError."""
        for below in paths:
            self._recorder(name, below)
        return RecorderFolder(self.folders[name], name).identities(paths)

    def has_folder(self, name: str) -> bool:
        """Return whether the folder of a recorder that may be read is there."""
        folder = self.folders[name]
        if folder.is_dir():  # each file in it says itself when it is gone
            return True
        self.lab.before_read(str(folder))
        return folder.is_dir()

    def disk_path(self, path: str) -> str | None:
        """Return where a file lies on disk, to notice changes of it; None where its recorder may not be read."""
        at = split_recorder_path(path)
        if at is None:
            return f"{self.lab.root}/{path}"
        return f"{self.folders[at[0]]}/{at[1]}" if at[0] in self.folders else None

    def _recorder(self, name: str, below: str) -> RecorderFolder:
        """Return a recorder's folder, of which a file is going to be read. Raises OSError."""
        if name not in self.folders:
            raise OSError(errno.ENODEV, "its recorder's folder may not be read")
        self.lab.before_read(f"{self.folders[name]}/{below}")
        return RecorderFolder(self.folders[name], name)


def _check_folder_exists(folder: RecorderFolder) -> None:
    """Raise OSError where the whole folder is gone, which is a disk that is not connected: no file of it is gone."""
    if not folder.root.is_dir():
        raise OSError(errno.ENODEV, "its recorder's folder is not there")


def recorder_path(name: str, below: str) -> str:
    """Return the path of a recorder's file: ``below`` is the one below its folder."""
    return f"{_RECORDER_PREFIX}{name}/{below}"


def is_recorder_path(path: str) -> bool:
    """Return whether a path is a recorder's file, not one of the lab folder."""
    return path.startswith(_RECORDER_PREFIX)


def split_recorder_path(path: str) -> tuple[str, str] | None:
    """Return the recorder's name and the path below its folder; None for a file of the lab folder."""
    if not path.startswith(_RECORDER_PREFIX):
        return None
    name, _, below = path[len(_RECORDER_PREFIX) :].partition("/")
    return name, below


def display_path(path: str) -> str:
    """Return a path as people are shown it: ``nvr: 2025-05-02/07/kitchen/30.00.mp4`` for a recorder's file."""
    at = split_recorder_path(path)
    return printable(path if at is None else f"{at[0]}: {at[1]}")
