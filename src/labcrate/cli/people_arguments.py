"""What the commands about people have in common: the lab's people, and how a password is asked for."""

import getpass
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from labcrate.cli.screen import open_lab
from labcrate.errors import UsageError
from labcrate.export.people_folder import open_people
from labcrate.people.database import PeopleDatabase

_MAX_LINE_BYTES = 16 * 1024


@contextmanager
def open_people_database(options: Namespace) -> Iterator[PeopleDatabase]:
    """The people of the lab that was named. Raises NoLabError, CatalogError, PeopleError."""
    with open_people(open_lab(options).root) as database:
        yield database


def require_name(options: Namespace, what: str) -> str:
    """The name that the command is about. Raises UsageError when none was given."""
    if options.name is None:
        raise UsageError(f"Say which {what}: labcrate {options.command} {options.action} NAME.")
    name: str = options.name
    return name


def refuse_name(options: Namespace, instead: str) -> None:
    """See that a list was asked for without a name, which would change nothing about it.

    Raises UsageError, with what the list holds ``instead``.
    """
    if options.name is not None:
        raise UsageError(f"labcrate {options.command} {options.action} takes no NAME; {instead}.")


def read_password(options: Namespace, name: str) -> str:
    """A password, typed twice on the terminal, or read from standard input when that was asked for.

    Raises UsageError.
    """
    if options.password_stdin:
        return _read_stdin_password()
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the password on; send it with --password-stdin.")
    try:
        password = getpass.getpass(f"Password for {name}: ")
        again = getpass.getpass("The same once more: ")
    except EOFError:
        raise UsageError("No password was typed.") from None
    if password != again:
        raise UsageError("The two passwords are not the same.")
    return password


def _read_stdin_password() -> str:
    line = sys.stdin.buffer.readline(_MAX_LINE_BYTES)
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError("The password on standard input is not UTF-8 text.") from None
