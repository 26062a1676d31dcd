"""What is said about a file and a session: linked, unrelated or near miss, and why."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """The three verdicts."""

    LINKED = "linked"
    UNRELATED = "unrelated"
    NEAR_MISS = "near miss"


class Rule(StrEnum):
    """The rule that decided: a stable code, the same in the plan, the JSON and the tests."""

    NAME = "name"
    FOLDER = "folder"

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
    RIGHT_TIME = "right time, no ID"

    OTHER_SESSION = "other session"
    NO_SESSION = "no session in the name"
    NOT_A_RECORDING = "not a recording"
    HIDDEN = "hidden file"
    SYMBOLIC_LINK = "symbolic link"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One file's verdict for one session.

    ``reason`` says why in a few words, ``remedy`` (near misses only) what to do; both are printable
    whatever the file's name holds. ``warning`` is worth knowing about a linked file. ``prefix`` is the
    configured prefix that the name of a linked file or near miss carries, as configured. ``linked_as``
    (near misses only) is a path, as the file system spells it, under which the file would be linked.
    """

    kind: Kind
    rule: Rule
    reason: str
    remedy: str | None = None
    warning: str | None = None
    prefix: str | None = None
    linked_as: str | None = None

    @property
    def linked(self) -> bool:
        """Whether the file goes into the session's archive."""
        return self.kind is Kind.LINKED


@lru_cache(maxsize=4096)  # tens of thousands of files share a few reasons
def unrelated(rule: Rule, reason: str) -> Verdict:
    """The verdict on a file that has nothing to do with the session."""
    return Verdict(Kind.UNRELATED, rule, reason)


def printable(text: str) -> str:
    """Text of a file's name for people: control characters and undecodable bytes become escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
