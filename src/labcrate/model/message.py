"""Messages as values: an id with its values, and the English text made from them.

A ``Message`` is a text, so that archives, the command line and logs use it as it is. Pages take its id and values
and say it in the reader's language.
"""

from typing import Any, Self

from labcrate.model.english import ENGLISH


class Message(str):
    """An English sentence that keeps its id and values; two with the same text are equal."""

    __slots__ = ("id", "values")

    id: str
    values: dict[str, Any]

    def __new__(cls, id: str, **values: Any) -> Self:
        """Make the message of an id. Raises KeyError for an id or a value that the catalogue does not know."""
        self = super().__new__(cls, fill(ENGLISH[id], values))
        self.id, self.values = id, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.id,), self.values


def fill(pattern: str, values: dict[str, Any]) -> str:
    """Put values into the places of a pattern (``{name}``).

    Whole numbers are grouped by thousands; a tuple is sentences, one after the other.
    """
    return pattern.format_map({name: _shown(value) for name, value in values.items()})


def _shown(value: Any) -> Any:
    if type(value) is int:
        return f"{value:,}"
    return " ".join(value) if isinstance(value, tuple) else value
