"""Properties of linking for every name, every prefix and every number."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from labcrate.linking import (
    CameraNames,
    LinkEntry,
    LinkingRules,
    VerdictKind,
    fold,
    judge_file,
    linked_sessions,
    near_miss_by_time,
)
from labcrate.messages.text import printable
from labcrate.model.session import is_numeric_id, is_session_id

# Names near the grammar find more than names at random: both are drawn.
WORDS = (
    "s",
    "S",
    "ſ",
    "s1",
    "session",
    "Session",
    "session2",
    "sessionP07",
    "cam",
    "cam1",
    "CAM1",
    "lab",
    "lab_s1",
    "küche",
    "ku\u0308che",
    "P07",
    "p07",
    "morning",
)
SIGNS = ("_", "-", " ", ".", "~", "\n", "\u0301", "\udcff", ".mp4", "x")
NUMBERS = ("0", "1", "2", "12", "042", "٤", "2-b")
PIECES = st.sampled_from("_-") | st.sampled_from(WORDS + SIGNS + NUMBERS)
NEAR = st.lists(PIECES, max_size=9).map("".join)
WILD = st.text(st.characters(exclude_categories=()), max_size=20)
STEMS = NEAR | WILD
PREFIX = st.sampled_from(["cam", "cam1", "lab", "lab_s1", "Küche", "s", "session", "s1", "session2", "-", "c_"]) | WILD
NUMBER_RULES = st.lists(PREFIX, max_size=4).map(lambda prefixes: LinkingRules.of_prefixes(*prefixes))
SMALL = st.integers(0, 130).map(str)
TEXT_IDS = st.sampled_from(
    [
        "P07",
        "p07",
        "P07-morning",
        "P07-morning_2",
        "2-b",
        "P",
        "s1",
        "session2",
        "küche",
        "5f0f9b1e-6f0e-4f57-9f4e-0c2f",
    ]
)
IDS = SMALL | TEXT_IDS | st.integers(0, 10**300).map(str) | WILD
CAMERAS = st.lists(
    st.builds(
        CameraNames,
        st.just("key"),
        st.sampled_from("123"),
        st.none() | PREFIX | st.just("Living Room"),
        st.none() | PREFIX,
    ),
    max_size=3,
)
FOLDERS = st.just("recordings/") | st.sampled_from(
    [
        "",
        "recordings/a/",
        "recordings/.a/",
        "recordings/Session2/",
        "recordings/b/session P07/",
        "sessions/Session2/recordings/",
        "sessions/Session2/",
        "sessions/SessionP07/x/",
        "sessions/sessionP07/x/",
        "sessions/session 12/recordings/",
        "sessions/Session042/recordings/",
        "sessions/x/recordings/",
    ]
)
SUFFIXES = st.sampled_from([".mp4", ".mp4", ".mp4", ".MP4", ".mkv", ".mp4.part", ".mp4~", ".txt", ""])
PATHS = st.builds("{}{}{}".format, FOLDERS, STEMS, SUFFIXES)
NAMES = st.builds("{}{}".format, STEMS, st.sampled_from([".mp4", ".mkv"]))


@st.composite
def any_rules(draw: st.DrawFn, *, by_hand: bool = True) -> LinkingRules:
    """Return the rules of any lab: ids that begin with each other, shared prefixes, contradicting registers."""
    ids = draw(st.lists(SMALL | TEXT_IDS | WILD, max_size=6))
    known = st.sampled_from([*ids, "2", "P07"])
    return LinkingRules.build(
        cameras=draw(CAMERAS),
        selections=draw(st.dictionaries(known, CAMERAS, max_size=2)),
        session_ids=ids,
        descriptions_unreadable=draw(st.booleans()),
        prefix_configured=draw(st.booleans()),
        register=draw(st.lists(st.builds(LinkEntry, NAMES, st.none() | known, st.none() | st.just("k")), max_size=3)),
        linked=draw(st.dictionaries(PATHS, st.sets(known, max_size=2), max_size=2)) if by_hand else {},
        shared_names=draw(st.sets(NAMES, max_size=1)),
    )


@st.composite
def rules_and_path(draw: st.DrawFn, *, by_hand: bool = True) -> tuple[LinkingRules, str]:
    """Return rules and a path that may be in their register."""
    rules = draw(any_rules(by_hand=by_hand))
    named = [f"recordings/{name}" for name in rules.register.by_name]
    paths = [*named, *rules.register.by_path]
    return rules, draw(PATHS | WILD | st.sampled_from(paths) if paths else PATHS | WILD)


@given(rules_and_path(), IDS)
def test_judging_never_fails_and_agrees_with_counting(lab: tuple[LinkingRules, str], session_id: str) -> None:
    """Any text gets a printable verdict, and it is linked exactly if the path counts for that session."""
    rules, path = lab
    verdict = judge_file(path, session_id, rules)
    assert verdict.linked == (session_id in linked_sessions(path, rules))
    assert (verdict.kind is VerdictKind.NEAR_MISS) == (verdict.remedy is not None)
    assert verdict.kind is VerdictKind.NEAR_MISS or (verdict.linked_as, verdict.command) == (None, None)
    text = verdict.reason + (verdict.remedy or "") + (verdict.warning or "")
    assert printable(text) == text


@pytest.mark.thorough
@given(rules_and_path())
def test_the_counted_sessions_are_linked(lab: tuple[LinkingRules, str]) -> None:
    """Each session that a path counts for gets a linked verdict, with the other sessions."""
    rules, path = lab
    named = linked_sessions(path, rules)
    for session in named:
        verdict = judge_file(path, session, rules)
        assert verdict.linked
        assert {session, *verdict.also_linked_to} == set(named)
        assert len(named) == 1 or "also linked to another session" in (verdict.warning or "")


@given(rules_and_path(by_hand=False))
def test_no_file_belongs_to_two_sessions(lab: tuple[LinkingRules, str]) -> None:
    """With any ids, prefixes, registers and names, a recording that is not linked by hand has one session at most."""
    rules, path = lab
    assert len(linked_sessions(path, rules)) <= 1


@given(rules_and_path(by_hand=False), st.data())
def test_no_register_moves_a_recording_to_another_session(lab: tuple[LinkingRules, str], data: st.DataObject) -> None:
    """A register never changes the session by folder or name: the file stays linked to it, or to none."""
    rules, path = lab
    without = LinkingRules(rules.ids, rules.prefixes)
    session = data.draw(SMALL | TEXT_IDS)
    named = LinkingRules.build(register=[LinkEntry(path.rpartition("/")[2], session)]).register
    said, together = (
        linked_sessions(path, without),
        linked_sessions(path, LinkingRules(rules.ids, rules.prefixes, named)),
    )
    assert together in (said, ()) if said else together in ((session,), ())


@given(
    PREFIX.filter(lambda p: "/" not in p and not p.isspace() and p and not p.startswith(".")),
    st.sampled_from("_-"),
    st.sampled_from(["session", "s", "Session", "S", "SESSION", "sEsSiOn"]),
    st.integers(0, 10**64 - 1).map(str),
    st.just("") | st.tuples(st.sampled_from("_-"), STEMS.filter(lambda rest: "/" not in rest)).map("".join),
    st.sampled_from([".mp4", ".MP4", ".Mp4"]),
    st.data(),
)
def test_what_the_grammar_makes_is_linked_and_its_parts_are_not(
    prefix: str, separator: str, marker: str, session: str, rest: str, extension: str, data: st.DataObject
) -> None:
    """A name built by the grammar is linked to its session, and never to a number that is a part of that number."""
    path = f"recordings/{prefix}{separator}{marker}{session}{rest}{extension}"
    rules = LinkingRules.of_prefixes(prefix)
    view = rules.prefixes.of_session(session)
    assume(len(view.prefix_ends(path[11:-4])) == 1)  # the prefix does not occur again, longer, with the marker inside
    verdict = judge_file(path, session, rules)
    assert (verdict.linked, verdict.prefix) == (True, prefix)
    start = data.draw(st.integers(0, len(session) - 1))
    part = str(int(session[start : data.draw(st.integers(start + 1, len(session)))]))
    assert judge_file(path, part, rules).linked == (part == session)


@given(st.lists(SMALL | TEXT_IDS, min_size=1, max_size=8, unique=True), st.data())
def test_the_longest_known_id_is_meant(ids: list[str], data: st.DataObject) -> None:
    """Independent rule: after ``cam1_session``, the longest id that ends at a separator; none if uncertain."""
    session = data.draw(st.sampled_from(ids))
    rest = data.draw(st.just("") | st.tuples(st.sampled_from("_-"), NEAR).map("".join))
    tail = f"{session}{rest}"
    assume(tail.isascii() and "\n" not in tail and "/" not in tail)
    fits = [i for i in ids if tail == i or tail.startswith((f"{i}_", f"{i}-"))]
    alike = [i for i in ids if i.lower() in (f.lower() for f in fits)]
    looser = [i for i in ids if (tail.lower() + "_").replace("-", "_").startswith(i.lower().replace("-", "_") + "_")]
    rules = LinkingRules.build(cameras=[CameraNames("k", "1", None, "cam1")], session_ids=ids)
    named = linked_sessions(f"recordings/cam1_session{tail}.mp4", rules)
    if set(fits) == set(looser) == set(alike):
        assert named == (max(fits, key=len),)
    else:
        assert len(named) <= 1
        assert set(named) <= set(fits)


@given(STEMS, st.lists(SMALL | TEXT_IDS, max_size=5), any_rules())
def test_linked_names_say_the_id_whole(stem: str, ids: list[str], lab: LinkingRules) -> None:
    """Independent rule: a name linked by rule 1 contains separator, marker, the whole id and an end."""
    assume("/" not in stem)
    rules = LinkingRules.build(session_ids=ids)
    rules = LinkingRules(rules.ids, lab.prefixes)
    for session in linked_sessions(f"recordings/{stem}.mp4", rules):
        name = fold(stem).replace("-", "_") + "_"
        written = fold(session).replace("-", "_")
        assert f"_session{written}_" in name or (is_numeric_id(session) and f"_s{written}_" in name)
        assert is_numeric_id(session) or session in ids


@given(rules_and_path(), SMALL | TEXT_IDS)
@example((LinkingRules.of_prefixes("lab", "lab_s1"), "recordings/session2_lab_s1.mp4"), "2")
@example((LinkingRules.of_prefixes(".x"), "recordings/session2_.x.mp4"), "2")
def test_every_remedy_is_right(lab: tuple[LinkingRules, str], session_id: str) -> None:
    """A file renamed or moved as its remedy proposes is linked to the requested session."""
    rules, path = lab
    verdict = judge_file(path, session_id, rules)
    if verdict.linked_as is not None:
        assert session_id in linked_sessions(verdict.linked_as, rules)
    if verdict.remedy is not None and " rename it to " in verdict.remedy:
        renamed = verdict.remedy.rpartition(" rename it to ")[2]
        assert session_id in linked_sessions(f"{path.rpartition('/')[0]}/{renamed}", rules)


@given(rules_and_path(), SMALL | TEXT_IDS)
def test_every_link_by_hand_is_right(lab: tuple[LinkingRules, str], session_id: str) -> None:
    """Where a near miss comes with ``labcrate link``, an entry as that command writes it links the file."""
    rules, path = lab
    command = judge_file(path, session_id, rules).command
    if command is not None and "--remux" not in command:
        assert command[:4] == ("labcrate", "link", session_id, path)
        linked = LinkingRules.build(linked={path: {session_id}}).register
        register = type(linked)(rules.register.by_name, linked.by_path)
        assert linked_sessions(path, LinkingRules(rules.ids, rules.prefixes, register)) == (session_id,)


@given(STEMS, SMALL | TEXT_IDS, NUMBER_RULES)
def test_every_remedy_for_the_right_time_is_right(stem: str, session_id: str, rules: LinkingRules) -> None:
    """The same is true for a near miss by time."""
    path = f"recordings/{stem}.mp4"
    assume("/." not in path and "/" not in stem and is_session_id(session_id))
    linked_as = near_miss_by_time(path, session_id, rules).linked_as
    assert linked_as is not None
    assert judge_file(linked_as, session_id, rules).linked


@given(STEMS, SMALL, st.lists(PREFIX, max_size=3))
def test_case_of_ascii_letters_and_composition_change_nothing(
    stem: str, session_id: str, configured: list[str]
) -> None:
    """The same name in capitals, composed or decomposed, gets the same verdict, and so do prefixes so written."""
    assume("/" not in stem)

    def verdict_of(name: str, rules: LinkingRules) -> tuple[str, str]:
        verdict = judge_file(f"recordings/{name}.mp4", session_id, rules)
        return verdict.kind, verdict.rule

    swapped = "".join(c.swapcase() if c.isascii() else c for c in stem)
    rules = LinkingRules.of_prefixes(*configured)
    as_is = verdict_of(stem, rules)
    assert verdict_of(swapped, rules) == as_is
    assert verdict_of(unicodedata.normalize("NFC", stem), rules) == as_is
    assert verdict_of(unicodedata.normalize("NFD", stem), rules) == as_is
    others = (unicodedata.normalize("NFD", p.swapcase() if p.isascii() else p) for p in configured)
    assert verdict_of(stem, LinkingRules.of_prefixes(*others)) == as_is


@given(WILD, st.sampled_from("_-"), WILD)
def test_folding_respects_separators(before: str, separator: str, after: str) -> None:
    """Folding a name is folding its parts: no letter depends on the text beyond a separator."""
    assert fold(before + separator + after) == fold(before) + separator + fold(after)
