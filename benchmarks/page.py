"""The tables of a documentation page that measurements write.

A table is between ``<!-- table: NAME -->`` and ``<!-- end -->``; everything else of the page stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

_START = re.compile(r"<!-- table: (?P<name>[\w-]+) -->\n")
_END = "<!-- end -->"


class PageError(Exception):
    """A page without the expected table, or with a table that does not end."""


def table_names(text: str) -> list[str]:
    """Return the names of a page's tables in order."""
    return [match["name"] for match in _START.finditer(text)]


def replace_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return the text of a page with these tables replaced. Raises PageError."""
    for name, table in tables.items():
        starts = [match for match in _START.finditer(text) if match["name"] == name]
        if len(starts) != 1:
            raise PageError(f"the page has {len(starts)} tables named {name}, expected one")
        start = starts[0].end()
        following = _START.search(text, start)
        end = text.find(_END, start, following.start() if following else len(text))
        if end < 0:
            raise PageError(f"the table {name} does not end with {_END}")
        text = f"{text[:start]}\n{table.strip()}\n\n{text[end:]}"
    return text


def write_tables(page: Path, tables: Mapping[str, str]) -> None:
    """Replace tables of a page in its file. Raises PageError, OSError."""
    page.write_text(replace_tables(page.read_text("utf-8"), tables), "utf-8")


def caption(command: str, machine: Sequence[str], *, quick: bool = False) -> str:
    """Return the line above a table: the command, the date in UTC, and the machine."""
    note = " This was a quick run with less data: its times are no results." if quick else ""
    return f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: {'; '.join(machine)}.{note}"
