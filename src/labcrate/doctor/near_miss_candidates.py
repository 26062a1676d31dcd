"""The unlinked files that may be near misses of sessions, found without judging every file for every session.

The candidates include every near miss, and other files too: the caller judges each pair.
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
# A session may select cameras with other clocks, by which names are read: zones differ by up to 26 hours.
_MAX_CLOCK_DIFFERENCE = timedelta(hours=26)
# The assumed length of a recording that could not be probed.
_UNKNOWN_LENGTH = timedelta(hours=12)


class SessionsInNames:
    """The sessions that a path may name, well formed or not."""

    def __init__(self, inventory: Inventory, session_ids: Iterable[str]) -> None:
        ids = list(session_ids)
        self._rules = inventory.rules
        self._numbers = frozenset(filter(is_numeric_id, ids))
        self._texts = [one for one in ids if not is_numeric_id(one)]
        self._search = AhoCorasick(list(map(_search_form, self._texts))) if self._texts else None

    def sessions(self, path: str) -> set[str]:
        """Return the sessions that a path, or a register entry for it, may name."""
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
    """The sessions during which a recording without a session in its name may have been made."""

    def __init__(self, spans: Mapping[str, TimeSpan]) -> None:
        known = sorted(((span.start or _EARLIEST, span.end or _LATEST, one) for one, span in spans.items()))
        self._starts, self._known = [start for start, _, _ in known], known
        self._longest = max((end - start for start, end, _ in known), default=timedelta())

    def sessions(self, span: TimeSpan) -> Iterator[str]:
        """Yield the sessions that overlap a span."""
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

    ``sessions`` maps each session to its span (open where unknown) and its time context. ``identities`` and
    ``probes`` are those of the existing files, by path.
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
    """Yield the spans in which a recording may have been made, whichever camera made it."""
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
    """Return the folded form of a text, in which an ID is found at any place of a path, whatever accents follow it."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFD", text).casefold()
    return folded.encode("utf-8", "replace").decode()  # the search needs valid UTF-8, as all IDs are
