"""Find where a lab's ``people.db`` lies: in its ``.labcrate/``, or, where it never had one, in the state folder.

Logins and the export log do not split: where the lab holds a file of people, none in another place stands in for it.
"""

from pathlib import Path

from labcrate.errors import PeopleError
from labcrate.index.state_folder import STATE_FOLDER, state_folder, user_state_folder
from labcrate.people.database import PEOPLE_FILE, PeopleDatabase
from labcrate.people.users import Users

_FILES = (PEOPLE_FILE, f"{PEOPLE_FILE}-wal", f"{PEOPLE_FILE}-journal")
_LINKED = (
    f"{STATE_FOLDER} is a symbolic link, which is never followed, to a folder with {PEOPLE_FILE}, which holds the "
    "lab's logins and export log; put that folder itself in its place."
)
_SPLIT = (
    f"There is a {PEOPLE_FILE} without an administrator in the lab's folder {STATE_FOLDER}, and one with the lab's "
    "administrators in your state folder; move one of them away (labcrate's folder in XDG_STATE_HOME, else in "
    "~/.local/state), so that the other one is used."
)


def open_people(lab_root: Path) -> PeopleDatabase:
    """Open the lab's people, making the file where there never was one. Raises PeopleError, CatalogError."""
    return PeopleDatabase.open(people_folder(lab_root))


def people_folder(lab_root: Path) -> Path:
    """Return the folder of the lab's ``people.db``, which need not be there. Raises PeopleError, CatalogError.

    A lab that holds one, or a ``.labcrate`` that cannot be looked into, is never passed over. One that never could be
    written to has its people in the user's state folder, and keeps those there with an administrator among them.
    """
    inside = lab_root / STATE_FOLDER
    if _may_hold_people(inside):
        if inside.is_symlink():
            raise PeopleError(_LINKED)
        return inside
    folder = state_folder(lab_root)
    return user_state_folder(lab_root) if folder == inside and _own_has_admin(lab_root) else folder


def refuse_split(lab_root: Path, people: PeopleDatabase) -> None:
    """Raise PeopleError where these people have no administrator, and those in the user's state folder have one."""
    if (
        people.state_folder != user_state_folder(lab_root)
        and not Users(people).has_admin()
        and _own_has_admin(lab_root)
    ):
        raise PeopleError(_SPLIT)


def _may_hold_people(inside: Path) -> bool:
    for name in _FILES:
        try:
            (inside / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # what cannot be looked into may hold one
            return True
        return True
    return False


def _own_has_admin(lab_root: Path) -> bool:
    folder = user_state_folder(lab_root)
    if not (folder / PEOPLE_FILE).exists():
        return False
    with PeopleDatabase.open(folder) as database:
        return Users(database).has_admin()
