"""What must hold of linking for every name, every prefix and every number."""

import unicodedata

from hypothesis import assume, example, given
from hypothesis import strategies as st

from labcrate.linking import Kind, Prefixes, fold, judge, right_time_near_miss, session_named

# Names near the grammar find more than names at random: both are drawn.
WORDS = (
    "s",
    "S",
    "ſ",
    "s1",
    "session",
    "Session",
    "session2",
    "cam",
    "cam1",
    "CAM1",
    "lab",
    "lab_s1",
    "küche",
    "ku\u0308che",
)
SIGNS = ("_", "-", " ", ".", "~", "\n", "\u0301", "\udcff", ".mp4", "x")
NUMBERS = ("0", "1", "2", "12", "042", "٤")
PIECES = st.sampled_from("_-") | st.sampled_from(WORDS + SIGNS + NUMBERS)
NEAR = st.lists(PIECES, max_size=9).map("".join)
WILD = st.text(st.characters(exclude_categories=()), max_size=20)
STEMS = NEAR | WILD
PREFIX = st.sampled_from(["cam", "cam1", "lab", "lab_s1", "Küche", "s", "session", "s1", "session2", "-", "c_"]) | WILD
PREFIXES = st.lists(PREFIX, max_size=4).map(Prefixes)
SMALL = st.integers(0, 130)
IDS = SMALL | st.integers(0, 10**300)
FOLDERS = st.just("recordings/") | st.sampled_from(
    [
        "",
        "recordings/a/",
        "recordings/.a/",
        "sessions/Session2/recordings/",
        "sessions/session 12/recordings/",
        "sessions/Session042/recordings/",
        "sessions/x/recordings/",
    ]
)
SUFFIXES = st.sampled_from([".mp4", ".mp4", ".mp4", ".MP4", ".mkv", ".mp4.part", ".mp4~", ".txt", ""])
PATHS = st.builds("{}{}{}".format, FOLDERS, STEMS, SUFFIXES)


@given(PATHS | WILD, IDS | st.integers(), PREFIXES)
def test_judging_never_fails_and_agrees_with_counting(path: str, asked: int, prefixes: Prefixes) -> None:
    """For any text a verdict comes, printable, and it is linked exactly when the path counts for that session."""
    verdict = judge(path, asked, prefixes)
    assert verdict.linked == (session_named(path, prefixes) == asked)
    assert (verdict.kind is Kind.NEAR_MISS) == (verdict.remedy is not None) == (verdict.linked_as is not None)
    assert (verdict.reason + (verdict.remedy or "") + (verdict.warning or "")).isprintable()


@given(PATHS, PREFIXES)
def test_the_counted_session_is_linked(path: str, prefixes: Prefixes) -> None:
    """Whatever session a path counts for, judging it for that session links it."""
    named = session_named(path, prefixes)
    assert named is None or judge(path, named, prefixes).linked


@given(PATHS, SMALL, SMALL, PREFIXES)
def test_no_file_belongs_to_two_sessions(path: str, one: int, other: int, prefixes: Prefixes) -> None:
    """For any prefixes, any two different sessions and any name, a recording is linked to at most one."""
    assume(one != other)
    assert not (judge(path, one, prefixes).linked and judge(path, other, prefixes).linked)


@given(
    PREFIX.filter(lambda p: "/" not in p and not p.isspace() and p and not p.startswith(".")),
    st.sampled_from("_-"),
    st.sampled_from(["session", "s", "Session", "S", "SESSION", "sEsSiOn"]),
    st.integers(0, 10**200),
    st.just("") | st.tuples(st.sampled_from("_-"), STEMS.filter(lambda rest: "/" not in rest)).map("".join),
    st.sampled_from([".mp4", ".MP4", ".Mp4"]),
    st.data(),
)
def test_what_the_grammar_makes_is_linked_and_its_parts_are_not(
    prefix: str, separator: str, marker: str, session: int, rest: str, extension: str, data: st.DataObject
) -> None:
    """A name built by the grammar is linked to its session, and never to a number that is a part of that number."""
    path = f"recordings/{prefix}{separator}{marker}{session}{rest}{extension}"
    prefixes = Prefixes([prefix])
    assume(len(prefixes.ends(path[11:-4])) == 1)  # the prefix does not occur again, longer, with the marker inside
    verdict = judge(path, session, prefixes)
    assert (verdict.linked, verdict.prefix) == (True, prefix)
    digits = str(session)
    start = data.draw(st.integers(0, len(digits) - 1))
    part = int(digits[start : data.draw(st.integers(start + 1, len(digits)))])
    assert judge(path, part, prefixes).linked == (part == session)


@given(STEMS, SMALL, PREFIXES)
def test_linked_names_say_the_number_whole(stem: str, asked: int, prefixes: Prefixes) -> None:
    """Written down independently: a name that links by rule 1 has a token that is a marker and the whole number."""
    assume("/" not in stem)
    if judge(f"recordings/{stem}.mp4", asked, prefixes).linked:
        tokens = stem.replace("-", "_").split("_")
        right = {f"s{asked}", f"session{asked}"}
        assert right & {token.lower() for token in tokens[1:] if token.isascii()}


@given(PATHS, SMALL, PREFIXES)
@example("recordings/session2_lab_s1.mp4", 2, Prefixes(["lab", "lab_s1"]))
@example("recordings/session2_.x.mp4", 2, Prefixes([".x"]))
def test_every_remedy_is_right(path: str, asked: int, prefixes: Prefixes) -> None:
    """A file that is called or moved as its remedy proposes is linked to the session that was asked for."""
    verdict = judge(path, asked, prefixes)
    if verdict.linked_as is not None:
        assert judge(verdict.linked_as, asked, prefixes).linked
    if verdict.remedy is not None and " rename it to " in verdict.remedy:
        renamed = verdict.remedy.rpartition(" rename it to ")[2]
        assert judge(f"{path.rpartition('/')[0]}/{renamed}", asked, prefixes).linked


@given(STEMS, SMALL, PREFIXES)
def test_every_remedy_for_the_right_time_is_right(stem: str, asked: int, prefixes: Prefixes) -> None:
    """The same holds where only the time speaks for a recording."""
    path = f"recordings/{stem}.mp4"
    assume("/." not in path and "/" not in stem)
    linked_as = right_time_near_miss(path, asked, prefixes).linked_as
    assert linked_as is not None
    assert judge(linked_as, asked, prefixes).linked


@given(STEMS, SMALL, st.lists(PREFIX, max_size=3))
def test_case_of_ascii_letters_and_composition_change_nothing(stem: str, asked: int, configured: list[str]) -> None:
    """The same name in capitals, composed or decomposed, gets the same verdict, and so do prefixes so written."""
    assume("/" not in stem)

    def told(name: str, prefixes: Prefixes) -> tuple[str, str]:
        verdict = judge(f"recordings/{name}.mp4", asked, prefixes)
        return verdict.kind, verdict.rule

    swapped = "".join(c.swapcase() if c.isascii() else c for c in stem)
    prefixes = Prefixes(configured)
    as_is = told(stem, prefixes)
    assert told(swapped, prefixes) == as_is
    assert told(unicodedata.normalize("NFC", stem), prefixes) == as_is
    assert told(unicodedata.normalize("NFD", stem), prefixes) == as_is
    assert (
        told(stem, Prefixes(unicodedata.normalize("NFD", p.swapcase() if p.isascii() else p) for p in configured))
        == as_is
    )


@given(WILD, st.sampled_from("_-"), WILD)
def test_folding_respects_separators(before: str, separator: str, after: str) -> None:
    """Folding a name is folding its parts: no letter changes because of what stands beyond a separator."""
    assert fold(before + separator + after) == fold(before) + separator + fold(after)
