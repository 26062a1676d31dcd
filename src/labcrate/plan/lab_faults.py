"""What faults of the lab's files mean for one session: what may be missing of it, and what is worth knowing.

A file of cameras, devices or recordings that cannot be read leaves open what belongs to the session and what its
files must not show, so a plan without it is never complete. Nothing here names another session or its files: a plan's
warnings stand in archives.
"""

from collections.abc import Iterator

from labcrate.errors import DocumentError
from labcrate.lab.documents import CAMERAS_FILE, DEVICES
from labcrate.lab.folder import SESSIONS, printable
from labcrate.lab.registers import REGISTER_FILE
from labcrate.model.message import Message
from labcrate.plan.inventory import Inventory
from labcrate.plan.options import Only, Options
from labcrate.plan.plan import Missing

_THEN = "Then export again."


def lab_faults_missing(inventory: Inventory, session_id: str, options: Options) -> Iterator[Missing]:
    """Yield the files of which nothing could be read, although they may tell what belongs to the session."""
    for error in _of_session(inventory, session_id):
        if _hides(error, options):
            file = printable(error.file)
            place = f"{file}, {error.where}" if error.where else file
            yield Missing(place, error.problem.rstrip("."), _THEN)


def lab_faults_warnings(inventory: Inventory, session_id: str, options: Options) -> Iterator[str]:
    """Yield every other fault that may concern the session."""
    for error in _of_session(inventory, session_id):
        if not _hides(error, options):
            yield str(error)
    for error in inventory.book.unreadable:
        yield Message("session.list_unread", error=(str(error),))


def files_not_read(inventory: Inventory, session_id: str) -> Iterator[str]:
    """Yield the printable paths of files that could not be read for secrets; of other sessions' folders none."""
    folder = inventory.folder(session_id)
    for error in inventory.secrets.problems:
        if not error.file.startswith(f"{SESSIONS}/") or (folder and error.file.startswith(f"{folder}/")):
            yield printable(error.file)


def _of_session(inventory: Inventory, session_id: str) -> Iterator[DocumentError]:
    registers = inventory.own_registers.items()
    others = [error for one, register in registers if one != session_id for error in register.problems]
    known = {str(inventory.cleaner.error(error)) for error in (*inventory.book.problems, *others)}
    yield from (error for error in inventory.problems if str(error) not in known)


def _hides(error: DocumentError, options: Options) -> bool:
    """Whether it could change what was chosen of the session: of most files only if nothing of them could be read."""
    if error.where.startswith("key ") and not error.file.startswith(f"{SESSIONS}/"):
        return False  # an entry; in the session's own register it is a recording that was linked
    name = error.file.rpartition("/")[2]
    if name in (CAMERAS_FILE, REGISTER_FILE):
        return options.only is not Only.SENSORS
    return error.file != DEVICES or options.only is not Only.RECORDINGS
