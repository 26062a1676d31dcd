"""Link recorders' files to a session, and undo it: entries in the session's register, one line in the log of links."""

from collections.abc import Sequence

from labcrate.errors import LabcrateError
from labcrate.lab.folder import SESSION_FOLDER_PREFIX, SESSIONS, LabFolder
from labcrate.lab.session_register import LinkedFile, register_path
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant
from labcrate.people.link_log import Link, LinkLog, LinkMethod
from labcrate.plan.recorder_search import CandidateFile
from labcrate.repair.register_file import add_entries, lock_links, remove_entries


def link_by_time(lab: LabFolder, log: LinkLog, session_id: str, files: Sequence[CandidateFile], who: str) -> Link:
    """Add recorders' files to a session's register, and a line to the log. Raises RepairError, PeopleError.

    The entries have the time of the log's line, by which ``undo_by_time`` finds them.
    """
    folder = session_folder_path(lab, session_id)
    recorders = list(dict.fromkeys(one.recorder for one in files))
    source = Message("link.recordings", recorders=", ".join(recorders), count=len(files))
    with lock_links(lab):
        number = log.add(
            who=who, session=session_id, source=source, target=register_path(folder), method=LinkMethod.BY_TIME
        )
        made = log.get(number)
        try:
            add_entries(lab, folder, [_register_entry(one, made) for one in files])
        except LabcrateError:
            log.mark_undone(number, who)
            raise
        return made


def undo_by_time(lab: LabFolder, log: LinkLog, made: Link, who: str) -> Link:
    """Remove the entries of a link from the session's register. Call it inside ``lock_links``.

    Raises RepairError, PeopleError.
    """
    folder, at = session_folder_path(lab, made.session), format_instant(made.linked)
    remove_entries(lab, folder, lambda one: bool(one.get("folder")) and one.get("linkedAt") == at)
    log.mark_undone(made.number, who)
    return log.get(made.number)


def session_folder_path(lab: LabFolder, session_id: str) -> str:
    """Return the path of a session's own folder, spelled as on the disk if it exists."""
    return lab.session_folders().get(session_id, f"{SESSIONS}/{SESSION_FOLDER_PREFIX}{session_id}")


def _register_entry(one: CandidateFile, made: Link) -> LinkedFile:
    camera = one.camera.id if one.camera else None
    return LinkedFile(one.recorder, one.file, one.identity.size_bytes, one.identity.mtime_ns, camera, made.linked)
