"""Goes through everything found in the lab and says of each file whether it is the session's."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

from labcrate.lab.folder import Entry, Kind
from labcrate.linking.filename import base_name
from labcrate.linking.judging import judge, right_time_near_miss
from labcrate.linking.place import is_hidden
from labcrate.linking.settling import sessions_named
from labcrate.linking.verdict import Kind as VerdictKind
from labcrate.linking.verdict import Rule, Verdict
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.hand_links import made_into_mp4
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.plan import Missing, NearMiss
from labcrate.plan.recording_time import Evidence, TimeContext, possible_spans
from labcrate.plan.time_filter import TimeFilter

# A recording's name tells its start and its modification its end: only those that say something within
# this of the session are worth a look into the file.
_LONGEST_RECORDING = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Found:
    """A linked file and its state on disk."""

    path: str
    identity: Identity
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Selection:
    """Every file's verdict for one session; ``left_out`` counts the unrelated by rule."""

    linked: tuple[Found, ...]
    near_misses: tuple[NearMiss, ...]
    left_out: Counter[str]
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...]


# Looks into files: their probes by path.
Look = Callable[[Mapping[str, Identity]], Mapping[str, Probe]]


def select(
    inventory: Inventory,
    session: Session,
    look: Look,
    times: TimeContext | None = None,
    unlinked: Sequence[Entry] | None = None,
    taken: Container[str] | None = None,
    recorded: Sequence[Found] = (),
) -> Selection:
    """Judge every file where recordings lie, by name and state; ``look`` is asked only about times.

    ``times`` is what the lab knows about times: the session's zone unless it is given. For who goes through many
    sessions: ``unlinked`` are those of the lab's unlinked files that may concern this one (None: all of them; what is
    left out is then not counted), ``taken`` the paths of all files of the lab. ``recorded`` are the session's files of
    recorders: one of those that also lies where recordings lie is no near miss.
    """
    times = times or TimeContext(session.time_zone)
    linked, missing, warnings = _linked(inventory, session)
    near_misses, nameless, left_out = [], [], Counter[str]()
    made = made_into_mp4(inventory, session.id)
    own = f"{inventory.folder(session.id)}/"  # all of it is sorted by session_files
    left_out[Rule.OTHER_SESSION] = sum(len(found) for other, found in inventory.linked.items() if other != session.id)
    for entry in inventory.unlinked if unlinked is None else unlinked:
        if entry.kind is not Kind.FILE:
            if not entry.path.startswith(own):
                left_out[Rule.SYMBOLIC_LINK if entry.kind is Kind.LINK else Rule.NOT_A_RECORDING] += 1
            _not_entered(inventory, session, entry, missing, warnings)
            continue
        if entry.path.startswith(own):
            continue
        verdict = judge(entry.path, session.id, inventory.rules)
        if verdict.kind is VerdictKind.NEAR_MISS and entry.path not in made:
            near_misses.append(NearMiss(entry.path, verdict))
            continue
        left_out[verdict.rule] += 1
        if verdict.rule is Rule.NO_SESSION:
            nameless.append(entry)
    in_time = _at_the_right_time(inventory, session, nameless, look, times)
    left_out[Rule.NO_SESSION] -= len(in_time)
    left = list(_without_linked(inventory, (*near_misses, *in_time), (*linked, *recorded)))
    if taken is None and any(near_miss.verdict.linked_as for near_miss in left):
        taken = inventory.paths
    near_misses = [_with_free_name(near_miss, inventory, taken or set()) for near_miss in left]
    return Selection(tuple(linked), tuple(near_misses), +left_out, tuple(missing), tuple(warnings))


def counted(inventory: Inventory, session: Session, paths: set[str]) -> Counter[str]:
    """Return how `select` counted those of these files that lie outside the session's folder and are no recordings."""
    own = f"{inventory.folder(session.id)}/"
    kinds = [one.kind for one in inventory.unlinked if one.path in paths and not one.path.startswith(own)]
    return Counter(Rule.SYMBOLIC_LINK if kind is Kind.LINK else Rule.NOT_A_RECORDING for kind in kinds)


def _linked(inventory: Inventory, session: Session) -> tuple[list[Found], list[Missing], list[str]]:
    """The session's files, those of them that cannot be packed, and the empty ones."""
    linked, missing, warnings = [], [], []
    for entry in inventory.linked.get(session.id, ()):
        if entry.kind is not Kind.FILE:
            missing.append(_not_a_file(entry))
            continue
        try:
            identity = inventory.lab.identity(entry.path)
        except OSError as error:
            missing.append(Missing(printable(entry.path), f"cannot be read ({error.strerror})", "Restore the file."))
            continue
        if identity.size_bytes == 0:
            warnings.append(f"{printable(entry.path)} is empty (0 bytes) and was left out.")
        else:
            linked.append(Found(entry.path, identity, judge(entry.path, session.id, inventory.rules)))
    return linked, missing, warnings


def _not_entered(
    inventory: Inventory, session: Session, entry: Entry, missing: list[Missing], warnings: list[str]
) -> None:
    """Say of a folder that was not entered what it means: it may hold recordings of the session."""
    own = inventory.folder(session.id)
    if entry.path in ("recordings", "sessions", own) or entry.path.startswith(f"{own}/recordings"):
        missing.append(_not_a_file(entry))
    elif not entry.path.startswith("recordings/") or is_hidden(entry.path):
        return
    elif entry.kind is Kind.UNREADABLE:
        missing.append(_not_a_file(entry))
    elif entry.kind is Kind.LINK and inventory.lab.leads_to_folder(entry.path):
        warnings.append(
            f"{printable(entry.path)} is a symbolic link to a folder; recordings behind it were not looked at."
        )


def _not_a_file(entry: Entry) -> Missing:
    if entry.kind is Kind.LINK:
        remedy = "Put the file itself, or a hard link, in its place: symbolic links are never followed."
        return Missing(printable(entry.path), "is a symbolic link", remedy)
    if entry.kind is Kind.UNREADABLE:
        return Missing(printable(entry.path), "cannot be opened: no permission", "Make the folder readable.")
    return Missing(printable(entry.path), "is not a regular file", "Put the recording itself in its place.")


def _at_the_right_time(
    inventory: Inventory, session: Session, nameless: list[Entry], look: Look, times: TimeContext
) -> list[NearMiss]:
    """Those recordings without a session in their name that were made while the session ran."""
    if session.span.start is None or session.span.end is None:
        return []
    about_then = session.span.padded(_LONGEST_RECORDING)
    view = inventory.rules.prefixes.of_session(session.id)
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}

    def spans(path: str, probe: Probe, identity: Identity) -> Iterator[TimeSpan]:
        carried = view.carried_by(base_name(path).rpartition(".")[0])
        camera, prefix = (carried.camera, carried.text) if carried else (None, None)
        return possible_spans(Evidence(path, probe, identity.mtime_ns, ids.get(camera or ""), prefix), times)

    candidates = {}
    about_time = TimeFilter(about_then, times)
    for entry in nameless:
        try:
            identity = inventory.lab.identity(entry.path)
        except OSError:
            continue  # gone since the walk: then it is nobody's
        if about_time.may_be(entry.path, identity.mtime_ns) and any(
            span.overlaps(about_then) for span in spans(entry.path, Probe(), identity)
        ):
            candidates[entry.path] = identity
    found = []
    for path, probe in look(candidates).items():
        # One source is enough to show it to somebody: clocks are set wrong, and copies change file times.
        if any(span.overlaps(session.span) for span in spans(path, probe, candidates[path])):
            found.append(NearMiss(path, right_time_near_miss(path, session.id, inventory.rules)))
    return found


def _without_linked(
    inventory: Inventory, near_misses: Iterable[NearMiss], linked: Iterable[Found]
) -> Iterator[NearMiss]:
    """Those that are not a linked recording under another name: the same file (a hard link) needs no repair."""
    taken_up = {found.identity for found in linked}
    for near_miss in near_misses:
        try:
            identity = inventory.lab.identity(near_miss.path)
        except OSError:
            continue  # gone since the walk: then it is nobody's
        if identity not in taken_up:
            yield near_miss


def _with_free_name(near_miss: NearMiss, inventory: Inventory, taken: Container[str]) -> NearMiss:
    """The near miss with a remedy that overwrites nothing: two files may be meant to have one name."""
    verdict = near_miss.verdict
    wished = verdict.linked_as
    if wished is None or wished not in taken or verdict.remedy is None:
        return near_miss
    folder, _, name = wished.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    free = next(f for n in count(2) if (f := f"{folder}/{stem}_{n}{dot}{suffix}") not in taken)
    renamed = free.rpartition("/")[2]
    in_place = near_miss.path.startswith(f"{folder}/")  # elsewhere, the remedy names the file by its present name
    if in_place and name in verdict.remedy and sessions_named(free, inventory.rules):
        remedy = f"{verdict.remedy.replace(name, renamed)} ({printable(name)} is taken)"
        return NearMiss(near_miss.path, replace(verdict, remedy=remedy, linked_as=free))
    return NearMiss(near_miss.path, replace(verdict, remedy=f"{verdict.remedy} ({printable(name)} is taken there)"))
