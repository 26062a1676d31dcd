"""Cleaning of what is read from the lab's files, and paths that users type."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def expand_home(text: str) -> Path:
    """Return the path that somebody typed, ``~`` as their home; of a user who is not there it stays (no exception)."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises RuntimeError


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


NO_CLEANING = Cleaning(lambda text: text, lambda value, _removed: value)
"""Leave everything as it is. Only for what never leaves the lab."""
