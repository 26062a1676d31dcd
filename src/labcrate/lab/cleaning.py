"""How texts of the lab are cleaned while they are read: a callable, for this room knows no secrets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done with every text and JSON value that is taken from a file of the lab.

    ``text`` cleans one text. ``value`` cleans a JSON value and adds the places that it blanks to the list.
    """

    text: Callable[[str], str]
    value: Callable[[Any, list[str]], Any]

    def optional(self, text: str | None) -> str | None:
        """Clean a text that may be missing."""
        return None if text is None else self.text(text)


AS_WRITTEN = Cleaning(lambda text: text, lambda value, _removed: value)
"""Leave everything as it is. Only for what never leaves the lab."""
