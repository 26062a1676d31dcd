"""What is drawn with Rich: tables and progress bars. Imported by those alone who draw."""

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

# Wide enough for a file name in a pipe or a log; a terminal's own width is always kept.
_PIPE_WIDTH = 200


def console() -> Console:
    """Standard output for tables: no colour codes in a pipe, nothing in a name taken for markup."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return _Console(width=width, highlight=False, markup=False, emoji=False)


def table(*headings: str) -> Table:
    """Return an empty table without lines, whose columns fold what is too long for them."""
    made = Table(box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


class _Console(Console):
    """Shows what others wrote without letting it steer the terminal; a reader that went away is our caller's affair."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable_lines(text), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def progress_bars() -> Progress:
    """Progress bars on standard error that vanish in the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
