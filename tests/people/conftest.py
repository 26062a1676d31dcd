"""People of an empty lab, with a clock that stands still and hashes that cost nothing."""

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
    """Hashes that take no time; the parameters of real ones are tested once."""
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PeopleDatabase]:
    """An empty database."""
    with PeopleDatabase.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def users(database: PeopleDatabase, passwords: Passwords, clock: "Clock") -> Users:
    """Nobody yet."""
    return Users(database, passwords, clock)
