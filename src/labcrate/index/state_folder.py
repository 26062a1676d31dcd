"""Where labcrate keeps its own files of a lab: ``.labcrate/`` inside it, or the user's state folder."""

import hashlib
import os
from pathlib import Path

import platformdirs

from labcrate.errors import CatalogError

STATE_FOLDER = ".labcrate"


def user_state_folder(lab_root: Path) -> Path:
    """Return the folder for a lab in the user's state folder, which need not be there."""
    name = hashlib.sha256(os.fsencode(lab_root)).hexdigest()[:16]
    return platformdirs.user_state_path("labcrate") / name


def state_folder(lab_root: Path) -> Path:
    """The folder for labcrate's own files, made if need be.

    A lab on a read-only disk gets one in the user's state folder (XDG Base Directory Specification), named by a
    hash of the lab's path; not in the cache folder, for the export log cannot be made again. Raises CatalogError
    when neither can be written to.
    """
    inside = lab_root / STATE_FOLDER
    try:
        inside.mkdir(mode=0o700, exist_ok=True)
        if os.access(inside, os.W_OK | os.X_OK) and not inside.is_symlink():
            return inside
    except OSError:
        pass  # read-only or not ours: the user's own folder serves as well
    own = user_state_folder(lab_root)
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"There is no place for the index: neither {STATE_FOLDER} in the lab nor your own state folder can be "
            f"written to ({error.strerror}). Name a folder that can be in the environment variable XDG_STATE_HOME."
        ) from None
    return own
