"""The folder of labcrate's own files of a lab: ``.labcrate/`` in the lab, or one in the user's state folder."""

import hashlib
import os
from pathlib import Path

from labcrate.errors import CatalogError
from labcrate.messages.message import Message

STATE_FOLDER = ".labcrate"


def user_state_folder(lab_root: Path) -> Path:
    """Return the folder of a lab in the user's state folder, which may not exist."""
    import platformdirs  # noqa: PLC0415 - needed only for a lab on a read-only disk

    name = hashlib.sha256(os.fsencode(lab_root)).hexdigest()[:16]
    return platformdirs.user_state_path("labcrate") / name


def state_folder(lab_root: Path) -> Path:
    """Return the folder for labcrate's own files of a lab; create it if there is none.

    For a lab on a read-only disk, it is in the user's state folder (XDG Base Directory Specification), named by a
    hash of the lab's path. It is not in the cache folder, since the export log cannot be rebuilt. Raises CatalogError
    if neither folder can be written.
    """
    inside = lab_root / STATE_FOLDER
    try:
        inside.mkdir(mode=0o700, exist_ok=True)
        if os.access(inside, os.W_OK | os.X_OK) and not inside.is_symlink():
            return inside
    except OSError:
        pass  # read-only, or another user's: use the user's state folder
    own = user_state_folder(lab_root)
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(Message("index.no_folder", folder=STATE_FOLDER, error=error.strerror)) from None
    return own
