"""Link near misses to a session, each with a line in the log of links, and undo links.

The command line and the server use it. A file that is linked in place gets an entry in the register of the session's
own folder. A moved file, or an MP4 made from another video, is in that folder.
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
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.timespan import format_instant
from labcrate.people.link_log import Link, LinkLog, LinkMethod
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key, camera_key_in_session
from labcrate.plan.plan import NearMiss
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors
from labcrate.repair.link_by_time import undo_by_time
from labcrate.repair.near_misses import (
    LinkedNearMiss,
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
    """A near miss to be linked to a session: how, and as whose camera's recording (its id)."""

    session: str
    near_miss: NearMiss
    method: LinkMethod
    camera_id: str | None = None


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A link that was created; ``left_out`` is the codec of the sound that the new MP4 cannot hold."""

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
    """Find each file among a plan's near misses, check that it can be linked, and return the requests; change nothing.

    ``camera`` is an id, name or prefix. Raises RepairError with a line for each file that cannot be linked, and
    UsageError for an unknown camera.
    """
    known = list(near_misses)
    requests: dict[str, LinkRequest] = {}
    problems: list[Message] = []
    for file in files:
        try:
            request = LinkRequest(session, _resolve_near_miss(inventory, known, session, file), method)
            _check_linkable(inventory, request)
            requests[request.near_miss.path] = request
        except RepairError as error:
            problems.append(error.message)
    if problems:
        nothing = [Message("repair.nothing_linked")] if len(files) > 1 else []
        raise RepairError(join_lines([*dict.fromkeys(problems), *nothing]))
    camera_id = None if camera is None else find_camera_id(inventory, session, camera)
    return [
        replace(request, camera_id=camera_id or _camera_by_name(inventory, request)) for request in requests.values()
    ]


def _camera_by_name(inventory: Inventory, request: LinkRequest) -> str | None:
    """Return the id of the camera whose name a near miss's name has in place of the prefix, if there is one."""
    verdict = request.near_miss.verdict
    if verdict.rule is not Rule.UNKNOWN_PREFIX or verdict.prefix is not None or verdict.camera is None:
        return None
    session = inventory.session(request.session)
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}
    camera_id = ids.get(verdict.camera)
    matches = camera_id is not None and camera_key_in_session(inventory.cameras, session, camera_id) == verdict.camera
    return camera_id if matches else None


def _resolve_near_miss(inventory: Inventory, known: Sequence[NearMiss], session: str, file: str) -> NearMiss:
    """Return the near miss with this name. Raises RepairError, with what is known about the file."""
    try:
        return find_near_miss(known, session, file)
    except RepairError:
        if any(file in (entry.path, printable(entry.path)) for entry in inventory.linked.get(session, ())):
            raise RepairError(Message("repair.already_linked", file=file, session=session)) from None
        if not file or file.startswith("/") or ".." in file.split("/"):
            raise  # do not reveal which files exist outside the lab
        if _exists(inventory.lab, file):
            raise
        raise RepairError(
            Message("repair.no_such_file", file=file, session=session, quoted=shlex.quote(session))
        ) from None


def _exists(lab: LabFolder, file: str) -> bool:
    try:
        lab.identity(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True  # it cannot be excluded
    return True


def _check_linkable(inventory: Inventory, request: LinkRequest) -> None:
    """Raise RepairError, with the remedy, for a file that would not belong to the session afterwards."""
    near, path = request.near_miss, request.near_miss.path
    if request.method is LinkMethod.REMUX:
        if container_of(path) is None or path.lower().endswith(".mp4"):
            raise RepairError(Message("repair.not_other_container", file=near.source))
        return
    check_is_mp4(near)
    if request.method is LinkMethod.ENTRY and not entry_would_link(path, request.session, inventory.rules):
        raise RepairError(
            Message("repair.not_in_place", file=near.source, session=request.session, reason=near.verdict.reason)
        )


def create_link(inventory: Inventory, log: LinkLog, request: LinkRequest, *, who: str) -> LinkResult:
    """Link a near miss to its session, and add a line to the log.

    Raises RepairError, and PeopleError if the log cannot be written. Then nothing is linked.
    """
    lab, folder, near = inventory.lab, inventory.folder(request.session), request.near_miss
    if request.method is LinkMethod.REMUX:
        made = make_mp4(lab, near.path, f"{folder}/{RECORDINGS}")  # outside the lock, since it may take long
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
    """Add a file to the session's register. The log is written first, so that every link has a line."""
    path, register = request.near_miss.path, register_path(folder)
    with convert_os_errors(path), PathInOpenFolder(lab, path) as place:
        identity = Identity.of(place.stat_regular_file())
    now = (identity.size_bytes, identity.mtime_ns)
    for one in read_session_register(lab, folder).files:
        if (one.folder, one.file, one.size_bytes, one.modified_ns) == ("", path, *now):
            raise RepairError(Message("repair.in_register", file=path))
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
    """Write the register and the log for a moved or new file. If that fails, undo the change."""
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
    """Undo one of a session's links, and record it in the log. Raises NotFoundError, RepairError, PeopleError."""
    with lock_links(lab):
        made = next((link for link in log.lines(session) if link.number == number), None)
        if made is None:  # do not reveal whether another session has it
            raise NotFoundError(Message("link.not_found_in_session", number=str(number), session=session))
        if made.undone is not None:
            raise RepairError(Message("link.already_undone", number=str(number), who=made.undone_by))
        if made.method == LinkMethod.BY_TIME:
            return undo_by_time(lab, log, made, who)
        done = LinkedNearMiss(session, made.source, made.target, LinkMethod(made.method))
        if done.method is LinkMethod.ENTRY:
            at = format_instant(made.linked)
            folder = done.target.rpartition("/")[0]
            remove_entries(lab, folder, lambda one: is_entry_of(one, done.source) and one.get("linkedAt") == at)
        else:
            if not is_already_undone(lab, done):  # undone by hand, or the log could not be written then (disk full)
                undo_file_change(lab, done, made.linked)
            with suppress(RepairError):  # a register that labcrate did not write has no such entry
                folder = "/".join(done.target.split("/")[:2])
                remove_entries(lab, folder, lambda one: is_entry_of(one, done.target))
        log.mark_undone(number, who)
        return log.get(number)


def join_lines(lines: Sequence[Message]) -> Message:
    """Return messages as one, each on a line of its own. There must be at least one."""
    if len(lines) == 1:
        return lines[0]
    half = len(lines) // 2  # halves, so that many lines do not nest deeply
    return Message("repair.lines", first=join_lines(lines[:half]), rest=join_lines(lines[half:]))
