"""Links near misses to a session for somebody, each with its line in the log of links, and takes links back.

What the command line and the server do. A file that is linked in its place gets an entry in the register of the
session's own folder; a moved one lies in that folder, as does an MP4 that was made of a video.
"""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from labcrate.errors import LabcrateError, NotFoundError, PeopleError, RepairError
from labcrate.lab.folder import RECORDINGS, LabFolder
from labcrate.lab.session_register import LinkedFile, read_session_register, register_path
from labcrate.linking.resolve import entry_would_link
from labcrate.linking.verdict import Rule
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.timespan import format_instant
from labcrate.people.link_log import Link, LinkLog
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key, camera_key_in_session
from labcrate.plan.plan import NearMiss
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors
from labcrate.repair.link_by_time import BY_TIME_METHOD, undo_by_time
from labcrate.repair.near_misses import (
    LinkedNearMiss,
    LinkMethod,
    check_is_mp4,
    find_camera_id,
    find_near_miss,
    is_already_undone,
    move_near_miss,
    undo_file_change,
)
from labcrate.repair.register_file import add_entries, is_entry_of, lock_links, remove_entries
from labcrate.repair.remux_files import make_mp4
from labcrate.video.containers import container_of


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A near miss that can be linked: how, and the id of the camera that it is said to be of."""

    session: str
    near_miss: NearMiss
    method: LinkMethod
    camera_id: str | None = None


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A link that was made; ``left_out`` is the codec of the sound that did not fit into the MP4 that was made."""

    link: Link
    left_out: str | None = None


def check_link_requests(
    inventory: Inventory,
    near_misses: Iterable[NearMiss],
    *,
    session: str,
    files: Sequence[str],
    method: LinkMethod,
    camera: str | None = None,
) -> list[LinkRequest]:
    """Look each file up among a plan's near misses, and see that it can be linked so; nothing is changed.

    ``camera`` is an id, name or prefix. Raises RepairError, one line for each file that cannot be, and UsageError for
    a camera that there is not.
    """
    known = list(near_misses)
    requests: dict[str, LinkRequest] = {}
    problems: list[str] = []
    for file in files:
        try:
            request = LinkRequest(session, _resolve_near_miss(inventory, known, session, file), method)
            _check_linkable(inventory, request)
            requests[request.near_miss.path] = request
        except RepairError as error:
            problems.append(str(error))
    if problems:
        nothing = ["Nothing was linked."] if len(files) > 1 else []
        raise RepairError("\n".join([*dict.fromkeys(problems), *nothing]))
    camera_id = None if camera is None else find_camera_id(inventory, session, camera)
    return [
        replace(request, camera_id=camera_id or _camera_by_name(inventory, request)) for request in requests.values()
    ]


def _camera_by_name(inventory: Inventory, request: LinkRequest) -> str | None:
    """Return the id of the camera whose name stands in a near miss's name where its prefix should."""
    verdict = request.near_miss.verdict
    if verdict.rule is not Rule.UNKNOWN_PREFIX or verdict.prefix is not None or verdict.camera is None:
        return None
    session = inventory.session(request.session)
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}
    camera_id = ids.get(verdict.camera)
    meant = camera_id is not None and camera_key_in_session(inventory.cameras, session, camera_id) == verdict.camera
    return camera_id if meant else None


def _resolve_near_miss(inventory: Inventory, known: Sequence[NearMiss], session: str, file: str) -> NearMiss:
    """Return the near miss of this name. Raises RepairError, which says what the file is, if it is none."""
    try:
        return find_near_miss(known, session, file)
    except RepairError:
        shown = printable(file)
        if any(file in (entry.path, printable(entry.path)) for entry in inventory.linked.get(session, ())):
            raise RepairError(f"{shown} belongs to session {session} already; there is nothing to link.") from None
        if not file or file.startswith("/") or ".." in file.split("/"):
            raise  # what lies outside the lab, nobody is told
        if _exists(inventory.lab, file):
            raise
        raise RepairError(
            f"{shown} is no near miss of session {session}: there is no such file in the lab folder. Name one as "
            f"'labcrate plan {shlex.quote(session)}' lists it."
        ) from None


def _exists(lab: LabFolder, file: str) -> bool:
    try:
        lab.identity(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True  # as far as anybody can tell
    return True


def _check_linkable(inventory: Inventory, request: LinkRequest) -> None:
    """Raise RepairError for a file that would not be the session's afterwards, with what would help."""
    near, path = request.near_miss, request.near_miss.path
    if request.method is LinkMethod.REMUX:
        if container_of(path) is None or path.lower().endswith(".mp4"):
            raise RepairError(f"{near.source} is no video of another container; link it without --remux.")
        return
    check_is_mp4(near)
    if request.method is LinkMethod.ENTRY and not entry_would_link(path, request.session, inventory.rules):
        raise RepairError(
            f"{near.source} cannot be linked to session {request.session} where it lies: {near.verdict.reason}. If it "
            "is this session's, move it into the session's folder with --move."
        )


def create_link(inventory: Inventory, log: LinkLog, request: LinkRequest, *, who: str) -> LinkResult:
    """Have a near miss belong to the session, and write that down.

    Raises RepairError; PeopleError when it cannot be written down, and then nothing is linked.
    """
    lab, folder, near = inventory.lab, inventory.folder(request.session), request.near_miss
    if request.method is LinkMethod.REMUX:
        made = make_mp4(lab, near.path, f"{folder}/{RECORDINGS}")  # it may take long, and keeps nobody else waiting
        entry = _register_entry(made.path, made.identity, request, made_from=near.path, left_out=made.left_out)
        with lock_links(lab):
            done = LinkedNearMiss(request.session, near.path, made.path, LinkMethod.REMUX)
            return LinkResult(_record_link(lab, folder, log, done, entry, who), made.left_out)
    with lock_links(lab):
        if request.method is LinkMethod.ENTRY:
            return LinkResult(_link_in_place(lab, folder, log, request, who))
        done = move_near_miss(lab, request.session, folder, near)
        moved = _register_entry(done.target, lab.identity(done.target), request) if request.camera_id else None
        return LinkResult(_record_link(lab, folder, log, done, moved, who))


def _link_in_place(lab: LabFolder, folder: str, log: LinkLog, request: LinkRequest, who: str) -> Link:
    """Write a file into the session's register; the line in the log comes first, so that no link is without one."""
    path, register = request.near_miss.path, register_path(folder)
    with convert_os_errors(path), PathInOpenFolder(lab, path) as place:
        identity = Identity.of(place.stat_regular_file())
    now = (identity.size_bytes, identity.mtime_ns)
    for one in read_session_register(lab, folder).files:
        if (one.folder, one.file, one.size_bytes, one.modified_ns) == ("", path, *now):
            raise RepairError(f"{printable(path)} was linked to this session before: its own register lists it.")
    number = log.add(who=who, session=request.session, source=path, target=register, method=request.method)
    link = log.get(number)
    try:
        entry = LinkedFile("", path, *now, camera_id=request.camera_id, linked_at=link.linked)
        add_entries(lab, folder, [entry])
    except BaseException:
        log.mark_undone(number, who)
        raise
    return link


def _register_entry(
    path: str, identity: Identity, request: LinkRequest, *, made_from: str | None = None, left_out: str | None = None
) -> LinkedFile:
    return LinkedFile(
        "",
        path,
        identity.size_bytes,
        identity.mtime_ns,
        camera_id=request.camera_id,
        made_from=made_from,
        left_out=left_out,
    )


def _record_link(
    lab: LabFolder, folder: str, log: LinkLog, done: LinkedNearMiss, entry: LinkedFile | None, who: str
) -> Link:
    """Write down what was done to a file; where that fails, nothing was done."""
    try:
        if entry:
            add_entries(lab, folder, [entry])
        try:
            number = log.add(who=who, session=done.session, source=done.source, target=done.target, method=done.method)
            return log.get(number)
        except PeopleError:
            if entry:
                remove_entries(lab, folder, lambda one: is_entry_of(one, done.target))
            raise
    except LabcrateError:
        undo_file_change(lab, done, None)
        raise


def undo_logged_link(lab: LabFolder, log: LinkLog, *, session: str, number: int, who: str) -> Link:
    """Undo one of a session's links, and write that down. Raises NotFoundError, RepairError, PeopleError."""
    with lock_links(lab):
        made = next((link for link in log.lines(session) if link.number == number), None)
        if made is None:  # of another session or of none: who asks for this one hears no more
            raise NotFoundError(
                f"There is no link {number} of session {session}; the list of a session's links tells their numbers."
            )
        if made.undone is not None:
            raise RepairError(f"Link {number} was taken back already, by {made.undone_by}.")
        if made.method == BY_TIME_METHOD:
            return undo_by_time(lab, log, made, who)
        done = LinkedNearMiss(session, made.source, made.target, LinkMethod(made.method))
        if done.method is LinkMethod.ENTRY:
            at = format_instant(made.linked)
            folder = done.target.rpartition("/")[0]
            remove_entries(lab, folder, lambda one: is_entry_of(one, done.source) and one.get("linkedAt") == at)
        else:
            if not is_already_undone(lab, done):  # by hand, or where it could not be written down (a full disk)
                undo_file_change(lab, done, made.linked)
            with suppress(RepairError):  # a register that labcrate did not write has no entry of it
                folder = "/".join(done.target.split("/")[:2])
                remove_entries(lab, folder, lambda one: is_entry_of(one, done.target))
        log.mark_undone(number, who)
        return log.get(number)
