"""Who may do what in a lab."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labcrate.database.connection import Connection
from labcrate.database.errors import ConstraintError
from labcrate.errors import LoginError, NotFoundError, UsageError
from labcrate.messages.text import printable
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.passwords import Passwords, check_new_password, is_short_enough
from labcrate.people.roles import MAX_TYPED_LENGTH, Role, clean_name, name_key

USER_COLUMNS = "user.id, user.name, user.role, user.disabled, user.created_ms"

WRONG_LOGIN = "Name and password do not fit."


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in, unless ``disabled``."""

    id: int
    name: str
    role: Role
    disabled: bool
    created: datetime


class Users:
    """The users of one lab. Any thread may use it; every method may wait for the disk. All raise PeopleError.

    Nobody is ever removed, only disabled: a name in the log means one person for good.
    """

    def __init__(
        self, database: PeopleDatabase, passwords: Passwords | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database, self._clock = database, clock
        self._passwords = passwords or Passwords()

    def all(self) -> list[User]:
        """Everybody, by name."""
        return [user_from_row(row) for row in self._database.rows(f"SELECT {USER_COLUMNS} FROM user ORDER BY name_key")]  # noqa: S608

    def get(self, name: str) -> User:
        """The user of that name. Raises NotFoundError."""
        query = f"SELECT {USER_COLUMNS} FROM user WHERE name_key = ?"  # noqa: S608 - constant columns
        for row in self._database.rows(query, name_key(printable(name))):
            return user_from_row(row)
        raise NotFoundError(f"There is no user '{printable(name[:100])}'; 'labcrate user list' tells who there is.")

    def has_admin(self) -> bool:
        """Whether there is an administrator. Once there is one, there always is."""
        return bool(self._database.rows("SELECT 1 FROM user WHERE role = 'admin' AND disabled = 0 LIMIT 1"))

    def require_free_name(self, name: str) -> str:
        """A name as it would be kept, if nobody has it yet. Raises UsageError."""
        name = clean_name(name, "user")
        if self._database.rows("SELECT 1 FROM user WHERE name_key = ?", name_key(name)):
            raise UsageError(_taken_message(name))
        return name

    def add(self, name: str, role: Role, password: str) -> User:
        """Add somebody. Raises UsageError for a name that is taken, or a name or password that will not do."""
        return self._add(name, role, password, first=False)

    def add_first(self, name: str, password: str) -> User:
        """Add the first administrator. Raises UsageError as ``add`` does, and when there is one already."""
        return self._add(name, Role.ADMIN, password, first=True)

    def _add(self, name: str, role: Role, password: str, *, first: bool) -> User:
        name = clean_name(name, "user")
        check_new_password(password, name, self._guessable_words())
        hashed = self._passwords.hash(password)
        with self._database.write_transaction() as connection:
            if first and _count_admins(connection):
                raise UsageError("This lab has an administrator already; log in.")
            try:
                connection.execute(
                    "INSERT INTO user (name, name_key, role, password_hash, created_ms) VALUES (?, ?, ?, ?, ?)",
                    *(name, name_key(name), role, hashed, now_ms(self._clock)),
                )
            except ConstraintError:
                raise UsageError(_taken_message(name)) from None
        return self.get(name)

    def _guessable_words(self) -> list[str]:
        """Return words that everybody of this lab knows: the program's name, and the lab folder's."""
        return ["labcrate", self._database.state_folder.parent.name]

    def verify(self, name: str, password: str) -> User:
        """Who has this name and password. Raises LoginError, after the same time whatever it is that does not fit."""
        key = login_key(name)
        if not is_short_enough(password):
            raise LoginError(WRONG_LOGIN)
        query = f"SELECT user.password_hash, {USER_COLUMNS} FROM user WHERE name_key = ?"  # noqa: S608 - as above
        found = self._database.rows(query, key)
        hashed: str | None = found[0][0] if found else None
        fits = self._passwords.matches(hashed, password)
        user = user_from_row(found[0][1:]) if found else None
        if user is None or hashed is None or not fits or user.disabled:
            raise LoginError(WRONG_LOGIN)
        if self._passwords.needs_rehash(hashed):
            again = self._passwords.hash(password)
            with self._database.write_transaction() as connection:
                connection.execute(
                    "UPDATE user SET password_hash = ? WHERE id = ? AND password_hash = ?", again, user.id, hashed
                )
        return user

    def set_password(
        self, name: str, password: str, *, keep_login: bytes | None = None, keep_tokens: bool = False
    ) -> User:
        """Give somebody another password, and end all their logins but one (its secret's hash), and their tokens.

        Who had the password before may have made tokens with it. Raises NotFoundError, and UsageError for a
        password that will not do.
        """
        user = self.get(name)
        check_new_password(password, user.name, self._guessable_words())
        hashed = self._passwords.hash(password)
        with self._database.write_transaction() as connection:
            connection.execute("UPDATE user SET password_hash = ? WHERE id = ?", hashed, user.id)
            end_logins(connection, user, keep_login)
            if not keep_tokens:
                connection.execute("DELETE FROM token WHERE user_id = ?", user.id)
        return user

    def set_role(self, name: str, role: Role) -> User:
        """Give somebody another role, which holds from their next request on.

        Raises NotFoundError, and UsageError when nobody would be left to administer.
        """
        user = self.get(name)
        with self._database.write_transaction() as connection, _require_admin_left(connection, user):
            connection.execute("UPDATE user SET role = ? WHERE id = ?", role, user.id)
        return self.get(name)

    def disable(self, name: str) -> User:
        """Lock somebody out: logins and tokens end at once. Raises what ``set_role`` does."""
        user = self.get(name)
        with self._database.write_transaction() as connection, _require_admin_left(connection, user):
            connection.execute("UPDATE user SET disabled = 1 WHERE id = ?", user.id)
            end_logins(connection, user)
            connection.execute("DELETE FROM token WHERE user_id = ?", user.id)
        return self.get(name)

    def enable(self, name: str) -> User:
        """Let somebody log in again; tokens they had are gone. Raises NotFoundError."""
        user = self.get(name)
        with self._database.write_transaction() as connection:
            connection.execute("UPDATE user SET disabled = 0 WHERE id = ?", user.id)
        return self.get(name)


def login_key(name: str) -> str:
    """What a name that somebody types is looked up by, and has to be counted by: no two ways of writing it differ.

    Raises LoginError for one that is too long to be anybody's.
    """
    if len(name) > MAX_TYPED_LENGTH:
        raise LoginError(WRONG_LOGIN)
    return name_key(printable(name))


def user_from_row(row: tuple[Any, ...]) -> User:
    """A user from the columns of ``USER_COLUMNS``."""
    number, name, role, disabled, created_ms = row
    return User(number, name, Role(role), bool(disabled), from_ms(created_ms))


def end_logins(connection: Connection, user: User, keep_login: bytes | None = None) -> None:
    """End all logins of a user but one, named by its secret's hash."""
    connection.execute("DELETE FROM login WHERE user_id = ? AND secret_sha256 <> ?", user.id, keep_login or b"")


def _taken_message(name: str) -> str:
    return f"There is already a user {name!r}; choose another name."


def _count_admins(connection: Connection) -> int:
    ((count,),) = connection.rows("SELECT count(*) FROM user WHERE role = 'admin' AND disabled = 0")
    return int(count)


@contextmanager
def _require_admin_left(connection: Connection, changing: User) -> Iterator[None]:
    """Refuse a change that would take the last administrator away."""
    before = _count_admins(connection)
    yield
    if before and not _count_admins(connection):
        raise UsageError(f"{changing.name} is the last administrator; make somebody else one first.")
