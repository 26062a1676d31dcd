"""Findings about the whole lab: settings, invalid documents, folder names, registers, prefixes."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.errors import DocumentError
from labcrate.lab.device_files import read_all_cameras
from labcrate.lab.exclude import ExcludePatterns
from labcrate.lab.folder import SESSION_FOLDER_PREFIX, SESSIONS, EntryKind
from labcrate.lab.recorders import SETTINGS_FILE
from labcrate.linking.filename import base_name, to_nfc
from labcrate.linking.location import Area, locate_path
from labcrate.linking.prefixes import Prefix
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import ID_RULE
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key


def settings_findings(inventory: Inventory, problem: DocumentError | None) -> Iterator[LabFinding]:
    """Yield the error in ``labcrate.toml`` (``problem``), or that the file is missing."""
    if problem is not None:
        yield LabFinding(
            FindingKind.SETTINGS,
            Severity.PROBLEM,
            str(problem),
            Message("doctor.settings.remedy"),
            places=(_place_of_error(problem),),
        )
    elif not os.path.lexists(inventory.lab.root / SETTINGS_FILE):
        yield LabFinding(
            FindingKind.SETTINGS,
            Severity.HINT,
            Message("doctor.settings.none"),
            Message("doctor.settings.init"),
            command=("labcrate", "init"),
        )


def document_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield each file, entry and ID that was refused.

    Descriptions of sessions that cannot be used are findings of their session.
    """
    misnamed = {printable(path) for path in inventory.lab.misnamed_session_folders()}
    for error in dict.fromkeys(inventory.problems):
        if error.file in misnamed:
            kind, remedy = FindingKind.FOLDER_NAME, "doctor.folder.remedy"
        elif ID_RULE in error.problem:
            kind, remedy = FindingKind.REFUSED_ID, "doctor.id.remedy"
        else:
            kind, remedy = FindingKind.DOCUMENT, "doctor.document.remedy"
        yield LabFinding(kind, Severity.PROBLEM, str(error), Message(remedy), places=(_place_of_error(error),))


def broken_session_findings(inventory: Inventory, session_id: str) -> Iterator[LabFinding]:
    """Yield the error in the description of a session that cannot be used."""
    if error := inventory.book.broken.get(session_id):
        kind = FindingKind.REFUSED_ID if ID_RULE in error.problem else FindingKind.DOCUMENT
        remedy = Message("doctor.document.remedy")
        yield LabFinding(kind, Severity.PROBLEM, str(error), remedy, session_id, places=(_place_of_error(error),))


def folder_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield the folders in ``sessions/`` whose name is nearly that of a session's own folder."""
    for name in unassigned_folders(inventory):
        place = locate_path(f"{SESSIONS}/{name}/file", inventory.rules.ids)
        if place.area is Area.MISSPELT:
            right = _list_alternatives([f"{SESSIONS}/{SESSION_FOLDER_PREFIX}{one}" for one in place.sessions])
            yield LabFinding(
                FindingKind.FOLDER_NAME,
                Severity.PROBLEM,
                Message("doctor.folder.misspelt", folder=printable(f"{SESSIONS}/{name}"), right=right),
                Message("doctor.folder.rename", right=right),
                place.sessions[0] if len(place.sessions) == 1 else None,
                places=(printable(f"{SESSIONS}/{name}/"),),
            )


def _list_alternatives(names: Sequence[str]) -> str:
    """Return names as "a or b or c"."""
    text = names[0]
    for name in names[1:]:
        text = Message("doctor.folder.or", first=text, second=name)
    return text


def unassigned_folders(inventory: Inventory) -> list[str]:
    """Return the sorted names of the folders in ``sessions/`` that belong to no session."""
    if inventory.lab.unreadable_sessions_folder():
        return []
    own = {path.rpartition("/")[2] for path in inventory.book.folders.values()}
    refused = {path.rpartition("/")[2] for path in inventory.lab.misnamed_session_folders()}
    try:
        with os.scandir(inventory.lab.root / SESSIONS) as listing:
            found = [entry.name for entry in listing if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []  # there is none; an unreadable folder is among the problems
    return sorted(name for name in found if name not in own | refused and not name.startswith("."))


def register_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield the register entries that are used for no file."""
    uncounted = inventory.rules.register.ambiguous_names
    if uncounted:
        yield LabFinding(
            FindingKind.REGISTER,
            Severity.WARNING,
            Message("doctor.register.shared", count=len(uncounted)),
            Message("doctor.register.shared_remedy"),
            command=("labcrate", "index"),
            places=tuple(map(printable, uncounted)),
            count=len(uncounted),
        )
    there = {
        to_nfc(base_name(entry.path))
        for entries in (inventory.unlinked, *inventory.linked.values())
        for entry in entries
    }
    gone = defaultdict(list)
    for entry in inventory.registers.recordings:
        if to_nfc(entry.name) not in there:
            gone[entry.file].append(f"{entry.file}, key {entry.key}: {printable(entry.name)}")
    for file, places in gone.items():
        what = Message("doctor.register.gone", file=file, count=len(places))
        remedy = Message("doctor.register.gone_remedy")
        yield LabFinding(FindingKind.REGISTER, Severity.HINT, what, remedy, places=tuple(places), count=len(places))


def unknown_camera_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield the camera IDs in ``labcrate.toml`` that the lab does not have; most are misspelt."""
    settings = inventory.settings
    listed = {camera.id for camera in read_all_cameras(inventory.lab, inventory.cleaner.camera_cleaning)[0]}
    listed.update(camera.id for session in inventory.book.sessions.values() for camera in session.cameras)
    entries = [(f"cameras.{one}", one) for one in settings.cameras if listed and one not in listed]
    known = listed | settings.cameras.keys()
    for recorder in settings.recorders:
        where = f"recorder {recorder.name}: cameras"
        entries += [(f"{where}.{word}", one) for word, one in recorder.cameras.items() if one not in known]
    for key, one in entries:
        near = get_close_matches(one, sorted(listed), n=1)
        yield LabFinding(
            FindingKind.SETTINGS,
            Severity.WARNING,
            Message("doctor.settings.camera", key=printable(key), camera=printable(one)),
            Message("doctor.settings.camera_near", near=printable(near[0]))
            if near
            else Message("doctor.settings.camera_remedy", known=", ".join(map(printable, sorted(listed))) or "-"),
            places=(printable(f"{SETTINGS_FILE}, key {key}"),),
        )


def recorder_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield the recorders whose folder does not exist; those whose folder may not be read are left out."""
    for recorder in inventory.settings.recorders:
        folder = inventory.recorder_folders.get(recorder.name)
        if folder is not None and not folder.is_dir():
            name = printable(recorder.name)
            yield LabFinding(
                FindingKind.SETTINGS,
                Severity.WARNING,
                Message("doctor.settings.recorder", name=name),
                Message("recorder.no_folder.remedy", name=name),
                places=(f"{SETTINGS_FILE}, recorder {name}: folder",),
            )


def prefix_findings(inventory: Inventory) -> Iterator[LabFinding]:
    """Yield the prefixes that several cameras have, so that a name does not show which camera recorded it."""
    prefixes = inventory.rules.prefixes
    shared: dict[str, Prefix] = {}
    for table in (prefixes.lab, *prefixes.selections.values()):
        for folded, prefix in table.items():
            if len(prefix.cameras) > 1:
                shared.setdefault(folded, prefix)
    names = {camera_key(camera): camera.name for camera in inventory.cameras}
    for prefix in shared.values():
        cameras = tuple(
            f"{printable(names.get(camera.key) or camera.id)} ({printable(camera.key.removesuffix('@'))})"
            for camera in prefix.cameras
        )
        yield LabFinding(
            FindingKind.PREFIX,
            Severity.WARNING,
            Message("doctor.prefix.shared", prefix=printable(prefix.text), names=", ".join(cameras)),
            Message("doctor.prefix.remedy"),
            places=cameras,
            count=len(cameras),
        )


def exclude_findings(inventory: Inventory, own_files: Mapping[str, Sequence[str]]) -> Iterator[LabFinding]:
    """Yield the patterns of ``exclude`` that match no file; ``own_files`` are the paths in sessions' own folders."""
    entries = [entry for group in (inventory.unlinked, *inventory.linked.values()) for entry in group]
    paths = [entry.path if entry.kind is EntryKind.FILE else f"{entry.path}/" for entry in entries]
    for pattern in inventory.settings.exclude:
        excluded = ExcludePatterns((pattern.removeprefix("!"),))
        if not any(map(excluded.matches, paths)) and not _excludes_any(excluded, own_files.values()):
            yield LabFinding(
                FindingKind.EXCLUDE,
                Severity.HINT,
                Message("doctor.exclude.nothing", pattern=printable(pattern)),
                Message("doctor.exclude.remedy"),
                places=(f"{SETTINGS_FILE}, key exclude",),
            )


def _excludes_any(excluded: ExcludePatterns, groups: Iterable[Sequence[str]]) -> bool:
    return any(excluded.matches(path) for group in groups for path in group)


def _place_of_error(error: DocumentError) -> str:
    return f"{printable(error.file)}, {error.where}" if error.where else printable(error.file)
