"""Where labcrate keeps its own files of a lab: ``.labcrate/`` inside it, or the user's cache folder."""

import hashlib
import os
from pathlib import Path

import platformdirs

from labcrate.errors import CatalogError

STATE_FOLDER = ".labcrate"


def state_folder(lab_root: Path) -> Path:
    """The folder for labcrate's own files, made if need be.

    A lab on a read-only disk gets one in the user's cache folder, named by a hash of the lab's
    path. Raises CatalogError when neither can be written to.
    """
    inside = lab_root / STATE_FOLDER
    try:
        inside.mkdir(mode=0o700, exist_ok=True)
        if os.access(inside, os.W_OK | os.X_OK) and not inside.is_symlink():
            return inside
    except OSError:
        pass  # read-only or not ours: the cache folder serves as well
    name = hashlib.sha256(os.fsencode(lab_root)).hexdigest()[:16]
    cached = platformdirs.user_cache_path("labcrate") / name
    try:
        cached.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"There is no place for the index: neither {STATE_FOLDER} in the lab nor your cache folder can be written "
            f"to ({error.strerror}). Name a folder that can be in the environment variable XDG_CACHE_HOME."
        ) from None
    return cached
