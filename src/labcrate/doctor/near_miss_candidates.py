"""Which of a lab's unlinked files may be near misses of which sessions, without judging each file for each session.

What is found here is more than the near misses, never less: whoever uses it judges each pair.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

from ahocorasick_rs import AhoCorasick

from labcrate.lab.folder import EntryKind, FolderEntry
from labcrate.linking.filename import SEPARATOR, base_name, stem_of_mp4
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import is_numeric_id
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.recording_time import RecordingFacts, TimeContext, possible_spans

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_AFTER_MARKER = re.compile(r"(?:session|s)[ _-]*([0-9]+)", re.ASCII | re.IGNORECASE)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
# A session's own choice of cameras decides whose clock a name is read by: zones are 26 hours apart at most.
_MAX_CLOCK_DIFFERENCE = timedelta(hours=26)
# What is not known of a file that could not be probed: its length.
_UNKNOWN_LENGTH = timedelta(hours=12)


class SessionsInNames:
    """Finds the sessions that a path may say, well formed or not."""

    def __init__(self, inventory: Inventory, session_ids: Iterable[str]) -> None:
        ids = list(session_ids)
        self._rules = inventory.rules
        self._numbers = frozenset(filter(is_numeric_id, ids))
        self._texts = [one for one in ids if not is_numeric_id(one)]
        self._search = AhoCorasick(list(map(_search_form, self._texts))) if self._texts else None

    def sessions(self, path: str) -> set[str]:
        """Return the sessions that a path, or a register about it, may mean."""
        folder, _, name = path.rpartition("/")
        found = {_without_leading_zeros(digits) for digits in _DIGITS.findall(folder)}
        found.update(_without_leading_zeros(digits) for digits in _AFTER_MARKER.findall(name))
        for separator in islice(SEPARATOR.finditer(name), self._rules.prefixes.max_separators + 1):
            if digits := _DIGITS.match(name, separator.end()):
                found.add(digits[0])
        found &= self._numbers
        if self._search:
            matches = self._search.find_matches_as_indexes(_search_form(path), overlapping=True)
            found.update(self._texts[which] for which, _, _ in matches)
        found.update(self._rules.register.of_name(base_name(path)).sessions)
        found.update(self._rules.register.by_path.get(path, ()))
        return found


class SessionsAtTime:
    """Finds the sessions during which a recording without a session in its name may have been made."""

    def __init__(self, spans: Mapping[str, TimeSpan]) -> None:
        known = sorted(((span.start or _EARLIEST, span.end or _LATEST, one) for one, span in spans.items()))
        self._starts, self._known = [start for start, _, _ in known], known
        self._longest = max((end - start for start, end, _ in known), default=timedelta())

    def sessions(self, span: TimeSpan) -> Iterator[str]:
        """Yield the sessions that share an instant with a span."""
        start, end = span.start or _EARLIEST, span.end or _LATEST
        earliest = start - self._longest if start - _EARLIEST > self._longest else _EARLIEST
        at = bisect_left(self._starts, earliest)
        for _, until, session_id in self._known[at : bisect_right(self._starts, end)]:
            if until >= start:
                yield session_id


def find_near_miss_candidates(
    inventory: Inventory,
    sessions: Mapping[str, tuple[TimeSpan, TimeContext]],
    identities: Mapping[str, Identity],
    probes: Mapping[str, Probe],
) -> dict[str, list[FolderEntry]]:
    """Return, for each session, the unlinked files that may be near misses of it.

    ``sessions`` have their time as far as it is known, and what is known of times for them; ``identities`` and
    ``probes`` are by path, of the files that are there.
    """
    named = SessionsInNames(inventory, sessions)
    contexts: dict[str | None, TimeContext] = {}
    in_zone: dict[str | None, dict[str, TimeSpan]] = defaultdict(dict)
    for session_id, (span, times) in sessions.items():
        if span.start is not None and span.end is not None:
            contexts[times.zone] = times
            in_zone[times.zone][session_id] = span
    recorded = {zone: SessionsAtTime(spans) for zone, spans in in_zone.items()}
    found: dict[str, list[FolderEntry]] = defaultdict(list)
    for entry in inventory.unlinked:
        if entry.kind is not EntryKind.FILE:
            continue
        these = named.sessions(entry.path)
        identity = identities.get(entry.path)
        if identity and stem_of_mp4(base_name(entry.path)) is not None:
            for zone, context in contexts.items():
                for span in _possible_spans(inventory, entry.path, identity, probes.get(entry.path), context):
                    these.update(recorded[zone].sessions(span))
        for session_id in these & sessions.keys():
            found[session_id].append(entry)
    return found


def _possible_spans(
    inventory: Inventory, path: str, identity: Identity, probe: Probe | None, times: TimeContext
) -> Iterator[TimeSpan]:
    """When a recording may have been made, whatever camera's it is."""
    view = inventory.rules.prefixes.of_session("")
    carried = view.longest_in(base_name(path).rpartition(".")[0])
    ids = {camera_key(camera): camera.id for camera in inventory.cameras} if times.clocks else {}
    camera = ids.get(carried.camera or "") if carried else None
    evidence = RecordingFacts(path, probe or Probe(), identity.mtime_ns, camera, carried.text if carried else None)
    offsets = [abs(clock.offset_s) for clock in times.clocks.values()]
    margin = _MAX_CLOCK_DIFFERENCE + timedelta(seconds=max(offsets)) if offsets else timedelta(seconds=1)
    for span in possible_spans(evidence, times):
        yield span.padded(margin if probe else margin + _UNKNOWN_LENGTH)


def _without_leading_zeros(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _search_form(text: str) -> str:
    """The form in which an id is part of a path wherever its letters are, whatever accents follow them."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFD", text).casefold()
    return folded.encode("utf-8", "replace").decode()  # the search takes no bytes that are not UTF-8; no id has any
