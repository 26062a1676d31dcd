"""The verdict on a file and a session: linked, unrelated or near miss, and why."""

import shlex
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from labcrate.messages.message import Message, first_names
from labcrate.messages.text import printable


class VerdictKind(StrEnum):
    """The three verdicts."""

    LINKED = "linked"
    UNRELATED = "unrelated"
    NEAR_MISS = "near miss"


class Rule(StrEnum):
    """The rule that decided: a stable code, the same in the plan, the JSON and the tests."""

    NAME = "name"
    FOLDER = "folder"
    REGISTER = "register"

    UNKNOWN_PREFIX = "unknown prefix"
    NO_SEPARATOR = "no separator"
    LEADING_ZEROS = "leading zeros"
    MARKER_FIRST = "marker first"
    BARE_NUMBER = "bare number"
    AMBIGUOUS = "ambiguous"
    NOT_MP4 = "not MP4"
    WRONG_FOLDER_NAME = "wrong folder name"
    NUMBER_RUNS_ON = "number runs on"
    SPLIT_MARKER = "separator inside the marker"
    SHORT_MARKER = "short marker"
    RIGHT_TIME = "right time, no ID"

    OTHER_SESSION = "other session"
    NO_SESSION = "no session in the name"
    NOT_A_RECORDING = "not a recording"
    HIDDEN = "hidden file"
    SYMBOLIC_LINK = "symbolic link"


class Verdict(Struct, frozen=True):
    """The verdict on one file for one session.

    ``reason`` says why in a few words; ``remedy`` (near misses only) says what to do. ``command`` (near misses only) is
    the labcrate command that does it, in words, without ``--lab``: see ``command_line``. ``warning`` is a note about a
    linked file; it names no session but the one in the file's own name. ``also_linked_to`` are the other sessions that
    the file is linked to. ``prefix`` is the prefix in the name of a linked file or near miss, and ``camera`` the
    caller's key of the camera, where it is known. ``linked_as`` (near misses only) is a path, as the file system spells
    it, under which the file would be linked; None where only the register can be corrected.
    """

    kind: VerdictKind
    rule: Rule
    reason: Message
    remedy: Message | None = None
    warning: Message | None = None
    prefix: str | None = None
    linked_as: str | None = None
    command: tuple[str, ...] | None = None
    camera: str | None = None
    also_linked_to: tuple[str, ...] = ()

    @property
    def linked(self) -> bool:
        """Return whether the file is included in the session's archive."""
        return self.kind is VerdictKind.LINKED


@lru_cache(maxsize=4096)  # tens of thousands of files share a few reasons
def unrelated_verdict(rule: Rule, reason: Message) -> Verdict:
    """Return the verdict on a file that has nothing to do with the session."""
    return Verdict(VerdictKind.UNRELATED, rule, reason)


@lru_cache(maxsize=4096)  # the same here
def sessions_message(message_id: str, sessions: tuple[str, ...]) -> Message:
    """Return a message about one or several sessions; its text holds ``{sessions}``."""
    return Message(message_id, sessions=first_names(sessions), count=len(sessions))


def command_line(words: Iterable[str]) -> str:
    """Return a command as one line that can be pasted into a shell, quoted where necessary."""
    return shlex.join(map(printable, words))
