"""What users and tokens may be called: names that can be read, compared and written to a log."""

import unicodedata

from labcrate.errors import UsageError
from labcrate.lab.text import one_line

_LONGEST = 64
LONGEST_TYPED = 4 * _LONGEST
"""More characters than anybody's name has, also with each accent as a character of its own."""


def clean_name(text: str, what: str) -> str:
    """A name as it is kept: Unicode NFC, no space around it. Raises UsageError for one that nobody could read."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _LONGEST or not name.isprintable():
        shown = one_line(name[: _LONGEST + 1])
        raise UsageError(
            f"'{shown}' is no name for a {what}: it takes 1 to {_LONGEST} letters, digits, signs and spaces, "
            "and nothing that cannot be seen."
        )
    return name


def name_key(name: str) -> str:
    """A name as it is compared: without regard to case and to forms that look alike (NFKC)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).strip()
