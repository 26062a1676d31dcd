"""The tables that are made from the readings: which of them an export adds or leaves out on request."""

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.plan import member_names as names


class AddedTables(StrEnum):
    """Tables that are only made on request."""

    PARQUET = "parquet"


class DerivedTable(StrEnum):
    """A table that is made from the readings unless it is left out on request."""

    ZIGBEE_JSON = "zigbee-json"
    ZIGBEE_CSV = "zigbee-csv"
    LONG_JSON = "long-json"
    LONG_CSV = "long-csv"

    @property
    def member(self) -> str:
        """Return the name of the table in the archive."""
        return _MEMBERS[self]


_MEMBERS = {
    DerivedTable.ZIGBEE_JSON: names.ZIGBEE_JSON,
    DerivedTable.ZIGBEE_CSV: names.ZIGBEE_CSV,
    DerivedTable.LONG_JSON: names.SENSOR_JSON,
    DerivedTable.LONG_CSV: names.SENSOR_CSV,
}

# The tables that hold each message as it was sent; the long ones hold its values one by one.
_WHOLE_TABLES = (DerivedTable.ZIGBEE_JSON, DerivedTable.ZIGBEE_CSV)

T = TypeVar("T", bound=StrEnum)


def parse_tables(kind: type[T]) -> Callable[[str, Iterable[str]], tuple[T, ...]]:
    """Return a function that reads the tables of one ``kind``, and returns each once, in a fixed order.

    It is called with the option's name, for its message, and texts with one or more names, separated by commas. It
    raises UsageError for a name that the kind does not have.
    """

    def parse(name: str, given: Iterable[str]) -> tuple[T, ...]:
        words = {word.strip(): None for text in given for word in text.split(",")}
        words.pop("", None)
        for word in words:
            if word not in list(kind):
                raise UsageError(Message("option.table", name=name, value=word, names=", ".join(kind)))
        return tuple(table for table in kind if table in words)

    return parse


def whole_tables(added: Collection[AddedTables], left_out: Collection[DerivedTable]) -> list[str]:
    """Return the names, in the archive, of its tables that hold each message as it was sent."""
    members = [table.member for table in _WHOLE_TABLES if table not in left_out]
    return [*members, names.ZIGBEE_PARQUET] if AddedTables.PARQUET in added else members


def describe_tables_left_out(
    added: Collection[AddedTables], left_out: Collection[DerivedTable], copied: Collection[str]
) -> Iterator[Message]:
    """Yield what was left out on request and where the same readings are, and what was not, because it is copied.

    ``copied`` are the names, in the archive, of the session's own files.
    """
    members = [table.member for table in left_out]
    if absent := [member for member in members if member not in copied]:
        yield Message("tables.left_out", tables=absent, kept=whole_tables(added, left_out))
    for member in members:
        if member in copied:
            yield Message("tables.own_file", file=member)
