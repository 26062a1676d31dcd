"""Shared by the commands about people: open their database, check NAME, and read a password."""

import getpass
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from labcrate.cli.screen import open_lab
from labcrate.errors import UsageError
from labcrate.export.people_folder import open_people
from labcrate.messages.message import Message
from labcrate.people.database import PeopleDatabase

_MAX_LINE_BYTES = 16 * 1024


@contextmanager
def open_people_database(options: Namespace) -> Iterator[PeopleDatabase]:
    """Open the database of people of the command's lab. Raises NoLabError, CatalogError, PeopleError."""
    with open_people(open_lab(options).root) as database:
        yield database


def require_name(options: Namespace) -> str:
    """Return the NAME of the command. Raises UsageError if there is none."""
    if options.name is None:
        raise UsageError(Message("cli.name_missing", command=f"{options.command} {options.action}"))
    name: str = options.name
    return name


def refuse_name(options: Namespace) -> None:
    """Raise UsageError if a list was requested with a NAME, which would have no effect."""
    if options.name is not None:
        raise UsageError(Message("cli.name_not_allowed", command=f"{options.command} {options.action}"))


def read_password(options: Namespace, name: str) -> str:
    """Return a password, typed twice on the terminal, or read from standard input with ``--password-stdin``.

    Raises UsageError.
    """
    if options.password_stdin:
        return _read_stdin_password()
    if not sys.stdin.isatty():
        raise UsageError(Message("cli.no_terminal_for_password"))
    try:
        password = getpass.getpass(f"Password for {name}: ")
        again = getpass.getpass("Repeat password: ")
    except EOFError:
        raise UsageError(Message("cli.no_password")) from None
    if password != again:
        raise UsageError(Message("cli.passwords_differ"))
    return password


def _read_stdin_password() -> str:
    line = sys.stdin.buffer.readline(_MAX_LINE_BYTES)
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError(Message("cli.password_not_utf8")) from None
