"""The candidates for near misses include every near miss that judging each file for each session would find."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.doctor.near_miss_candidates import SessionsAtTime, SessionsInNames
from labcrate.lab.device_files import read_all_devices
from labcrate.lab.folder import LabFolder
from labcrate.lab.registers import RecordingRegisters
from labcrate.lab.sessions import LabSessions
from labcrate.linking.judgement import judge_file
from labcrate.linking.prefixes import CameraNames
from labcrate.linking.resolve import linked_sessions
from labcrate.linking.rules import LinkEntry, LinkingRules
from labcrate.linking.verdict import VerdictKind
from labcrate.model.timespan import TimeSpan, parse_instant
from labcrate.plan.inventory import Inventory

IDS = ["4", "42", "2025", "P07", "p07", "42-b", "Pa", "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11", "Niña", "kitchen 2.1"]
PIECES = [
    *IDS, "042", "0", "7", "2025-05-02", "session", "Session", "s", "S", "_", "-", " ", ".", "cam1", "c_2", "ká", "x",
    "\u0301", "nin\u0303a", "Niña", "\udcff", "recordings/", ".mp4", "mkv", ".part",
]  # fmt: skip
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
FOLDERS = st.sampled_from(
    ["recordings/", "recordings/Session042/", "sessions/session_42/recordings/", "sessions/session p07/"]
)
SUFFIXES = st.sampled_from([".mp4", ".MP4", ".mkv", ".mp4.part", ".txt", ""])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabFolder:
    """Return an empty lab."""
    root: Path = tmp_path_factory.mktemp("lab")
    (root / "recordings").mkdir()
    assert read_all_devices(LabFolder(root)) == ((), ())
    return LabFolder(root)


@pytest.mark.thorough
@given(
    folder=FOLDERS,
    name=NAMES,
    suffix=SUFFIXES,
    configured=st.booleans(),
    unreadable=st.booleans(),
    registered=st.sampled_from([None, *IDS]),
)
@settings(max_examples=rounds(150, 600), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_near_miss_is_a_candidate(
    lab: LabFolder, folder: str, name: str, suffix: str, *, configured: bool, unreadable: bool, registered: str | None
) -> None:
    """For any path, each session that the path is a near miss of is among the sessions that it may name."""
    path = f"{folder}{name}{suffix}"
    cameras = [CameraNames("1", "1", "one", "cam1"), CameraNames("2", "2", "ká", "c_2")] if configured else []
    entry = [LinkEntry(path.rpartition("/")[2], registered)] if registered else []
    rules = LinkingRules.build(
        cameras=cameras,
        selections={"42": [CameraNames("3", "3", "x", None)]},
        session_ids=IDS,
        descriptions_unreadable=unreadable,
        register=entry,
        shared_names=[path.rpartition("/")[2]],
    )
    if linked_sessions(path, rules):
        return  # linked: never a near miss
    book = LabSessions({}, {}, {}, frozenset())
    inventory = Inventory(lab, (), (), book, RecordingRegisters(), {}, rules, {}, ())
    found = SessionsInNames(inventory, IDS).sessions(path)
    missed = {one for one in IDS if judge_file(path, one, rules).kind is VerdictKind.NEAR_MISS}
    assert missed <= found


SPANS = st.tuples(st.integers(0, 50), st.integers(0, 30)).map(
    lambda pair: TimeSpan(*(parse_instant(f"2025-05-02T{at // 60:02}:{at % 60:02}:00Z") for at in (pair[0], sum(pair))))
)


@given(sessions=st.lists(SPANS, max_size=8), span=SPANS)
def test_the_sessions_of_a_time_are_those_that_overlap_it(sessions: list[TimeSpan], span: TimeSpan) -> None:
    """Exactly the sessions that overlap a span are found, also if sessions lie within each other."""
    named = {str(number): one for number, one in enumerate(sessions)}
    assert set(SessionsAtTime(named).sessions(span)) == {number for number, one in named.items() if one.overlaps(span)}
