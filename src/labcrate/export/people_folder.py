"""Find a lab's ``people.db``: in its ``.labcrate/``, or, if the lab never had one, in the user's state folder.

Logins and the export log are never split: if there is a file in the lab, no file in another place is used instead.
"""

from pathlib import Path

from labcrate.errors import PeopleError
from labcrate.index.state_folder import STATE_FOLDER, state_folder, user_state_folder
from labcrate.messages.message import Message
from labcrate.people.database import PEOPLE_FILE, PeopleDatabase

_FILES = (PEOPLE_FILE, f"{PEOPLE_FILE}-wal", f"{PEOPLE_FILE}-journal")
_NAMES = {"folder": STATE_FOLDER, "file": PEOPLE_FILE}


def open_people(lab_root: Path) -> PeopleDatabase:
    """Open the lab's ``people.db``; create it if there never was one. Raises PeopleError, CatalogError."""
    return PeopleDatabase.open(people_folder(lab_root))


def people_folder(lab_root: Path) -> Path:
    """Return the folder of the lab's ``people.db``, which need not exist. Raises PeopleError, CatalogError.

    A ``people.db`` in the lab, or a ``.labcrate`` that cannot be read, always counts. A lab that could never be
    written to has its ``people.db`` in the user's state folder; one with an administrator is used from there on.
    """
    inside = lab_root / STATE_FOLDER
    if _may_hold_people(inside):
        if inside.is_symlink():
            raise PeopleError(Message("people_folder.linked", **_NAMES))
        return inside
    folder = state_folder(lab_root)
    return user_state_folder(lab_root) if folder == inside and _own_has_admin(lab_root) else folder


def refuse_split(lab_root: Path, people: PeopleDatabase) -> None:
    """Raise PeopleError if this database has no administrator, but the one in the user's state folder has one."""
    from labcrate.people.users import Users  # noqa: PLC0415 - as below

    if (
        people.state_folder != user_state_folder(lab_root)
        and not Users(people).has_admin()
        and _own_has_admin(lab_root)
    ):
        raise PeopleError(Message("people_folder.split", **_NAMES))


def _may_hold_people(inside: Path) -> bool:
    for name in _FILES:
        try:
            (inside / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # a folder that cannot be read may contain one
            return True
        return True
    return False


def _own_has_admin(lab_root: Path) -> bool:
    folder = user_state_folder(lab_root)
    if not (folder / PEOPLE_FILE).exists():
        return False
    # It loads Argon2, which an export does not need.
    from labcrate.people.users import Users  # noqa: PLC0415

    with PeopleDatabase.open(folder) as database:
        return Users(database).has_admin()
