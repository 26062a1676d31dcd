"""Tables and progress bars, drawn with Rich. Commands import this only when they need it: the import takes long."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from labcrate.messages.text import printable_lines

# The width in a pipe or a log file, enough for a file name. On a terminal, its own width is used.
_PIPE_WIDTH = 200


def console() -> Console:
    """Return a console for tables on standard output, without colours in a pipe and without markup in names."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return _Console(width=width, highlight=False, markup=False, emoji=False)


def table(*headings: str) -> Table:
    """Return an empty table without lines, whose columns wrap long values."""
    made = Table(box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


class _Console(Console):
    """A console that escapes control characters in texts, and raises BrokenPipeError if its output is not read."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable_lines(text), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def progress_bars() -> Progress:
    """Return progress bars on standard error that are removed at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
