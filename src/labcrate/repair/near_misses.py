"""Find a near miss by its name, move it into its session's folder, say its camera, and take it back."""

import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from labcrate.errors import RepairError, UsageError
from labcrate.lab.folder import RECORDINGS, LabFolder
from labcrate.linking.verdict import Rule
from labcrate.messages.text import printable
from labcrate.model.device import Camera
from labcrate.model.session import id_sort_key
from labcrate.model.timespan import from_ns
from labcrate.plan.choices import find_camera_keys
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key_in_session
from labcrate.plan.plan import NearMiss
from labcrate.plan.recordings import SessionCameras
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors, hard_link, hard_link_free_name

# What a file system's clock may be ahead of the system's.
_CLOCK_TOLERANCE = timedelta(seconds=1)


class LinkMethod(StrEnum):
    """How a file comes to belong to a session; a hard link is how earlier versions did it."""

    ENTRY = "register entry"
    MOVE = "move"
    REMUX = "remux"
    HARD_LINK = "hard link"


@dataclass(frozen=True, slots=True)
class LinkedNearMiss:
    """A near miss that was made part of a session; both paths are relative to the lab folder.

    ``target`` is where it lies now, or the register that it was written down in.
    """

    session: str
    source: str
    target: str
    method: LinkMethod


def find_near_miss(near_misses: Iterable[NearMiss], session: str, file: str) -> NearMiss:
    """The near miss that a plan names so. Raises RepairError, also where two are printed alike."""
    known = list(near_misses)
    # A remedy's command has the name as the linking rules print it, a plan as the lab does.
    alike = [n for n in known if file in (n.source, printable(n.path))]
    found = [n for n in known if n.path == file] or alike
    if not found:
        raise RepairError(
            f"{printable(file)} is no near miss of session {session}; "
            f"only files that 'labcrate plan {shlex.quote(session)}' lists as near misses can be linked."
        )
    if len(found) > 1:
        raise RepairError(f"{len(found)} near misses of session {session} are printed as {file}; rename them first.")
    return found[0]


def check_is_mp4(near_miss: NearMiss) -> None:
    """Raise RepairError for a file that is no MP4: only one that is made of it can be linked."""
    if near_miss.verdict.rule is Rule.NOT_MP4 or not near_miss.path.lower().endswith(".mp4"):
        raise RepairError(f"{near_miss.source} cannot be linked: only MP4s are exported. {_remedy_sentence(near_miss)}")


def move_near_miss(lab: LabFolder, session: str, folder: str, near_miss: NearMiss) -> LinkedNearMiss:
    """Move a near miss into the recordings of its session's ``folder``, under a name that is free there.

    Raises RepairError.
    """
    check_is_mp4(near_miss)
    name = near_miss.path.rpartition("/")[2]
    with (
        convert_os_errors(near_miss.path),
        PathInOpenFolder(lab, near_miss.path) as source,
        PathInOpenFolder(lab, f"{folder}/{RECORDINGS}/{name}", make_folders=True) as target,
    ):
        opened = source.stat_regular_file()
        taken = hard_link_free_name(source, target, opened)
        target.sync()  # the new name is on the disk before the old one goes
        source.remove(opened)
    return LinkedNearMiss(session, near_miss.path, f"{folder}/{RECORDINGS}/{taken}", LinkMethod.MOVE)


def undo_file_change(lab: LabFolder, repair: LinkedNearMiss, when: datetime | None) -> None:
    """Take a link back that was made ``when`` (None: just now): move the file back, or remove what was made.

    Raises RepairError when that could lose or mistake a file: it is gone, another one, or changed since it
    was moved or made, or its old place is taken.
    """
    with (
        convert_os_errors(repair.target),
        PathInOpenFolder(lab, repair.target) as target,
        PathInOpenFolder(lab, repair.source) as source,
    ):
        linked = target.stat_regular_file()
        # Moving and making set this time, and so does whatever else happens to a file or puts another in its place.
        changed = when is not None and from_ns(linked.st_ctime_ns) > when + _CLOCK_TOLERANCE
        if repair.method is LinkMethod.REMUX:
            source.stat_regular_file()
            if changed:
                raise RepairError(
                    f"{printable(repair.target)} changed since it was made; remove it by hand. Then give this command "
                    "again, to be rid of the link."
                )
        elif repair.method is LinkMethod.HARD_LINK:
            if not source.is_file(linked):
                raise RepairError(
                    f"{printable(repair.source)} is gone or another file now; {printable(repair.target)} may be "
                    "the only copy and stays. Remove it by hand if that is what you want."
                )
        else:
            if changed:
                raise RepairError(
                    f"{printable(repair.target)} changed since it was moved there; move it back by hand, to "
                    f"{printable(repair.source)}. Then give this command again, to be rid of the link."
                )
            hard_link(target, source, source.name, linked)
            source.sync()
        target.remove(linked)


def is_already_undone(lab: LabFolder, repair: LinkedNearMiss) -> bool:
    """Whether a link is taken back already: its file is where it came from, and nothing is where it was put."""
    with suppress(OSError), PathInOpenFolder(lab, repair.source) as source:
        source.stat_regular_file()
        try:
            lab.identity(repair.target)
        except (FileNotFoundError, NotADirectoryError):
            return True
    return False


def _remedy_sentence(near_miss: NearMiss) -> str:
    remedy = near_miss.verdict.remedy or "convert it"
    return f"{remedy[:1].upper()}{remedy[1:]}."


def find_camera_id(inventory: Inventory, session_id: str, word: str) -> str:
    """Return the id of the camera that an id, name or prefix means in a session, as its register has it.

    A register holds ids, and an id means the session's own user's camera first. Raises UsageError where there is no
    such camera, where the word means several, and where the camera's id means another one in this session.
    """
    session = inventory.session(session_id)
    cameras = SessionCameras.build(inventory, session)
    found = find_camera_keys(word, cameras)
    meant = [key for key in found if key == camera_key_in_session(inventory.cameras, session, cameras.by_key[key].id)]
    if not meant:
        camera = cameras.by_key[found[0]]
        raise UsageError(
            f"Camera {printable(word)} is of another user than the session's, and its id {printable(camera.id)} means "
            "another camera here, or none for sure; give it an id of its own."
        )
    exact = [key for key in meant if cameras.by_key[key].id == word]
    selected = [key for key in meant if key in cameras.selected]
    ids = dict.fromkeys(cameras.by_key[key].id for key in exact or selected or meant)
    if len(ids) > 1:
        raise UsageError(f"{printable(word)} may be several cameras; name one by its id: {printable(', '.join(ids))}.")
    return next(iter(ids))


def linkable_cameras(inventory: Inventory, session_id: str) -> list[Camera]:
    """Return the cameras that a file can be said to be of in a session, by id: those that their id means there."""
    session = inventory.session(session_id)
    cameras = SessionCameras.build(inventory, session).by_key
    meant = [c for key, c in cameras.items() if key == camera_key_in_session(inventory.cameras, session, c.id)]
    return sorted(meant, key=lambda camera: id_sort_key(camera.id))
