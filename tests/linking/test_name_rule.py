"""The name rule at its edges: prefixes, markers, numbers, alphabets."""

import unicodedata

import pytest

from labcrate.linking import LinkingRules, Rule, fold, judge_file, linked_sessions

CAMS = LinkingRules.of_prefixes("cam1", "cam2")
ANY = LinkingRules()


def session_named(path: str, rules: LinkingRules) -> str | None:
    """Return the only session that a path is linked to."""
    named = linked_sessions(path, rules)
    assert len(named) <= 1
    return named[0] if named else None


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("cam1_session42_.mp4", "42"),
        ("cam1_session0.mp4", "0"),
        ("cam1_session42.mp4.mp4", None),
        ("cam1_session42\n.mp4", None),
        ("cam1_\nsession42.mp4", None),
        ("cam1_ſession42.mp4", None),
        ("cam1_ſ42.mp4", None),
        ("cam1_session٤٢.mp4", None),
        ("cam1_session４２.mp4", None),
        ("cam1_session4²_x.mp4", None),
        ("cam1_session42\u0301_x.mp4", None),
        ("cam1_s\u030342_x.mp4", None),
        ("cam1\u0301_session42_x.mp4", None),
        ("cam1__session42.mp4", None),
        ("cam1_session-42.mp4", None),
        ("cam1_session+42.mp4", None),
        ("cam1–session42.mp4", None),
        ("cam1_session42.mp4 ", None),
        ("cam1_session42mp4", None),
        ("session42.mp4", None),
        ("_session42.mp4", None),
        ("cam1_session42_\udcff.mp4", "42"),
        ("cam1\udcff_session42.mp4", None),
    ],
)
def test_only_the_exact_grammar_links(name: str, session: str | None) -> None:
    """Line feeds, long s, foreign digits, combining marks, doubled separators and signs never make a session."""
    assert session_named(f"recordings/{name}", CAMS) == session


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("anything_session42.mp4", "42"),
        ("__session42.mp4", "42"),
        ("_session42.mp4", None),
        ("session42_x.mp4", None),
        ("session42_session42.mp4", "42"),
        ("a_session42_s42.mp4", "42"),
        ("a_session42_s042.mp4", None),
        ("session7_a_session42.mp4", None),
        ("a_session42-s7.mp4", None),
        ("a_session42x_s7.mp4", "7"),
        ("a_session42_s" + "9" * 300 + ".mp4", None),
        ("asession42.mp4", None),
    ],
)
def test_without_prefixes_all_markers_must_agree(name: str, session: str | None) -> None:
    """Without a configured prefix, a name links only if every marker has the same session and text comes before one."""
    assert session_named(f"recordings/{name}", ANY) == session


def test_the_longest_prefix_decides() -> None:
    """Of the prefixes lab and lab_s1 the longer counts; a name that fits only the shorter is a near miss of it."""
    prefixes = LinkingRules.of_prefixes("lab", "lab_s1")
    assert session_named("recordings/lab_s1_session42.mp4", prefixes) == "42"
    assert session_named("recordings/lab_s2_x.mp4", prefixes) == "2"
    assert session_named("recordings/lab_s1_x.mp4", prefixes) is None
    verdict = judge_file("recordings/lab_s1_x.mp4", "1", prefixes)
    assert verdict.rule is Rule.AMBIGUOUS
    assert verdict.reason == 'either session 1 of "lab" or another recording of "lab_s1"'
    assert judge_file("recordings/lab_s1_x.mp4", "42", prefixes).rule is Rule.OTHER_SESSION


def test_a_rival_beside_another_number_makes_both_ambiguous() -> None:
    """If lab names session 1 and lab_s1 almost names 42, the name is a near miss of both and linked to none."""
    prefixes = LinkingRules.of_prefixes("lab", "lab_s1")
    rules = [
        judge_file("recordings/lab_s1_session042.mp4", session_id, prefixes).rule for session_id in ("1", "42", "7")
    ]
    assert rules == [Rule.AMBIGUOUS, Rule.AMBIGUOUS, Rule.OTHER_SESSION]


def test_prefixes_compare_without_case_and_composition() -> None:
    """Küche, KÜCHE and its decomposed spelling are one prefix, shown as it was configured first."""
    prefixes = LinkingRules.of_prefixes("Küche", "KÜCHE", " ", "")
    assert prefixes.prefixes.of_session("42").texts[0] == "Küche"
    for spelling in ("küche", unicodedata.normalize("NFD", "KÜCHE")):
        verdict = judge_file(f"recordings/{spelling}_s42_x.mp4", "42", prefixes)
        assert (verdict.linked, verdict.prefix) == (True, "Küche")
    assert fold("STRASSE") == fold("straße")
    assert fold("\u03b1\u0345\u0301") == fold("\u1fb4")  # one letter, its two marks in either order


def test_blank_prefixes_configure_nothing() -> None:
    """A lab whose prefixes are all blank counts as a lab without prefixes."""
    assert not LinkingRules.of_prefixes("", "  ").prefixes.configured
    assert LinkingRules.of_prefixes("cam1").prefixes.configured


def test_a_prefix_is_text_not_a_pattern() -> None:
    """Characters with a meaning in patterns are literal in a prefix."""
    prefixes = LinkingRules.of_prefixes("cam.", "a*b", "c(1)", "d-")
    assert session_named("recordings/camx_s1.mp4", prefixes) is None
    assert [session_named(f"recordings/{p}_s1.mp4", prefixes) for p in prefixes.prefixes.of_session("1").texts] == [
        "1",
        "1",
        "1",
        "1",
    ]


@pytest.mark.parametrize(
    "session_id", ["-42", "1" + "0" * 64, "1" + "0" * 5000, "042", ""], ids=lambda session_id: session_id[:5]
)
def test_a_number_that_is_no_id_links_nothing(session_id: str) -> None:
    """Negative numbers, leading zeros and numbers of over 64 digits, which no id has, match nothing."""
    names = ["cam1_s-42.mp4", "cam1_s42.mp4", f"cam1_s1{'0' * 64}.mp4", f"cam1_s1{'0' * 5000}.mp4", "cam1_s042.mp4"]
    assert not any(judge_file(f"recordings/{name}", session_id, CAMS).linked for name in names)
    folders = ("42", "-42", "042", "1" + "0" * 64)
    assert not any(
        judge_file(f"sessions/Session{digits}/recordings/a.mp4", session_id, CAMS).linked for digits in folders
    )
    assert session_named(f"recordings/cam1_s{'9' * 64}.mp4", CAMS) == "9" * 64
    assert session_named(f"recordings/cam1_s1{'0' * 64}.mp4", CAMS) is None
