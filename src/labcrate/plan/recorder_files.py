"""Check the recorders' files that ``labcrate link --by-time`` linked to a session: as they are now, or missing."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labcrate.lab.lab_files import LabFiles, display_path, recorder_path
from labcrate.lab.path_pattern import parse_recorder_path
from labcrate.lab.session_register import LinkedFile
from labcrate.linking.judgement import LINKED_ELSEWHERE
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.model.device import find_camera
from labcrate.model.fixity import Identity
from labcrate.model.lab_settings import Recorder
from labcrate.model.session import Session
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.linked_files import RecordingFile
from labcrate.plan.not_taken import NotTaken, NotTakenRule
from labcrate.plan.plan import Missing

MAX_NAMED_FILES = 12
"""The most missing files of a recorder that are listed one by one; more of them become one message."""

IsExcluded = Callable[[str], bool]


@dataclass(slots=True)
class RecorderFiles:
    """A session's files of recorders: those to pack, those that are missing, and those that the lab excludes."""

    found: list[RecordingFile] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    not_taken: list[NotTaken] = field(default_factory=list)


def recorder_entries(inventory: Inventory, session_id: str) -> tuple[LinkedFile, ...]:
    """Return the entries of a session's own register that are files of recorders."""
    register = inventory.own_registers.get(session_id)
    return tuple(one for one in register.files if one.folder) if register else ()


def check_recorder_files(
    inventory: Inventory, session: Session, is_excluded: IsExcluded = lambda _: False
) -> RecorderFiles:
    """Compare a session's files of recorders with the disk: each must be unchanged since it was linked."""
    files = RecorderFiles()
    entries = defaultdict[str, list[LinkedFile]](list)
    for entry in recorder_entries(inventory, session.id):
        entries[entry.folder].append(entry)
    if not entries:
        return files
    verdicts = _VerdictCache(inventory, session)
    recorders = {recorder.name: recorder for recorder in inventory.settings.recorders}
    for name, linked in entries.items():
        if reason := _why_unavailable(name, recorders.get(name), inventory.files):
            files.missing.append(Missing(_name_of_files(linked), *reason))
            continue
        lab_path = _path_in_lab(inventory.recorder_folders[name], inventory.lab.root)
        excluded_files = {one.file for one in linked if lab_path is not None and is_excluded(f"{lab_path}{one.file}")}
        files.not_taken += [
            NotTaken(recorder_path(name, file), NotTakenRule.EXCLUDED) for file in sorted(excluded_files)
        ]
        remaining = [one for one in linked if one.file not in excluded_files]
        _check_files(files, recorders[name], inventory.files, remaining, verdicts)
    return files


def _check_files(
    files: RecorderFiles,
    recorder: Recorder,
    lab_files: LabFiles,
    entries: Sequence[LinkedFile],
    verdicts: "_VerdictCache",
) -> None:
    """Add the files of one recorder, or those of them that are missing."""
    failed = defaultdict[tuple[str, str], list[LinkedFile]](list)
    for entry, state in zip(entries, lab_files.identities(recorder.name, [one.file for one in entries]), strict=True):
        if reason := _why_not_packed(recorder, entry, state, verdicts.session):
            failed[reason].append(entry)
        elif isinstance(state, Identity):
            files.found.append(RecordingFile(recorder_path(recorder.name, entry.file), state, verdicts.of(entry)))
    for reason, same_reason in failed.items():
        files.missing += _missing(same_reason, *reason)


def _why_unavailable(name: str, recorder: Recorder | None, files: LabFiles) -> tuple[str, str] | None:
    """Return why a recorder cannot be read, with the remedy, or None if it can."""
    if recorder is None:
        return Message("recorder.unknown", name=name), Message("recorder.unknown.remedy", name=name)
    if name not in files.folders:
        return Message("recorder.not_allowed", name=name), Message("recorder.not_allowed.remedy", name=name)
    if not files.has_folder(name):
        return Message("recorder.no_folder", name=name), Message("recorder.no_folder.remedy", name=name)
    return None


def _why_not_packed(
    recorder: Recorder, entry: LinkedFile, state: Identity | OSError, session: str
) -> tuple[str, str] | None:
    """Return why the file of an entry cannot be packed, with the remedy, or None if it is unchanged."""
    if parse_recorder_path(recorder.pattern, entry.file) is None:
        return Message("recorder.other_pattern"), Message("recorder.other_pattern.remedy", name=recorder.name)
    if isinstance(state, FileNotFoundError):
        return Message("recorder.gone"), Message("recorder.gone.remedy", session=session)
    if isinstance(state, OSError):
        return Message("recorder.unreadable", why=state.strerror or ""), Message("recorder.unreadable.remedy")
    if (state.size_bytes, state.mtime_ns) != (entry.size_bytes, entry.modified_ns):
        return Message("recorder.changed"), Message("recorder.changed.remedy", session=session)
    return None


def _missing(entries: Sequence[LinkedFile], why: str, remedy: str) -> Iterator[Missing]:
    """Yield the files that are missing for one reason, as one entry if there are many.

    Recorders delete thousands of old files at a time.
    """
    if len(entries) > MAX_NAMED_FILES:
        yield Missing(_name_of_files(entries), why, remedy)
        return
    for entry in entries:
        yield Missing(display_path(recorder_path(entry.folder, entry.file)), why, remedy)


def _name_of_files(entries: Sequence[LinkedFile]) -> str:
    """Return the name of several files: ``nvr: 2025-05-02/07/kitchen/30.00.mp4 and 2,879 more``."""
    first = min(entries, key=lambda entry: entry.file)
    named = display_path(recorder_path(first.folder, first.file))
    return Message("recorder.files", first=named, more=len(entries) - 1) if len(entries) > 1 else named


def _path_in_lab(folder: Path, root: Path) -> str | None:
    """Return the path of a recorder's folder in the lab, with a slash at its end, or None if it is outside."""
    if not folder.is_relative_to(root):
        return None
    below = folder.relative_to(root).as_posix()
    return "" if below == "." else f"{below}/"


class _VerdictCache:
    """The verdicts on a session's files of recorders; thousands of files share a few."""

    def __init__(self, inventory: Inventory, session: Session) -> None:
        self._cameras, self._session = inventory.cameras, session
        self._others = linked_elsewhere(inventory, session.id)
        self._known: dict[tuple[str | None, tuple[str, ...]], Verdict] = {}

    @property
    def session(self) -> str:
        """Return the session's id quoted for a shell."""
        return shlex.quote(self._session.id)

    def of(self, entry: LinkedFile) -> Verdict:
        """Return the verdict on one file. Its warning does not name the other session."""
        others = tuple(self._others.get((entry.folder, entry.file), ()))
        key = entry.camera_id, others
        if key not in self._known:
            self._known[key] = Verdict(
                VerdictKind.LINKED,
                Rule.REGISTER,
                Message("recorder.linked", session=self._session.id),
                warning=LINKED_ELSEWHERE if others else None,
                camera=self._camera(entry.camera_id),
                also_linked_to=others,
            )
        return self._known[key]

    def _camera(self, camera_id: str | None) -> str | None:
        if camera_id is None:
            return None
        known = find_camera(self._cameras, camera_id, self._session.user)
        return camera_key(known) if known else f"{camera_id}@selection"


def linked_elsewhere(inventory: Inventory, session_id: str) -> Mapping[tuple[str, str], list[str]]:
    """Return the other sessions to which recorders' files of a session are linked, by folder and file."""
    own = {(entry.folder, entry.file) for entry in recorder_entries(inventory, session_id)}
    others: dict[tuple[str, str], list[str]] = defaultdict(list)
    for other in inventory.own_registers if own else ():
        for entry in recorder_entries(inventory, other) if other != session_id else ():
            if (entry.folder, entry.file) in own:
                others[entry.folder, entry.file].append(other)
    return others


def recorder_paths(inventory: Inventory, session_ids: Iterable[str]) -> Iterator[tuple[str, LinkedFile]]:
    """Yield path and entry of sessions' files on recorders whose folders may be read, so that they are indexed."""
    for session_id in session_ids:
        for entry in recorder_entries(inventory, session_id):
            if entry.folder in inventory.recorder_folders:
                yield recorder_path(entry.folder, entry.file), entry
