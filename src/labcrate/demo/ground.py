"""The ground that the sample lab is built on: an empty folder, or one where only its own files are replaced."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from labcrate.errors import UsageError

# Lists the files of the sample lab, one path a line. A folder without it is somebody's own.
MARKER = ".labcrate/demo"


def clear(folder: Path, paths: Iterable[str]) -> None:
    """Make ``folder`` ready for files at ``paths``: create it, or remove the files of an earlier sample lab.

    What else a user put into the folder stays. Raises UsageError when the folder is not empty and no
    sample lab, or when a symbolic link would lead the sample lab out of it; OSError from the file system.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f'"{folder.name}" is a file; name a folder for the sample lab.')
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / MARKER
    if not marker.is_file() and any(folder.iterdir()):
        raise UsageError(f'The folder "{folder.name}" is not empty and holds no sample lab; name an empty one.')
    former = [line for line in marker.read_text("utf-8").splitlines() if line] if marker.is_file() else []
    for path in {*former, *paths, MARKER}:
        _refuse_way_out(folder, path)
    for path in former:
        (folder / path).unlink(missing_ok=True)


def mark(folder: Path, paths: Iterable[str]) -> None:
    """Note in ``folder`` that it holds a sample lab, made of the files at ``paths``."""
    marker = folder / MARKER
    marker.parent.mkdir(exist_ok=True)
    marker.write_text("".join(f"{path}\n" for path in sorted(paths)), "utf-8")


def _refuse_way_out(folder: Path, path: str) -> None:
    """No file outside the folder is removed or written, whatever the marker says and wherever a link points."""
    parts = PurePosixPath(path)
    on_the_way = [folder / part for part in (parts, *parts.parents)[:-1]]
    if parts.is_absolute() or ".." in parts.parts or any(step.is_symlink() for step in on_the_way):
        raise UsageError(f'"{path}" leads out of the folder "{folder.name}"; name an empty folder for the sample lab.')
