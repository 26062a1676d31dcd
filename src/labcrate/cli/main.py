"""The ``labcrate`` command. Each command has a module, which is imported only when the command runs."""

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
from labcrate.messages.message import Message
from labcrate.messages.text import printable_lines

INTERRUPTED = 130
# A plan's thousands of values live until the command ends, so frequent garbage collection would only cost time.
_OBJECTS_PER_COLLECTION = 100_000

_FIRST_STEPS = """\
labcrate exports one session of a living lab as one verifiable ZIP.

If you have no lab:      labcrate demo            build a sample lab
In a lab folder:         labcrate sessions        list the sessions
                         labcrate plan 42         show what an export would include
                         labcrate export 42       write the ZIP
Outside the lab folder:  add --lab DIR, or set LABCRATE_LAB

All commands:            labcrate --help
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError for an invalid option."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(Message("cli.invalid_option", problem=message, command=self.prog))

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse ignores a failure to write


def run() -> NoReturn:
    """Run the ``labcrate`` command, and exit with its exit code."""
    _open_standard_streams()
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    for number in (signal.SIGTERM, signal.SIGHUP):  # end as with Ctrl-C at a shutdown or when the terminal closes
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    code = main(sys.argv[1:])
    try:
        sys.stderr.flush()
    except OSError:
        _redirect_to_null(sys.stderr)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Open the standard streams that are closed, and let all of them accept any text.

    The next file opened would get the number of a closed stream (``>&-``), and the stream's output would go there.
    Characters that the terminal's encoding lacks are written as escapes (``\\xfc``).
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
    """Discard the unwritten output of a stream, so that the interpreter does not fail at its end."""
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
        return _print_error("Stopped. No partial files are left.", "Interrupted", INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        # The reader of the output has ended (labcrate plan 42 | head): no error.
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
    except SystemExit:  # --help and --version have printed their text
        return 0
    code: int = import_module(f"labcrate.cli.cmd_{options.command}").run(options)
    return code


def _print_error(message: str, kind: str, exit_code: int, *, as_json: bool) -> int:
    """Print an error after all earlier output, and return the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        _redirect_to_null(sys.stdout)
    # If nothing reads standard error, the exit code still counts.
    with suppress(OSError):
        if as_json:
            print(json.dumps({"error": {"kind": kind, "message": message, "exitCode": exit_code}}), file=sys.stderr)
        else:
            print(f"labcrate: {printable_lines(message)}", file=sys.stderr)
    return exit_code


def _check_command(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments. Raises UsageError for an unknown command or an unknown option before it."""
    option = arguments[0].partition("=")[0]
    if option.startswith("-") and not any(known.startswith(option) for known in ("-h", "--help", "--version")):
        raise UsageError(Message("cli.unknown_option", option=option))
    word = next((a for a in arguments if not a.startswith("-")), None)
    if word == arguments[0] and word not in COMMANDS:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        if near:
            raise UsageError(Message("cli.similar_command", word=word, similar=near[0]))
        raise UsageError(Message("cli.unknown_command", word=word, commands=", ".join(COMMANDS)))
    return arguments


def _list_exit_codes() -> str:
    """Return a list of all exit codes with the kinds of errors in ``--json`` output."""
    kinds = sorted((kind.exit_code, kind.__name__) for kind in LabcrateError.__subclasses__())
    listed = ", ".join(f"{code} {name}" for code, name in [(0, "done"), *kinds, (INTERRUPTED, "Interrupted")])
    return f"Exit codes: {listed}; 1 any other error."


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="labcrate",
        description="Export one session of a living lab as one verifiable ZIP.",
        epilog=_list_exit_codes(),
    )
    parser.add_argument("--version", action="version", version=f"labcrate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, add_arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[:1].upper() + summary[1:] + ".")
        add_arguments(command)
        command.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
