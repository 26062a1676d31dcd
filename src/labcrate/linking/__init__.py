"""Which recordings belong to a session: an exact rule over names, folders and registers, with its reasons."""

from labcrate.linking.filename import fold, is_other_video
from labcrate.linking.judging import judge, right_time_near_miss
from labcrate.linking.prefixes import CameraNames
from labcrate.linking.rules import LinkingRules, RegisterEntry
from labcrate.linking.settling import sessions_named
from labcrate.linking.verdict import Kind, Rule, Verdict, command_line

__all__ = [
    "CameraNames",
    "Kind",
    "LinkingRules",
    "RegisterEntry",
    "Rule",
    "Verdict",
    "command_line",
    "fold",
    "is_other_video",
    "judge",
    "right_time_near_miss",
    "sessions_named",
]
