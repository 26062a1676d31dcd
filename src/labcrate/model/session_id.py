"""Session ids: texts like ``42``, ``P07-morning`` or a UUID (docs/reference/lab-folder.md, "Session ids")."""

import re
import unicodedata
from collections.abc import Container

LONGEST_ID = 64
RULE = (
    "an id has 1 to 64 letters, digits, spaces, '.', '_' or '-', begins with a letter or digit, "
    "and does not end in a space or dot; a number has no leading zero"
)

_ID = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
_LEADING_ZERO = re.compile(r"0[0-9]+", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_SHORTCUT = re.compile(r"(?i:session)(.+)|[sS](0|[1-9][0-9]*)")
# JSON numbers beyond 2**53 lose digits in JavaScript and in R, so longer ids stay texts there.
_JSON_DIGITS = 15


def normalized_id(text: str) -> str:
    """Return the form in which ids are compared: Unicode NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_session_id(text: str) -> bool:
    """Return whether a text (in NFC) may be a session's id. Digits with a leading zero are none."""
    return _ID.fullmatch(text) is not None and not has_leading_zero(text)


def has_leading_zero(text: str) -> bool:
    """Return whether a text is a number with a leading zero: a near miss of that number, never an id."""
    return _LEADING_ZERO.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Return whether an id is a number, so that it may follow the short marker ``s`` in a file name."""
    return _NUMBER.fullmatch(text) is not None


def sort_key(session_id: str) -> tuple[int, int, str]:
    """Return a key that sorts numbers by value, before all other ids by their text."""
    return (len(session_id), 0, session_id) if is_number(session_id) else (LONGEST_ID + 1, 1, session_id)


def json_id(session_id: str) -> int | str:
    """Return an id as JSON has it: a number where it is one of at most 15 digits, else the text."""
    return int(session_id) if is_number(session_id) and len(session_id) <= _JSON_DIGITS else session_id


def resolved(text: str, known: Container[str]) -> str:
    """Return the known id that a text means: the text itself, else ``42`` for ``Session42`` or ``s42``.

    The text comes back as it is where it means none of them, so that a message can quote it.
    """
    if text not in known and (found := _SHORTCUT.fullmatch(text)):
        session_id: str = found[1] or found[2]
        return session_id if session_id in known else text
    return text
