"""Fixtures: an empty database of people, with a stopped clock and quick hashes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.people.database import PeopleDatabase
from labcrate.people.passwords import Passwords
from labcrate.people.users import Users

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture
def passwords() -> Passwords:
    """Return password hashes that take no time. One test checks the real parameters."""
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PeopleDatabase]:
    """Open an empty database."""
    with PeopleDatabase.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def users(database: PeopleDatabase, passwords: Passwords, clock: "Clock") -> Users:
    """Return the users of a lab without users."""
    return Users(database, passwords, clock)
