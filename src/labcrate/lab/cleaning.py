"""How texts of the lab are cleaned while they are read: the one place where that is decided."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labcrate.lab.redact import redact, redact_text


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done with every text and JSON value that is taken from a file of the lab.

    ``text`` cleans one text. ``value`` cleans a JSON value and appends the keys that it drops to the list.
    """

    text: Callable[[str], str]
    value: Callable[[Any, list[str]], Any]

    def optional(self, text: str | None) -> str | None:
        """Clean a text that may be missing."""
        return None if text is None else self.text(text)


BY_KEY_NAME = Cleaning(redact_text, lambda value, removed: redact(value, "", removed))
"""Drop the fields whose names say secret, and blank addresses, URLs and paths in texts."""

AS_WRITTEN = Cleaning(lambda text: text, lambda value, _removed: value)
"""Leave everything as it is: for who blanks secrets later, by their values."""
