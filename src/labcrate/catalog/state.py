"""Where labcrate keeps its own files of a lab: ``.labcrate/`` inside it, or the user's cache folder."""

import hashlib
import os
from pathlib import Path

import platformdirs

STATE_FOLDER = ".labcrate"


def state_folder(lab_root: Path) -> Path:
    """The folder for labcrate's own files, made if need be.

    A lab on a read-only disk gets one in the user's cache folder, named by a hash of the lab's path.
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
    cached.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cached
