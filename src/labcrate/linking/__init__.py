"""Linking recordings to sessions: an exact rule over names, folders and registers, with its reasons."""

from labcrate.linking.filename import fold, is_non_mp4_video
from labcrate.linking.judgement import judge_file, near_miss_by_time
from labcrate.linking.prefixes import CameraNames
from labcrate.linking.resolve import linked_sessions
from labcrate.linking.rules import LinkEntry, LinkingRules
from labcrate.linking.verdict import Rule, Verdict, VerdictKind, command_line

__all__ = [
    "CameraNames",
    "LinkEntry",
    "LinkingRules",
    "Rule",
    "Verdict",
    "VerdictKind",
    "command_line",
    "fold",
    "is_non_mp4_video",
    "judge_file",
    "linked_sessions",
    "near_miss_by_time",
]
