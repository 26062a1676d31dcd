"""Faults at any moment of writing the files of a folder: the process is killed, the disk is full."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class WriteMoments:
    """Counts the moments at which files below a folder are created, written, half written, renamed and deleted.

    ``act`` is called with the number of each moment before it; an exception that it raises is one of the disk.
    """

    def __init__(self, folder: Path, act: Callable[[int], None] = lambda _: None) -> None:
        self.folder, self.act, self.count = folder, act, 0

    def pass_one(self) -> None:
        """Count a moment."""
        self.count += 1
        self.act(self.count)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Count from now on, until the patch is undone."""
        for name in ("open", "replace", "unlink"):
            patch.setattr(Path, name, self._counted(name, getattr(Path, name)))

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, *arguments: Any, **options: Any) -> Any:
            is_write = name != "open" or any(letter in str(arguments[:1]) for letter in "wx")
            if not is_write or path.parent != self.folder:
                return original(path, *arguments, **options)
            self.pass_one()
            found = original(path, *arguments, **options)
            return _TornFile(found, self) if name == "open" else found

        return call


class _TornFile:
    """A file whose writes have a moment in the middle."""

    def __init__(self, file: Any, moments: WriteMoments) -> None:
        self._file, self._moments = file, moments

    def write(self, data: bytes) -> int:
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        self._moments.pass_one()
        self._file.write(data[half:])
        return len(data)

    def __enter__(self) -> "_TornFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        if name == "fileno":  # else Polars writes past this object
            raise AttributeError(name)
        return getattr(self._file, name)


def fail_from(first: int, last: int | None = None) -> Callable[[int], None]:
    """Return an action for a disk that is full from one moment to another (None: for ever)."""

    def act(number: int) -> None:
        if number >= first and (last is None or number <= last):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return act
