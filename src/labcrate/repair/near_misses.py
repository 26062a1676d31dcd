"""Find a near miss by its name, move it into its session's folder, find its camera, and undo the move."""

import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from labcrate.errors import RepairError, UsageError
from labcrate.lab.folder import RECORDINGS, LabFolder
from labcrate.linking.verdict import Rule
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera
from labcrate.model.session import id_sort_key
from labcrate.model.timespan import from_ns
from labcrate.people.link_log import LinkMethod
from labcrate.plan.choices import find_camera_keys
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key_in_session
from labcrate.plan.plan import NearMiss
from labcrate.plan.recordings import SessionCameras
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors, hard_link, hard_link_free_name

# A file system's clock may be ahead of the system's by so much.
_CLOCK_TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LinkedNearMiss:
    """A near miss that was linked to a session. Both paths are relative to the lab folder.

    ``target`` is the new path of the file, or the register that lists it.
    """

    session: str
    source: str
    target: str
    method: LinkMethod


def find_near_miss(near_misses: Iterable[NearMiss], session: str, file: str) -> NearMiss:
    """Return the near miss that a plan shows under this name. Raises RepairError if there is none, or more than one."""
    known = list(near_misses)
    # A remedy's command and the plan may print a name differently.
    alike = [n for n in known if file in (n.source, printable(n.path))]
    found = [n for n in known if n.path == file] or alike
    if not found:
        raise RepairError(Message("repair.no_near_miss", file=file, session=session, quoted=shlex.quote(session)))
    if len(found) > 1:
        raise RepairError(Message("repair.same_name", count=len(found), session=session, file=file))
    return found[0]


def check_is_mp4(near_miss: NearMiss) -> None:
    """Raise RepairError for a file that is no MP4. Only an MP4 made from it can be linked."""
    if near_miss.verdict.rule is Rule.NOT_MP4 or not near_miss.path.lower().endswith(".mp4"):
        remedy = near_miss.verdict.remedy or Message("repair.convert")
        raise RepairError(Message("repair.not_mp4", file=near_miss.source, remedy=remedy))


def move_near_miss(lab: LabFolder, session: str, folder: str, near_miss: NearMiss) -> LinkedNearMiss:
    """Move a near miss into the recordings of its session's ``folder``, under a free name.

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
        free_name = hard_link_free_name(source, target, opened)
        target.sync()  # write the new name to the disk before the old one is removed
        source.remove(opened)
    return LinkedNearMiss(session, near_miss.path, f"{folder}/{RECORDINGS}/{free_name}", LinkMethod.MOVE)


def undo_file_change(lab: LabFolder, link: LinkedNearMiss, when: datetime | None) -> None:
    """Move a linked file back, or remove the file that was made, for a link of the time ``when`` (None: a moment ago).

    Raises RepairError if a file could be lost: it is gone, another file, or changed since the link, or another file
    has its old path.
    """
    with (
        convert_os_errors(link.target),
        PathInOpenFolder(lab, link.target) as target,
        PathInOpenFolder(lab, link.source) as source,
    ):
        status = target.stat_regular_file()
        # The link set this time; every later change or replacement of the file sets it again.
        changed = when is not None and from_ns(status.st_ctime_ns) > when + _CLOCK_TOLERANCE
        if link.method is LinkMethod.REMUX:
            source.stat_regular_file()
            if changed:
                raise RepairError(Message("repair.made_file_changed", file=link.target))
        elif link.method is LinkMethod.HARD_LINK:
            if not source.is_same_file(status):
                raise RepairError(Message("repair.original_gone", original=link.source, file=link.target))
        else:
            if changed:
                raise RepairError(Message("repair.moved_file_changed", file=link.target, original=link.source))
            hard_link(target, source, source.name, status)
            source.sync()
        target.remove(status)


def is_already_undone(lab: LabFolder, link: LinkedNearMiss) -> bool:
    """Return whether a link is already undone: the file is at its old path, and there is none at the new one."""
    with suppress(OSError), PathInOpenFolder(lab, link.source) as source:
        source.stat_regular_file()
        try:
            lab.identity(link.target)
        except (FileNotFoundError, NotADirectoryError):
            return True
    return False


def find_camera_id(inventory: Inventory, session_id: str, word: str) -> str:
    """Return the id, for the session's register, of the camera with this id, name or prefix.

    An id in a register refers to a camera of the session's user first. Raises UsageError if there is no such camera,
    if there are several, and if the camera's id refers to another camera in this session.
    """
    session = inventory.session(session_id)
    cameras = SessionCameras.build(inventory, session)
    found = find_camera_keys(word, cameras)
    usable = [key for key in found if key == camera_key_in_session(inventory.cameras, session, cameras.by_key[key].id)]
    if not usable:
        camera = cameras.by_key[found[0]]
        raise UsageError(Message("repair.camera_id_in_use", camera=word, id=camera.id))
    exact = [key for key in usable if cameras.by_key[key].id == word]
    selected = [key for key in usable if key in cameras.selected]
    ids = dict.fromkeys(cameras.by_key[key].id for key in exact or selected or usable)
    if len(ids) > 1:
        raise UsageError(Message("repair.camera_ambiguous", word=word, ids=", ".join(ids)))
    return next(iter(ids))


def linkable_cameras(inventory: Inventory, session_id: str) -> list[Camera]:
    """Return the cameras, by id, that a link in a session can name: those that their id refers to there."""
    session = inventory.session(session_id)
    cameras = SessionCameras.build(inventory, session).by_key
    usable = [c for key, c in cameras.items() if key == camera_key_in_session(inventory.cameras, session, c.id)]
    return sorted(usable, key=lambda camera: id_sort_key(camera.id))
