"""Findings about files of no session and unreadable entries, and the search for secrets in the files of sessions."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.lab_findings import unassigned_folders
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import CancelOnlyProgress, IndexRequest, Progress, index_files
from labcrate.index.secret_search import SecretSearcher
from labcrate.lab.exclude import ExcludePatterns
from labcrate.lab.folder import RECORDINGS, SESSIONS, EntryKind, FolderEntry
from labcrate.linking.filename import base_name, stem_of_mp4, stem_of_non_mp4
from labcrate.linking.location import is_hidden
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.recording import Probe
from labcrate.plan.inventory import Inventory
from labcrate.plan.session_files import SIDECAR, files_to_index
from labcrate.secrets.copied_files import Redaction
from labcrate.secrets.values import SecretKind

_RECORDING, _VIDEO, _OTHER, _STRAY = "recording", "video", "other", "stray"


def unlinked_file_findings(
    inventory: Inventory, near_misses: Iterable[str], excluded: Callable[[str], bool]
) -> Iterator[LabFinding]:
    """Yield the files that no rule links to a session, one finding for each sort of file.

    ``near_misses`` are the paths of all near misses of all sessions; they are left out.
    """
    known = frozenset(near_misses)
    beside = {f"{path[:-4]}{SIDECAR}" for path in inventory.paths if stem_of_mp4(path) is not None}
    sorts: dict[str, list[str]] = defaultdict(list)
    for entry in inventory.unlinked:
        path = entry.path
        own = path.startswith(f"{SESSIONS}/")  # sessions' own folders have their own findings
        if own or entry.kind is not EntryKind.FILE or path in known or path in beside or is_hidden(path):
            continue
        if not excluded(path):
            sorts[_sort(path)].append(printable(path))
    sorts[_STRAY] += [path for path in _stray_files(inventory, known) if not excluded(path)]
    for sort, places in sorts.items():
        if places:
            yield LabFinding(
                FindingKind.UNKNOWN,
                Severity.HINT,
                Message(f"doctor.unknown.{sort}", count=len(places)),
                Message(f"doctor.unknown.{sort}_remedy"),
                places=tuple(places),
                count=len(places),
                rule=sort,
            )


def _sort(path: str) -> str:
    name = base_name(path)
    if stem_of_mp4(name) is not None:
        return _RECORDING
    return _VIDEO if stem_of_non_mp4(name) else _OTHER


def _stray_files(inventory: Inventory, known: frozenset[str]) -> Iterator[str]:
    """Yield the files in ``sessions/`` that are in no session's own folder.

    Of folders whose name nearly names a session, the folder is reported instead.
    """
    lab = inventory.lab
    if lab.unreadable_sessions_folder():
        return
    try:
        with os.scandir(lab.root / SESSIONS) as listing:
            files = sorted(entry.name for entry in listing if not entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    yield from (printable(f"{SESSIONS}/{name}") for name in files if not name.startswith("."))
    for name in unassigned_folders(inventory):
        for entry in lab.walk(f"{SESSIONS}/{name}"):
            if entry.kind is EntryKind.FILE and entry.path not in known and not is_hidden(entry.path):
                yield printable(entry.path)


def unreadable_findings(inventory: Inventory, own_folders: Sequence[str]) -> Iterator[LabFinding]:
    """Yield links, pipes and unreadable folders in the folders of recordings, except those in sessions' own folders."""
    own = tuple(f"{folder}/" for folder in own_folders)
    for entry in inventory.unlinked:
        if entry.kind is EntryKind.FILE or entry.path.startswith(own) or is_hidden(entry.path):
            continue
        yield LabFinding(
            FindingKind.MISSING,
            _severity(entry),
            Message(_MESSAGE_IDS[entry.kind], file=printable(entry.path)),
            Message(f"{_MESSAGE_IDS[entry.kind]}_remedy"),
            places=(printable(entry.path),),
        )


_MESSAGE_IDS = {
    EntryKind.LINK: "doctor.closed.link",
    EntryKind.UNREADABLE: "doctor.closed.folder",
    EntryKind.OTHER: "doctor.closed.other",
}


def _severity(entry: FolderEntry) -> Severity:
    hides = entry.kind is EntryKind.UNREADABLE or entry.path in (RECORDINGS, SESSIONS)
    return Severity.PROBLEM if hides else Severity.WARNING


@dataclass(frozen=True, slots=True)
class FileWithSecrets:
    """A file of a session that contains secrets, with their kinds; ``redactable``: they can be removed from a copy."""

    path: str
    kinds: tuple[SecretKind, ...]
    redactable: bool
    session: str


def find_secret_files(
    inventory: Inventory, catalog: Catalog, session_ids: Sequence[str], progress: Progress, workers: int | None
) -> Iterator[FileWithSecrets]:
    """Yield each file that an archive of the sessions may copy and that contains a secret, once for each session.

    A large file that is no MP4 is searched when it is hashed; until then it is not reported. Raises CatalogError.
    """
    excluded = ExcludePatterns(inventory.settings.exclude).matches
    of_sessions = defaultdict[str, list[str]](list)
    for one in session_ids:
        linked = [entry for entry in inventory.linked.get(one, ()) if entry.kind is EntryKind.FILE]
        for path in {entry.path for entry in (*linked, *files_to_index(inventory, [one]))}:
            of_sessions[path].append(one)
    files = {}
    for path in of_sessions:
        if not excluded(path):
            with suppress(OSError):  # deleted since the walk
                identity = inventory.lab.identity(path)
                files[path] = IndexRequest(path, identity, hash=False, probe=False, search=True)
    searcher = SecretSearcher(inventory.cleaner.matcher, catalog)
    known, _ = index_files(
        inventory.lab, catalog, files.values(), _no_probe, CancelOnlyProgress(progress), workers, searcher
    )
    for path in sorted(known):
        search = known[path].search
        if search and search.fingerprint == searcher.fingerprint and search.result.kinds:
            redactable = search.redaction is not Redaction.NONE
            for session in of_sessions[path]:
                yield FileWithSecrets(path, search.result.kinds, redactable, session)


def _no_probe(_file: object, _path: str) -> Probe:
    raise AssertionError("nothing was to be probed")
