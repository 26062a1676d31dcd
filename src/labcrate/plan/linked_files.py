"""Find the recordings of a session among all files of the lab, and the near misses."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count

from msgspec import Struct
from msgspec.structs import replace

from labcrate.lab.folder import EntryKind, FolderEntry
from labcrate.linking.filename import base_name
from labcrate.linking.judgement import judge_file, near_miss_by_time
from labcrate.linking.location import is_hidden
from labcrate.linking.resolve import linked_sessions
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.manual_links import converted_videos
from labcrate.plan.plan import Missing, NearMiss
from labcrate.plan.recording_time import RecordingFacts, TimeContext, possible_spans
from labcrate.plan.time_filter import TimeFilter

# A recording's name shows its start and its modification time its end: only files with a time within this of the
# session are opened.
_LONGEST_RECORDING = timedelta(hours=12)


class RecordingFile(Struct, frozen=True):
    """A linked file with its state on disk."""

    path: str
    identity: Identity
    verdict: Verdict


class LinkingResult(Struct, frozen=True):
    """What the linking rules find for one session; ``left_out`` counts the unrelated files by rule."""

    linked: tuple[RecordingFile, ...]
    near_misses: tuple[NearMiss, ...]
    left_out: Counter[str]
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...]


ProbeFiles = Callable[[Mapping[str, Identity]], Mapping[str, Probe]]
"""Reads the length and times of files, and returns them by path."""


def find_linked_files(
    inventory: Inventory,
    session: Session,
    probe_files: ProbeFiles,
    times: TimeContext | None = None,
    unlinked: Sequence[FolderEntry] | None = None,
    existing_paths: Container[str] | None = None,
    recorder_files: Sequence[RecordingFile] = (),
) -> LinkingResult:
    """Return which files in folders of recordings are the session's, by their names and states.

    ``probe_files`` is called only for files whose times matter. ``times`` defaults to the session's zone alone. For
    callers that go through many sessions: ``unlinked`` are those of the lab's unlinked files that may concern this one
    (None: all of them; otherwise the counts are incomplete), and ``existing_paths`` the paths of all files of the lab.
    ``recorder_files`` are the session's files of recorders: they are no near misses if they are in a folder of
    recordings too.
    """
    times = times or TimeContext(session.time_zone)
    linked, missing, warnings = _check_linked(inventory, session)
    near_misses, without_session, left_out = [], [], Counter[str]()
    converted = converted_videos(inventory, session.id)
    session_folder = f"{inventory.folder(session.id)}/"  # session_files handles its content
    left_out[Rule.OTHER_SESSION] = sum(len(found) for other, found in inventory.linked.items() if other != session.id)
    for entry in inventory.unlinked if unlinked is None else unlinked:
        if entry.kind is not EntryKind.FILE:
            if not entry.path.startswith(session_folder):
                left_out[Rule.SYMBOLIC_LINK if entry.kind is EntryKind.LINK else Rule.NOT_A_RECORDING] += 1
            _report_closed_folder(inventory, session, entry, missing, warnings)
            continue
        if entry.path.startswith(session_folder):
            continue
        verdict = judge_file(entry.path, session.id, inventory.rules)
        if verdict.kind is VerdictKind.NEAR_MISS and entry.path not in converted:
            near_misses.append(NearMiss(entry.path, verdict))
            continue
        left_out[verdict.rule] += 1
        if verdict.rule is Rule.NO_SESSION:
            without_session.append(entry)
    by_time = _near_misses_by_time(inventory, session, without_session, probe_files, times)
    left_out[Rule.NO_SESSION] -= len(by_time)
    remaining = list(_without_linked_copies(inventory, (*near_misses, *by_time), (*linked, *recorder_files)))
    if existing_paths is None and any(near_miss.verdict.linked_as for near_miss in remaining):
        existing_paths = inventory.paths
    near_misses = [_with_free_name(near_miss, inventory, existing_paths or set()) for near_miss in remaining]
    return LinkingResult(tuple(linked), tuple(near_misses), +left_out, tuple(missing), tuple(warnings))


def count_left_out(inventory: Inventory, session: Session, paths: set[str]) -> Counter[str]:
    """Return how ``find_linked_files`` counted those of these files that are outside the session's folder."""
    session_folder = f"{inventory.folder(session.id)}/"
    kinds = [one.kind for one in inventory.unlinked if one.path in paths and not one.path.startswith(session_folder)]
    return Counter(Rule.SYMBOLIC_LINK if kind is EntryKind.LINK else Rule.NOT_A_RECORDING for kind in kinds)


def _check_linked(inventory: Inventory, session: Session) -> tuple[list[RecordingFile], list[Missing], list[str]]:
    """Return the session's files, those of them that cannot be packed, and warnings about empty ones."""
    linked, missing = [], []
    warnings: list[str] = []
    for entry in inventory.linked.get(session.id, ()):
        if entry.kind is not EntryKind.FILE:
            missing.append(_missing_non_file(entry))
            continue
        try:
            identity = inventory.lab.identity(entry.path)
        except OSError as error:
            why = Message("missing.unreadable", error=error.strerror or "")
            missing.append(Missing(printable(entry.path), why, Message("missing.unreadable.remedy")))
            continue
        if identity.size_bytes == 0:
            warnings.append(Message("file.empty", file=entry.path))
        else:
            linked.append(RecordingFile(entry.path, identity, judge_file(entry.path, session.id, inventory.rules)))
    return linked, missing, warnings


def _report_closed_folder(
    inventory: Inventory, session: Session, entry: FolderEntry, missing: list[Missing], warnings: list[str]
) -> None:
    """Add what it means for the session that a link or closed folder, which may hold recordings, was not read."""
    session_folder = inventory.folder(session.id)
    if entry.path in ("recordings", "sessions", session_folder) or entry.path.startswith(
        f"{session_folder}/recordings"
    ):
        missing.append(_missing_non_file(entry))
    elif not entry.path.startswith("recordings/") or is_hidden(entry.path):
        return
    elif entry.kind is EntryKind.UNREADABLE:
        missing.append(_missing_non_file(entry))
    elif entry.kind is EntryKind.LINK and inventory.lab.leads_to_folder(entry.path):
        warnings.append(Message("file.folder_link", file=entry.path))


def _missing_non_file(entry: FolderEntry) -> Missing:
    """Return what is missing because a recording's place holds a link, a closed folder or a device."""
    if entry.kind is EntryKind.LINK:
        rule = "missing.link"
    else:
        rule = "missing.closed" if entry.kind is EntryKind.UNREADABLE else "missing.not_a_file"
    return Missing(printable(entry.path), Message(rule), Message(f"{rule}.remedy"))


def _near_misses_by_time(
    inventory: Inventory,
    session: Session,
    without_session: list[FolderEntry],
    probe_files: ProbeFiles,
    times: TimeContext,
) -> list[NearMiss]:
    """Return the recordings without a session in their name that were made during the session."""
    if session.span.start is None or session.span.end is None:
        return []
    around_session = session.span.padded(_LONGEST_RECORDING)
    prefixes = inventory.rules.prefixes.of_session(session.id)
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}

    def spans(path: str, probe: Probe, identity: Identity) -> Iterator[TimeSpan]:
        prefix_match = prefixes.longest_in(base_name(path).rpartition(".")[0])
        camera, prefix = (prefix_match.camera, prefix_match.text) if prefix_match else (None, None)
        return possible_spans(RecordingFacts(path, probe, identity.mtime_ns, ids.get(camera or ""), prefix), times)

    candidates = {}
    time_filter = TimeFilter(around_session, times)
    for entry in without_session:
        try:
            identity = inventory.lab.identity(entry.path)
        except OSError:
            continue  # deleted since the walk
        if time_filter.may_overlap(entry.path, identity.mtime_ns) and any(
            span.overlaps(around_session) for span in spans(entry.path, Probe(), identity)
        ):
            candidates[entry.path] = identity
    near_misses = []
    for path, probe in probe_files(candidates).items():
        # One matching source is enough for a near miss: clocks are set wrong, and copies change file times.
        if any(span.overlaps(session.span) for span in spans(path, probe, candidates[path])):
            near_misses.append(NearMiss(path, near_miss_by_time(path, session.id, inventory.rules)))
    return near_misses


def _without_linked_copies(
    inventory: Inventory, near_misses: Iterable[NearMiss], linked: Iterable[RecordingFile]
) -> Iterator[NearMiss]:
    """Yield the near misses that are not another name (a hard link) of a linked recording."""
    linked_identities = {file.identity for file in linked}
    for near_miss in near_misses:
        try:
            identity = inventory.lab.identity(near_miss.path)
        except OSError:
            continue  # deleted since the walk
        if identity not in linked_identities:
            yield near_miss


def _with_free_name(near_miss: NearMiss, inventory: Inventory, existing_paths: Container[str]) -> NearMiss:
    """Return the near miss with a remedy that overwrites no file: its proposed name may exist already."""
    verdict = near_miss.verdict
    target = verdict.linked_as
    if target is None or target not in existing_paths or verdict.remedy is None:
        return near_miss
    folder, _, name = target.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    free = next(f for n in count(2) if (f := f"{folder}/{stem}_{n}{dot}{suffix}") not in existing_paths)
    renamed = free.rpartition("/")[2]
    in_place = near_miss.path.startswith(f"{folder}/")  # elsewhere, the remedy has the file's present name
    if in_place and name in verdict.remedy and linked_sessions(free, inventory.rules):
        remedy = Message("near_miss.name_taken", remedy=_with_name(verdict.remedy, name, renamed), name=name)
        return NearMiss(near_miss.path, replace(verdict, remedy=remedy, linked_as=free))
    remedy = Message("near_miss.name_taken_there", remedy=verdict.remedy, name=name)
    return NearMiss(near_miss.path, replace(verdict, remedy=remedy))


def _with_name(remedy: str, name: str, other: str) -> str:
    """Return a remedy with another file name."""
    if isinstance(remedy, Message):
        return remedy.replace_texts(lambda text: text.replace(name, other))
    return remedy.replace(name, other)
