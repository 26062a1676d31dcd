"""Sort the files of a session's own folder: what is exported, and what stays out by which rule.

See docs/reference/lab-folder.md, "A session" and "What is never taken".
"""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace

from labcrate.lab.folder import RECORDINGS, SENSOR_DATA, EntryKind, FolderEntry
from labcrate.linking.judgement import judge_file
from labcrate.linking.location import session_folder
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.session import Session
from labcrate.plan import member_names as names
from labcrate.plan.inventory import Inventory
from labcrate.plan.linked_files import LinkingResult, RecordingFile
from labcrate.plan.member_names import UniqueNames
from labcrate.plan.not_taken import NotTaken, NotTakenRule, not_taken_rule
from labcrate.plan.own_archives import is_own_archive, is_own_signature
from labcrate.plan.plan import FileKind, Missing, SessionFile
from labcrate.video.containers import container_of

IsExcluded = Callable[[str], bool]
"""Says whether the lab excludes a path (relative to the lab folder) from every archive."""

SIDECAR = "-sensors.json"
"""The end of the name of the sensor data that the platform writes next to a recording."""

_GENERATED_NAMES = tuple(
    name.rpartition("/")[2] for name in (names.SENSOR_JSON, names.SENSOR_CSV, names.SENSOR_PARQUET)
)


@dataclass(slots=True)
class SessionFolderFiles:
    """The files that belong to a session; ``recordings`` are all that are linked, in its own folder and elsewhere.

    ``missing_recordings`` and ``missing_files`` cannot be packed; ``not_taken`` stay out by a rule.
    """

    recordings: list[RecordingFile] = field(default_factory=list)
    files: list[SessionFile] = field(default_factory=list)
    not_taken: list[NotTaken] = field(default_factory=list)
    missing_recordings: list[Missing] = field(default_factory=list)
    missing_files: list[Missing] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_session_files(
    inventory: Inventory, session: Session, linking: LinkingResult, is_excluded: IsExcluded = lambda _: False
) -> SessionFolderFiles:
    """Sort the files of a session's own folder, and the sensor data next to its recordings.

    ``linking`` is what the linking rules found; the result has its recordings, without excluded ones.
    """
    sorter = _FolderSorter(inventory, session, is_excluded)
    sorter.add_linked(linking, inventory.linked.get(session.id, ()), inventory.unlinked)
    folder = inventory.book.folders.get(session.id)
    for entry in inventory.lab.walk(folder) if folder else ():
        sorter.sort(entry, entry.path.removeprefix(f"{folder}/"))
    files = sorter.found
    for recording in tuple(files.recordings):
        if folder is None or not recording.path.startswith(f"{folder}/"):
            sorter.add_sidecar(recording.path)
    files.not_taken = sorted(_count_by_place(files.not_taken), key=lambda one: one.path)
    return files


def files_to_index(inventory: Inventory, session_ids: Iterable[str]) -> Iterator[FolderEntry]:
    """Yield the files of sessions' own folders that an archive may hold by their names, so that they are indexed."""
    for session_id in session_ids:
        folder = inventory.book.folders.get(session_id)
        for entry in inventory.lab.walk(folder) if folder else ():
            if entry.kind is EntryKind.FILE and not_taken_rule(entry.path.removeprefix(f"{folder}/")) is None:
                yield entry


def sidecar_path(recording: str) -> str:
    """Return the path of the sensor data that the platform writes next to a recording."""
    return recording.rpartition(".")[0] + SIDECAR


class _FolderSorter:
    """Sorts entries of folders; ``found`` has the result."""

    def __init__(self, inventory: Inventory, session: Session, is_excluded: IsExcluded) -> None:
        self.found = SessionFolderFiles()
        self._lab, self._rules, self._id, self._is_excluded_path = (
            inventory.lab,
            inventory.rules,
            session.id,
            is_excluded,
        )
        self._clean_name = inventory.cleaner.name
        self._handled: set[str] = set()
        self._sensor_names, self._other_names = UniqueNames(_GENERATED_NAMES), UniqueNames()

    def add_linked(
        self, linking: LinkingResult, entries: Sequence[FolderEntry], unlinked: Sequence[FolderEntry]
    ) -> None:
        """Add what the linking rules linked (of ``entries``) or could not read, without what the lab excludes."""
        files = [entry.path for entry in entries if entry.kind is EntryKind.FILE]
        excluded = {entry.path for entry in entries if self._is_excluded(entry)}
        excluded_folders = [
            entry.path for entry in unlinked if entry.kind is not EntryKind.FILE and self._is_excluded(entry)
        ]
        excluded_names = set(map(printable, (*excluded, *excluded_folders)))
        missing_names, linked = {one.what for one in linking.missing}, {one.path for one in linking.linked}
        known = linked | excluded
        empty = {path for path in files if path not in known and printable(path) not in missing_names}
        self.found.not_taken += [NotTaken(path, NotTakenRule.EXCLUDED) for path in excluded]
        self.found.not_taken += [NotTaken(path, NotTakenRule.EMPTY) for path in empty]
        self.found.recordings = [one for one in linking.linked if one.path not in excluded]
        self.found.missing_recordings = [m for m in linking.missing if m.what not in excluded_names]
        self._handled = linked | excluded | empty

    def sort(self, entry: FolderEntry, below: str) -> None:
        """Sort one entry of the session's folder, at the path ``below`` that: exported, left out or missing."""
        if entry.path in self._handled:
            return
        rule = (NotTakenRule.EXCLUDED, below) if self._is_excluded(entry) else not_taken_rule(below)
        if rule is not None:
            rule_name, part = rule
            known = self.found.missing_recordings  # a link or closed folder that is never exported is not missing
            self.found.missing_recordings = [one for one in known if one.what != printable(entry.path)]
            self._leave_out(entry.path.removesuffix(below) + part, rule_name)
        elif entry.kind is not EntryKind.FILE:
            self._sort_non_file(entry, below)
        else:
            try:
                self._sort_file(entry.path, below, self._lab.identity(entry.path))
            except OSError as error:
                why = Message("missing.unreadable", error=error.strerror or "")
                unread = Missing(printable(entry.path), why, Message("missing.unreadable.remedy"))
                self._add_missing(unread, is_video=container_of(below) is not None)

    def add_sidecar(self, recording: str) -> None:
        """Add the sensor data next to a recording outside the session's folder."""
        path = sidecar_path(recording)
        if path in self._handled:
            return
        with suppress(OSError):  # there is none, or it was deleted with its recording, which is reported as missing
            state = self._lab.status(path)
            self._handled.add(path)
            if self._is_excluded_path(path):
                self._leave_out(path, NotTakenRule.EXCLUDED)
            elif not stat.S_ISREG(state.st_mode):
                self._leave_out(path, NotTakenRule.LINK if stat.S_ISLNK(state.st_mode) else NotTakenRule.NO_FILE)
            elif state.st_size == 0:
                self._leave_out_empty(path)
            else:
                below = f"{RECORDINGS}/{path.rpartition('/')[2]}"
                self._add_file(FileKind.SIDECAR, path, below, Identity.of(state), recording)

    def _sort_file(self, path: str, below: str, identity: Identity) -> None:
        if identity.size_bytes == 0:
            self._leave_out_empty(path)
        elif container_of(below):
            self.found.recordings.append(RecordingFile(path, identity, self._verdict(path)))
        elif is_own_archive(self._lab, path) or is_own_signature(self._lab, path):
            self._leave_out(path, NotTakenRule.ARCHIVE)
        else:
            kind = FileKind.SENSOR_DATA if below.startswith(f"{SENSOR_DATA}/") else FileKind.OTHER
            self._add_file(kind, path, below, identity)

    def _add_file(
        self, kind: FileKind, path: str, below: str, identity: Identity, recording: str | None = None
    ) -> None:
        below = self._clean_name(below)
        if kind is FileKind.SENSOR_DATA:
            member = f"{names.SENSOR_DATA}/{self._sensor_names.reserve(below.removeprefix(f'{SENSOR_DATA}/'))}"
        else:
            member = f"{names.SESSION_FILES}/{self._other_names.reserve(below)}"
        self.found.files.append(SessionFile(member, path, identity, None, kind, recording))

    def _verdict(self, path: str) -> Verdict:
        """Return the verdict on a video in the session's folder: that of an MP4 with its name."""
        stem = path.rpartition("/")[2].rpartition(".")[0]
        verdict = judge_file(f"{session_folder(self._id)}{stem}.mp4", self._id, self._rules)
        if verdict.linked:
            return verdict
        return Verdict(VerdictKind.LINKED, Rule.FOLDER, Message("file.in_session_folder", session=self._id))

    def _sort_non_file(self, entry: FolderEntry, below: str) -> None:
        """Sort a link, a pipe or a closed folder: it may hide recordings or sensor data."""
        at_top = below.partition("/")[0]
        is_video = container_of(below) is not None or at_top == RECORDINGS
        if entry.kind is EntryKind.UNREADABLE or is_video or at_top == SENSOR_DATA:
            self._add_missing(_missing_non_file(entry), is_video=is_video)
        elif entry.kind is EntryKind.LINK:
            self._leave_out(entry.path, NotTakenRule.LINK)
            self.found.warnings.append(Message("file.link", file=entry.path))
        else:
            self._leave_out(entry.path, NotTakenRule.NO_FILE)

    def _is_excluded(self, entry: FolderEntry) -> bool:
        # A pattern for folders (with a slash) may match a link or a closed folder.
        return self._is_excluded_path(entry.path) or (
            entry.kind is not EntryKind.FILE and self._is_excluded_path(f"{entry.path}/")
        )

    def _add_missing(self, missing: Missing, *, is_video: bool) -> None:
        if missing.what not in {known.what for known in self.found.missing_recordings}:
            (self.found.missing_recordings if is_video else self.found.missing_files).append(missing)

    def _leave_out_empty(self, path: str) -> None:
        self._leave_out(path, NotTakenRule.EMPTY)
        self.found.warnings.append(Message("file.empty", file=path))

    def _leave_out(self, path: str, why: NotTakenRule) -> None:
        self.found.not_taken.append(NotTaken(path, why))


def _missing_non_file(entry: FolderEntry) -> Missing:
    if entry.kind is EntryKind.UNREADABLE:
        return Missing(printable(entry.path), Message("missing.closed"), Message("missing.closed.remedy"))
    why = Message("missing.not_a_file" if entry.kind is EntryKind.OTHER else "missing.link")
    return Missing(printable(entry.path), why, Message("missing.not_a_file.remedy"))


def _count_by_place(not_taken: Iterable[NotTaken]) -> Iterator[NotTaken]:
    """Yield each place once, with the number of files in it."""
    counts: dict[NotTaken, int] = {}
    for one in not_taken:
        counts[one] = counts.get(one, 0) + 1
    return (replace(one, files=count) for one, count in counts.items())
