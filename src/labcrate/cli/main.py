"""The ``labcrate`` command: options, then one module per command, imported only when it is run."""

import argparse
import difflib
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TextIO

from labcrate import __version__
from labcrate.cli.arguments import COMMANDS
from labcrate.errors import LabcrateError, UsageError
from labcrate.messages.text import printable, printable_lines

INTERRUPTED = 130
# A plan's thousands of values live until the command ends: looking for garbage among them again and again is in vain.
_OBJECTS_PER_COLLECTION = 100_000

_FIRST_STEPS = """\
labcrate packages one session of a living lab into one verifiable ZIP.

No lab at hand?     labcrate demo
In a lab folder:    labcrate sessions        what the lab holds
                    labcrate plan 42         what would go in, what stays out, and why
                    labcrate export 42       the ZIP
From elsewhere:     add --lab DIR, or set LABCRATE_LAB

All commands:       labcrate --help
"""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option as an error of ours: one sentence, with the nearest right word."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{printable(message[:1].upper() + message[1:])}. See '{self.prog} --help'.")

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse itself is silent when this cannot be written


def run() -> NoReturn:
    """Entry point of the ``labcrate`` command."""
    _open_standard_streams()
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    for number in (signal.SIGTERM, signal.SIGHUP):  # a shutdown or a closed terminal ends a command as Ctrl-C does
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    code = main(sys.argv[1:])
    try:
        sys.stderr.flush()
    except OSError:
        _redirect_to_null(sys.stderr)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Have three streams that take any text.

    A closed one (``>&-``) would give its number to the next file that is opened, and what is written to
    the stream would end up there. What a terminal's encoding does not have is written out (``\\xfc``).
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _redirect_to_null(stream: TextIO) -> None:
    """Send what is left for a stream nowhere, so that the interpreter does not stumble over it at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in arguments
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except LabcrateError as error:
        return _print_error(str(error), type(error).__name__, error.exit_code, as_json=as_json)
    except KeyboardInterrupt:
        return _print_error("Stopped; nothing was left behind.", "Interrupted", INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output went away (labcrate plan 42 | head): not an error of ours.
        _redirect_to_null(sys.stdout)
        return 0
    except OSError as error:
        name = Path(os.fsdecode(error.filename)).name if error.filename else "The system"
        return _print_error(f"{name}: {os.strerror(error.errno or 0)}.", "SystemError", 1, as_json=as_json)
    return code


def _dispatch(arguments: Sequence[str]) -> int:
    parser = _build_parser()
    if not arguments:
        print(_FIRST_STEPS, end="")
        return 0
    try:
        options = parser.parse_args(_check_command(arguments))
    except SystemExit:  # --help and --version have said all there is to say
        return 0
    code: int = import_module(f"labcrate.cli.cmd_{options.command}").run(options)
    return code


def _print_error(message: str, kind: str, exit_code: int, *, as_json: bool) -> int:
    """Say what went wrong, after all that was said before it, and return the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        _redirect_to_null(sys.stdout)
    # A reader of standard error that went away takes nothing from what was done or not done.
    with suppress(OSError):
        if as_json:
            print(json.dumps({"error": {"kind": kind, "message": message, "exitCode": exit_code}}), file=sys.stderr)
        else:
            print(f"labcrate: {printable_lines(message)}", file=sys.stderr)
    return exit_code


def _check_command(arguments: Sequence[str]) -> Sequence[str]:
    """Refuse an unknown command with the one that was probably meant."""
    word = next((a for a in arguments if not a.startswith("-")), None)
    if word == arguments[0] and word not in COMMANDS:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(COMMANDS)}."
        raise UsageError(f"There is no command {word!r}; {hint}")
    return arguments


def _list_exit_codes() -> str:
    """List all exit codes, each with the kind of error that ``--json`` names: an installed package has no docs."""
    kinds = sorted((kind.exit_code, kind.__name__) for kind in LabcrateError.__subclasses__())
    listed = ", ".join(f"{code} {name}" for code, name in [(0, "done"), *kinds, (INTERRUPTED, "Interrupted")])
    return f"Exit codes: {listed}; 1 anything else."


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="labcrate",
        description="Package one session of a living lab into one verifiable ZIP.",
        epilog=_list_exit_codes(),
    )
    parser.add_argument("--version", action="version", version=f"labcrate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, add_arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[:1].upper() + summary[1:] + ".")
        add_arguments(command)
        command.add_argument("--json", action="store_true", help="write the answer as JSON")
    return parser
