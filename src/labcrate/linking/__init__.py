"""Which recordings belong to a session: an exact rule over names and folders, with its reasons."""

from labcrate.linking.filename import Prefixes, fold
from labcrate.linking.judging import judge, right_time_near_miss, session_named
from labcrate.linking.verdict import Kind, Rule, Verdict

__all__ = [
    "Kind",
    "Prefixes",
    "Rule",
    "Verdict",
    "fold",
    "judge",
    "right_time_near_miss",
    "session_named",
]
