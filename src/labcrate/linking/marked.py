"""Which near misses name their session by a marker, so that many of them may be linked at once.

The marker (``session``, or ``s`` before a number) and the whole id of one session stand in the file's own name; what
is wrong is the prefix, a separator, zeros, or their order. All else needs somebody's eye for each file: a time alone,
a number alone, a number that runs on (and may be another id), an ``s`` before a text (and may be any word), a folder's
name, and whatever is ambiguous.
"""

from labcrate.linking.filename import base_name, is_other_video
from labcrate.linking.judging import judge
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule, Verdict

MARKED = frozenset({Rule.UNKNOWN_PREFIX, Rule.NO_SEPARATOR, Rule.LEADING_ZEROS, Rule.MARKER_FIRST, Rule.SPLIT_MARKER})
"""The kinds of near miss whose name holds the marker and the whole id of one session."""


def names_by_marker(path: str, session_id: str, verdict: Verdict, rules: LinkingRules) -> bool:
    """Return whether a near miss (``verdict``) names the session by a marker, as an MP4 or another video."""
    if verdict.rule in MARKED:
        return True
    if verdict.rule is not Rule.NOT_MP4 or not is_other_video(base_name(path)):
        return False
    as_mp4 = judge(f"{path.rpartition('.')[0]}.mp4", session_id, rules)
    return as_mp4.linked and as_mp4.rule is Rule.NAME
