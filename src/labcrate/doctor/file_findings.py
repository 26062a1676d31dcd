"""Findings about files where recordings lie that belong to no session, and about links and closed folders there."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from labcrate.doctor.findings import Finding, FindingKind, Severity
from labcrate.doctor.lab_findings import other_folders
from labcrate.lab.folder import RECORDINGS, SESSIONS, Entry, Kind, printable
from labcrate.linking.filename import base_name, stem_of_mp4, stem_of_other_video
from labcrate.linking.place import is_hidden
from labcrate.model.message import Message
from labcrate.plan.inventory import Inventory
from labcrate.plan.session_files import SIDECAR

_RECORDING, _VIDEO, _OTHER, _STRAY = "recording", "video", "other", "stray"


def unknown_findings(
    inventory: Inventory, near_misses: Iterable[str], excluded: Callable[[str], bool]
) -> Iterator[Finding]:
    """Yield the files that no rule gives to a session, one finding for each sort of file.

    ``near_misses`` are the paths of all near misses of all sessions; they are no part of these.
    """
    known = frozenset(near_misses)
    beside = {f"{path[:-4]}{SIDECAR}" for path in inventory.paths if stem_of_mp4(path) is not None}
    sorts: dict[str, list[str]] = defaultdict(list)
    for entry in inventory.unlinked:
        path = entry.path
        own = path.startswith(f"{SESSIONS}/")  # the files of sessions' own folders are sorted with these
        if own or entry.kind is not Kind.FILE or path in known or path in beside or is_hidden(path):
            continue
        if not excluded(path):
            sorts[_sort(path)].append(printable(path))
    sorts[_STRAY] += [path for path in _strays(inventory, known) if not excluded(path)]
    for sort, places in sorts.items():
        if places:
            yield Finding(
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
    return _VIDEO if stem_of_other_video(name) else _OTHER


def _strays(inventory: Inventory, known: frozenset[str]) -> Iterator[str]:
    """What lies in ``sessions/`` and in no session's own folder; of a folder that is nearly one, the name is said."""
    lab = inventory.lab
    if lab.sessions_barred():
        return
    try:
        with os.scandir(lab.root / SESSIONS) as listing:
            files = sorted(entry.name for entry in listing if not entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    yield from (printable(f"{SESSIONS}/{name}") for name in files if not name.startswith("."))
    for name in other_folders(inventory):
        for entry in lab.walk(f"{SESSIONS}/{name}"):
            if entry.kind is Kind.FILE and entry.path not in known and not is_hidden(entry.path):
                yield printable(entry.path)


def closed_findings(inventory: Inventory, own_folders: Sequence[str]) -> Iterator[Finding]:
    """Yield links, pipes and closed folders where recordings lie, but for those in sessions' own folders."""
    own = tuple(f"{folder}/" for folder in own_folders)
    for entry in inventory.unlinked:
        if entry.kind is Kind.FILE or entry.path.startswith(own) or is_hidden(entry.path):
            continue
        yield Finding(
            FindingKind.MISSING,
            _severity(entry),
            Message(_WHAT[entry.kind], file=printable(entry.path)),
            Message(f"{_WHAT[entry.kind]}_remedy"),
            places=(printable(entry.path),),
        )


_WHAT = {
    Kind.LINK: "doctor.closed.link",
    Kind.UNREADABLE: "doctor.closed.folder",
    Kind.OTHER: "doctor.closed.other",
}


def _severity(entry: Entry) -> Severity:
    hides = entry.kind is Kind.UNREADABLE or entry.path in (RECORDINGS, SESSIONS)
    return Severity.PROBLEM if hides else Severity.WARNING
