"""Input and output of all commands: the lab folder, text, JSON, questions and progress bars."""

import json
import os
import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from labcrate.config import LAB_VARIABLE
from labcrate.errors import NoLabError
from labcrate.index.indexing import Progress
from labcrate.lab.folder import LabFolder
from labcrate.lab.text import expand_home
from labcrate.linking.verdict import command_line
from labcrate.messages.message import Message
from labcrate.messages.text import escape_steering, printable_lines

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def lab_folder(options: Namespace) -> Path:
    """Return the lab folder of the option, the environment, or the current one. Raises NoLabError for an empty name."""
    named = options.lab if options.lab is not None else os.environ.get(LAB_VARIABLE)
    if named == "":
        raise NoLabError(Message("cli.empty_lab_name", variable=LAB_VARIABLE))
    return expand_home(named) if named else Path.cwd()


def open_lab(options: Namespace) -> LabFolder:
    """Open the command's lab. Raises NoLabError."""
    return LabFolder(lab_folder(options))


def lab_option(options: Namespace) -> str:
    """Return what a suggested command needs to use the same lab: `` --lab DIR``, or nothing."""
    return f" --lab {shlex.quote(options.lab)}" if options.lab else ""


def say(text: str = "") -> None:
    """Print lines of text. On a terminal, wrap long lines with an indent, without breaking words."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in printable_lines(text).split("\n"):
        if width is None or len(line) <= width:
            print(line)
            continue
        import textwrap  # noqa: PLC0415 - only for a terminal with long lines

        indent = " " * (len(line) - len(line.lstrip()) + 4)
        print(textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))


def ask_yes_no(question: str) -> bool:
    """Print a question on the terminal, and return whether the answer is yes."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def say_command(words: Iterable[str], options: Namespace, indent: str = "") -> None:
    """Print a labcrate command on one line, even if it is longer than the terminal, so that it can be pasted."""
    print(f"{indent}{command_line(words)}{printable_lines(lab_option(options))}")


def write_json(value: Any) -> None:
    """Print one JSON document to standard output, with JSON escapes for characters that its encoding lacks."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(escape_steering(json.dumps(value, ensure_ascii=ascii_only, indent=2)))


class ProgressBar(Progress):
    """A progress bar on standard error. Nothing is shown if that is no terminal."""

    def __init__(self, title: str, *, shown: bool = True) -> None:
        self._title = title
        self._shown = shown and sys.stderr.isatty()
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def begin(self, files: int, size_bytes: int) -> None:
        """Show the bar, if there is anything to do."""
        if self._bars is not None and self._task is not None:
            self._bars.reset(self._task, total=size_bytes)
        elif files and self._shown:
            # Imported only when a bar is shown: the import takes longer than a small export.
            from labcrate.cli.terminal import progress_bars  # noqa: PLC0415

            self._bars = progress_bars()
            self._bars.start()
            self._task = self._bars.add_task(self._title, total=size_bytes)

    def advance(self, size_bytes: int) -> None:
        """Advance the bar by so many bytes."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, size_bytes)

    def stop(self) -> None:
        """Remove the bar from the screen."""
        if self._bars is not None:
            self._bars.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
