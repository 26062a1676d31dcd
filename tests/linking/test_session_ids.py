"""Session ids in names: numbers, UUIDs, texts that begin with each other, refused ids."""

import unicodedata

import pytest

from labcrate.linking import CameraNames, LinkingRules, Rule, VerdictKind, judge_file, linked_sessions

CAMS = (CameraNames("a", "1", "kitchen", "cam1"), CameraNames("b", "2", "hall", "cam2"))
UUID = "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11"


def lab(*ids: str, unreadable: bool = False) -> LinkingRules:
    """Return the rules of a lab with two cameras and these sessions."""
    return LinkingRules.build(cameras=CAMS, session_ids=ids, descriptions_unreadable=unreadable)


@pytest.mark.parametrize(
    ("ids", "name", "session"),
    [
        (["P07"], "cam1_sessionP07.mp4", "P07"),
        (["P07"], "CAM1-SESSIONP07-2025-04-22T08-14-00-218Z.mp4", "P07"),
        ([UUID], f"cam1_session{UUID}_20250611T080000Z.mp4", UUID),
        (["P07", "P07-morning"], "cam1_sessionP07-morning_x.mp4", "P07-morning"),
        (["P07", "P07-morning"], "cam1_sessionP07-morning.mp4", "P07-morning"),
        (["P07", "P07-morning"], "cam1_sessionP07-mornings.mp4", "P07"),
        (["P07", "P07-morning"], "cam1_sessionP07_morning.mp4", "P07"),
        (["P07", "P07-morning"], "cam1_sessionP07.mp4", "P07"),
        (["42", "42-b"], "cam1_session42-b_x.mp4", "42-b"),
        (["42", "42-b"], "cam1_session42-c_x.mp4", "42"),
        (["42", "42-b"], "cam1_session42_b_x.mp4", "42"),
        (["42-b"], "cam1_session42-c.mp4", "42"),
        (["P07 day.2"], "cam1_sessionP07 day.2_x.mp4", "P07 day.2"),
        (["a_session42"], "cam1_sessiona_session42_x.mp4", "a_session42"),
        (["P07"], "cam1_sP07_x.mp4", None),
        (["P07"], "cam1_sessionP07x.mp4", None),
        (["P07"], "cam1_sessionP0.mp4", None),
        (["P07"], "cam1_sessionP08.mp4", None),
        (["P07"], "cam1_session_P07.mp4", None),
        (["P07"], "cam1_xsessionP07.mp4", None),
        ([], "cam1_sessionP07.mp4", None),
        ([], "cam1_session99_x.mp4", "99"),
        (["042"], "cam1_session042_x.mp4", None),
        (["٤٢"], "cam1_session٤٢_x.mp4", "٤٢"),
    ],
)
def test_the_whole_and_the_longest_id_is_meant(ids: list[str], name: str, session: str | None) -> None:
    """An id ends at a separator or the extension, text ids follow only ``session``, and the longest counts."""
    assert linked_sessions(f"recordings/{name}", lab(*ids)) == ((session,) if session else ())


@pytest.mark.parametrize("refused", ["P07-mor+ning", "P07-x:", "P07-" + "n" * 80])
def test_a_refused_id_keeps_its_recordings_from_a_shorter_one(refused: str) -> None:
    """A name with a refused id belongs to that session, never to a session whose id is its beginning."""
    rules = lab("P07", refused)
    assert linked_sessions(f"recordings/cam1_session{refused}_x.mp4", rules) == (refused,)
    assert judge_file(f"recordings/cam1_session{refused}_x.mp4", "P07", rules).rule is Rule.OTHER_SESSION


def test_ids_compare_composed() -> None:
    """An id and a name written by macOS (decomposed) match."""
    composed, decomposed = (unicodedata.normalize("NFC", "küche-1"), unicodedata.normalize("NFD", "küche-1"))
    for spelt in ((composed, decomposed), (decomposed, composed)):
        named = linked_sessions(f"recordings/cam1_session{spelt[1]}_x.mp4", lab(spelt[0]))
        assert named == (composed,)


@pytest.mark.parametrize("name", ["cam1_sessionP07_x", "cam1_sessionp07_x", "cam1_SESSIONp07"])
def test_ids_that_differ_in_case_alone_are_ambiguous_in_names(name: str) -> None:
    """Neither P07 nor p07 gets the recording, both see it, and folders still distinguish them."""
    rules = lab("P07", "p07", "P0")
    verdicts = {
        session_id: judge_file(f"recordings/{name}.mp4", session_id, rules) for session_id in ("P07", "p07", "P0")
    }
    assert [v.rule for v in verdicts.values()] == [Rule.AMBIGUOUS, Rule.AMBIGUOUS, Rule.OTHER_SESSION]
    assert (
        verdicts["P07"].reason
        == "may mean sessions P07, p07, whose IDs begin alike or differ only in upper and lower case"
    )
    assert linked_sessions(f"sessions/Sessionp07/{name}.mp4", rules) == ("p07",)


def test_an_id_in_another_case_is_not_taken_for_a_shorter_one() -> None:
    """If P07-Morning is written and P07-morning is known, session P07 does not get the recording."""
    rules = lab("P07", "P07-morning")
    path = "recordings/cam1_sessionP07-Morning_x.mp4"
    assert linked_sessions(path, rules) == ()
    assert [judge_file(path, session_id, rules).rule for session_id in ("P07", "P07-morning")] == [Rule.AMBIGUOUS] * 2
    verdict = judge_file("recordings/cam1_sessionp07-morning_x.mp4", "P07-morning", lab("P07-morning"))
    assert (verdict.rule, verdict.reason) == (Rule.AMBIGUOUS, "the ID is written p07-morning")
    assert verdict.linked_as == "recordings/cam1_sessionP07-morning_x.mp4"


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("cam1_sessionP07-morning", None),
        ("cam1_sessionP07_20250502", None),
        ("cam1_sessionP07", "P07"),
        ("cam1_session42_x", "42"),
        ("cam1_s7-b", "7"),
    ],
)
def test_an_unreadable_description_makes_longer_names_ambiguous(name: str, session: str | None) -> None:
    """While a file that describes sessions cannot be read, text after a text id may be part of another id."""
    rules = lab("P07", "42", unreadable=True)
    assert linked_sessions(f"recordings/{name}.mp4", rules) == ((session,) if session else ())
    assert linked_sessions(f"recordings/{name}.mp4", lab("P07", "42")) != ()
    if session is None:
        verdict = judge_file(f"recordings/{name}.mp4", "P07", rules)
        assert verdict.rule is Rule.AMBIGUOUS
        assert verdict.reason.startswith("a file that describes sessions cannot be read")


def test_without_prefixes_text_ids_count_as_markers() -> None:
    """Without a configured prefix, two different sessions in a name are ambiguous, whatever their kind of id."""
    rules = LinkingRules.build(session_ids=["P07", "P07-morning", "42"])
    assert linked_sessions("recordings/any_sessionP07-morning_x.mp4", rules) == ("P07-morning",)
    assert linked_sessions("recordings/any_sessionP07_x_sessionP07.mp4", rules) == ("P07",)
    assert linked_sessions("recordings/sessionP07_x.mp4", rules) == ()
    path = "recordings/any_sessionP07_s42.mp4"
    assert [judge_file(path, session_id, rules).rule for session_id in ("P07", "42")] == [Rule.AMBIGUOUS] * 2


@pytest.mark.parametrize(
    ("name", "rule", "fixed"),
    [
        ("garden_sessionP07_x", Rule.UNKNOWN_PREFIX, None),
        ("cam1sessionP07_x", Rule.NO_SEPARATOR, "cam1_sessionP07_x"),
        ("sessionP07_cam1_x", Rule.MARKER_FIRST, "cam1_sessionP07_x"),
        ("cam1_session_P07_x", Rule.SPLIT_MARKER, "cam1_sessionP07_x"),
        ("cam1_sP07_x", Rule.SHORT_MARKER, "cam1_sessionP07_x"),
        ("cam1-P07-x", Rule.BARE_NUMBER, "cam1-sessionP07-x"),
        ("cam1_sessionP07 (1)", Rule.NUMBER_RUNS_ON, "cam1_sessionP07_(1)"),
        ("cam1_x_sessionP07_sessionP08", Rule.AMBIGUOUS, None),
    ],
)
def test_near_misses_of_a_text_id(name: str, rule: Rule, fixed: str | None) -> None:
    """A name that almost contains a text id is its near miss, with the corrected name, and of no other session."""
    rules = lab("P07", "P08", "P0")
    verdict = judge_file(f"recordings/{name}.mp4", "P07", rules)
    assert (verdict.kind, verdict.rule) == (VerdictKind.NEAR_MISS, rule)
    assert verdict.linked_as == (f"recordings/{fixed}.mp4" if fixed else f"sessions/SessionP07/recordings/{name}.mp4")
    assert judge_file(f"recordings/{name}.mp4", "P0", rules).kind is VerdictKind.UNRELATED


@pytest.mark.parametrize("name", [f"garden_session{UUID}_x", f"cam1_session{UUID}", f"session{UUID}_cam1"])
def test_a_uuid_is_no_number_that_runs_on(name: str) -> None:
    """The first digits of a UUID are no session number, even if the lab has no such UUID."""
    assert judge_file(f"recordings/{name}.mp4", "5", lab()).kind is VerdictKind.UNRELATED


def test_a_text_that_begins_with_a_number_is_no_near_miss_of_it() -> None:
    """A faulty 42-b is a near miss of session 42-b, and not of session 42."""
    rules = lab("42", "42-b")
    for name in ("garden_session42-b_x", "cam1_42-b_x", "session42-b_cam1"):
        kinds = [judge_file(f"recordings/{name}.mp4", session_id, rules).kind for session_id in ("42-b", "42")]
        assert kinds == [VerdictKind.NEAR_MISS, VerdictKind.UNRELATED]


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("sessions/SessionP07", (VerdictKind.LINKED, VerdictKind.UNRELATED)),
        ("sessions/sessionP07", (VerdictKind.NEAR_MISS, VerdictKind.UNRELATED)),
        ("sessions/Session P07", (VerdictKind.NEAR_MISS, VerdictKind.UNRELATED)),
        ("recordings/SessionP07", (VerdictKind.NEAR_MISS, VerdictKind.UNRELATED)),
        ("sessions/SessionP08", (VerdictKind.UNRELATED, VerdictKind.LINKED)),
        ("sessions/SessionP07-x", (VerdictKind.UNRELATED, VerdictKind.UNRELATED)),
        ("sessions/SessionP07+", (VerdictKind.UNRELATED, VerdictKind.UNRELATED)),
        ("sessions/Session../SessionP07", (VerdictKind.UNRELATED, VerdictKind.UNRELATED)),
    ],
)
def test_folders_of_text_ids_are_exact(folder: str, kinds: tuple[VerdictKind, VerdictKind]) -> None:
    """A session's folder carries its id whole; a known id in another spelling is a near miss of that session alone."""
    rules = lab("P07", "P08")
    assert tuple(judge_file(f"{folder}/a.mp4", session_id, rules).kind for session_id in ("P07", "P08")) == kinds
