"""A message to a user: an id with its values, and the text that a language makes of them.

A ``Message`` is also its English text, so that archives, the command line and logs use it as it is. Pages make the
text of another language from its id and values.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Self

from labcrate.messages.english import ENGLISH
from labcrate.messages.text import printable

Pattern = str | tuple[str, str]
"""A text with places for values (``{name}``); or two of them, for a ``count`` of one and for any other."""


class Language(NamedTuple):
    """How a language writes what a message holds.

    ``number`` writes a whole number, ``enumerate`` a list of texts ("a, b and c"), ``message`` the text of a message
    within the message, ``word`` a member of an enumeration that users see.
    """

    number: Callable[[int], str]
    enumerate: Callable[[Sequence[str]], str]
    message: Callable[["Message"], str]
    word: Callable[[str], str]


class Message(str):
    """An English text that keeps its id and values. Two with the same text are equal.

    How a value is written depends on its type: a whole number is grouped by thousands (give years and ids as text);
    a ``Message`` is a sentence within the sentence; a tuple is sentences, one after the other; a list is enumerated
    ("a, b and c"); a member of an enumeration is a word of the language; other text is printed on one line, its
    control characters escaped.
    """

    __slots__ = ("id", "values")

    id: str
    values: dict[str, Any]

    def __new__(cls, id: str, /, **values: Any) -> Self:
        """Make the message of an id. Raises KeyError for an id or a value that the catalogue does not have."""
        self = super().__new__(cls, fill(ENGLISH[id], values, _ENGLISH))
        self.id, self.values = id, values
        return self

    def __str__(self) -> str:
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.id,), self.values

    def replace_texts(self, change: Callable[[str], str]) -> "Message":
        """Return the message with every text among its values changed, also within other messages and lists."""
        values = {name: _changed(value, change) for name, value in self.values.items()}
        return self if values == self.values else Message(self.id, **values)


def fill(pattern: Pattern, values: Mapping[str, Any], language: Language) -> str:
    """Return the text of a pattern with its values. Raises KeyError for a value that is missing."""
    if isinstance(pattern, tuple):
        pattern = pattern[values["count"] != 1]
    return pattern.format_map({name: _written(value, language) for name, value in values.items()})


def plain_text(message: object) -> str:
    """Return a message as text of the plain type, for encoders that take no other (msgspec's ``enc_hook``).

    Raises NotImplementedError for anything else.
    """
    if not isinstance(message, Message):
        raise NotImplementedError(f"a {type(message).__name__} cannot be encoded")
    return str.__str__(message)


def first_names(names: Iterable[str], most: int = 8) -> str:
    """Return names on one line: the first of them, and how many more there are."""
    printed = [printable(name) for name in names]
    first = ", ".join(printed[:most])
    more = len(printed) - most
    return Message("names.and_more", names=first, count=more) if more > 0 else first


def _written(value: Any, language: Language) -> str:
    if isinstance(value, Message):
        return language.message(value)
    if isinstance(value, StrEnum):
        return language.word(value)
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return " ".join(_written(one, language) for one in value)
    if isinstance(value, list):
        return language.enumerate([_written(one, language) for one in value])
    return language.number(value) if type(value) is int else str(value)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Message):
        return value.replace_texts(change)
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(_changed(one, change) for one in value)
    return value


def _enumerated(texts: Sequence[str]) -> str:
    *first, last = texts or [""]
    return f"{', '.join(first)} and {last}" if first else last


_ENGLISH = Language(lambda number: f"{number:,}", _enumerated, str, str)
