"""Headings, paragraphs and two-column tables in plain text."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from labcrate.messages.text import printable

WIDTH = 78

Row = tuple[str, ...]


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a heading with its lines below; nothing if there are none."""
    body = list(lines)
    return [title, "-" * len(title), *body] if body else []


def wrap_lines(text: str, bullet: str = "") -> list[str]:
    """Return a text in lines of at most ``WIDTH`` characters, the first after a bullet."""
    paragraphs = text.splitlines() or [""]
    return [line for paragraph in paragraphs for line in _wrap(paragraph, bullet)]


def _wrap(text: str, bullet: str) -> list[str]:
    if not text and not bullet:
        return [""]
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def table(rows: Sequence[Row], widest: int = 38) -> list[str]:
    """Return two columns: the first on one line, at most ``widest`` characters, the second wrapped beside it."""
    rows = [(printable(label), text) for label, text in rows]
    width = min(max((len(row[0]) for row in rows), default=0), widest) + 2
    return [line for label, text in rows for line in _row(label, text, width)]


def _row(label: str, text: str, width: int) -> Iterator[str]:
    lines: list[str] = []
    wrapper = textwrap.TextWrapper(WIDTH - width, break_long_words=False, break_on_hyphens=False)
    for part in text.splitlines() or [""]:
        # No wrapper for an empty line: it takes longer than the line is worth.
        lines += wrapper.wrap(part) or [""] if part else [""]
    if len(label) > width - 2:
        yield label
        label = ""
    for line in lines:
        yield f"{label:<{width}}{line}".rstrip()
        label = ""
