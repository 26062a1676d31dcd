"""Functions that clean texts from the lab's files, and the home folder in paths that users type."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct


def expand_home(text: str) -> Path:
    """Return a path with ``~`` as the user's home folder; ``~name`` of an unknown user is left as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises RuntimeError


class Cleaning(Struct, frozen=True):
    """The functions that remove secrets from every text and JSON value read from a file of the lab.

    ``text`` cleans one text. ``value`` cleans a JSON value and appends the places that it blanks to a list.
    """

    text: Callable[[str], str]
    value: Callable[[Any, list[str]], Any]

    def optional(self, text: str | None) -> str | None:
        """Clean a text; return None for None."""
        return None if text is None else self.text(text)


NO_CLEANING = Cleaning(lambda text: text, lambda value, _removed: value)
"""Leaves every value unchanged. Only for values that are never exported or displayed."""
