"""Many paths at once are linked as each path alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.linking.test_every_name import PATHS, WILD, any_rules

from labcrate.linking import linked_sessions
from labcrate.linking.all_paths import sessions_of_paths
from labcrate.linking.rules import LinkingRules

_PARTS = st.sampled_from(
    ["cam1", "CAM1", "küche", "session2", "s2", "session02", "sessionP07", "sessionP07-morning", "2025", "x", "", "é"]
)
_ALIKE = st.builds(
    "recordings/{}{}.mp4".format,
    st.sampled_from(["cam1_session2-", "cam1_s2_", "küche-sessionP07-", "any_session2", "c-1_"]),
    st.lists(_PARTS, max_size=3).map("_".join),
)


@st.composite
def rules_and_paths(draw: st.DrawFn) -> tuple[LinkingRules, list[str]]:
    """Return rules, and paths that begin alike, or have any rest, or are in the registers."""
    rules = draw(any_rules())
    named = [f"recordings/{name}" for name in rules.register.by_name]
    more = draw(st.lists(_ALIKE | PATHS | WILD, max_size=8))
    return rules, sorted({*named, *rules.register.by_path, *more})


@pytest.mark.thorough
@given(rules_and_paths())
def test_many_are_linked_as_each_alone(lab: tuple[LinkingRules, list[str]]) -> None:
    """In order and in reverse, with any rules, each path has the sessions that it has alone."""
    rules, paths = lab
    alone = [linked_sessions(path, rules) for path in paths]
    assert list(sessions_of_paths(paths, rules)) == alone
    assert list(sessions_of_paths(reversed(paths), rules)) == alone[::-1]
