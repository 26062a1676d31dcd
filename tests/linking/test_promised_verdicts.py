"""The verdicts that the project promises, one row each."""

import csv
from pathlib import Path

import pytest

from labcrate.linking import LinkingRules, VerdictKind, judge_file, linked_sessions

ROWS = list(csv.DictReader((Path(__file__).parent / "cases.csv").read_text("utf-8").splitlines()))


def expected(kind: str, why: str) -> tuple[str | None, str | None, str | None]:
    """Return rule, reason and warning in a row's last column; None where it has no reason."""
    if kind == "linked":
        rule, _, warning = why.partition("; ")
        return rule, None, warning or None
    if kind == "unrelated" and why.startswith("belongs to session "):
        return "other session", why, None
    if kind == "unrelated" and why.startswith("folder of session "):
        return "other session", f"is in the {why}", None
    return why, None, None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['session']}-{row['path']}-{row['prefixes'] or 'none'}")
def test_each_row_has_its_verdict_and_its_reason(row: dict[str, str]) -> None:
    """Every row of the table of cases gets exactly its verdict, its rule, its session in the reason and its warning."""
    rules, session_id = LinkingRules.of_prefixes(*row["prefixes"].split()), row["session"]
    verdict = judge_file(row["path"], session_id, rules)
    rule, reason, warning = expected(row["verdict"], row["why"])
    assert (verdict.kind.value, verdict.rule.value, verdict.warning) == (row["verdict"], rule, warning)
    assert reason is None or verdict.reason == reason
    assert (linked_sessions(row["path"], rules) == (session_id,)) == (verdict.kind is VerdictKind.LINKED)


def test_the_table_covers_every_verdict() -> None:
    """The table was read whole: it holds rows of all three verdicts, and no row twice."""
    assert {row["verdict"] for row in ROWS} == {kind.value for kind in VerdictKind}
    assert len({tuple(row.values()) for row in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize("row", [row for row in ROWS if row["verdict"] == "near miss"], ids=lambda row: row["path"])
def test_a_near_miss_says_what_to_do_and_is_only_its_own_sessions(row: dict[str, str]) -> None:
    """Each near miss has a remedy that would link the file, and is no near miss of sessions 4, 2, 420 and 0."""
    rules, session_id = LinkingRules.of_prefixes(*row["prefixes"].split()), row["session"]
    verdict = judge_file(row["path"], session_id, rules)
    assert verdict.remedy
    assert verdict.linked_as is not None
    assert judge_file(verdict.linked_as, session_id, rules).linked
    assert {judge_file(row["path"], other, rules).kind for other in ("4", "2", "420", "0")} == {VerdictKind.UNRELATED}
