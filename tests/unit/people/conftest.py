"""People of an empty lab, with a clock that stands still and hashes that cost nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.people.database import Database
from labcrate.people.passwords import Passwords
from labcrate.people.users import Users


@dataclass
class Clock:
    """Tells the time that a test sets, in seconds since 1970."""

    now: float = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves on."""
    return Clock()


@pytest.fixture
def passwords() -> Passwords:
    """Hashes that take no time; the parameters of real ones are tested once."""
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with Database.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def users(database: Database, passwords: Passwords, clock: Clock) -> Users:
    """Nobody yet."""
    return Users(database, passwords, clock)
