"""Users of a lab: names, roles and passwords."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec import Struct

from labcrate.database.connection import Connection
from labcrate.database.errors import ConstraintError
from labcrate.errors import LoginError, NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.passwords import Passwords, check_new_password, is_short_enough
from labcrate.people.roles import MAX_TYPED_LENGTH, Role, clean_name, name_key

USER_COLUMNS = "user.id, user.name, user.role, user.disabled, user.created_ms"


class User(Struct, frozen=True):
    """A user, who may log in unless ``disabled``."""

    id: int
    name: str
    role: Role
    disabled: bool
    created: datetime


class Users:
    """The users of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError.

    Users are disabled, never deleted, so that a name in the logs always means the same person.
    """

    def __init__(
        self, database: PeopleDatabase, passwords: Passwords | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database, self._clock = database, clock
        self._passwords = passwords or Passwords()

    def all(self) -> list[User]:
        """Return all users, in the order of their names."""
        return [user_from_row(row) for row in self._database.rows(f"SELECT {USER_COLUMNS} FROM user ORDER BY name_key")]  # noqa: S608

    def get(self, name: str) -> User:
        """Return the user with this name. Raises NotFoundError."""
        query = f"SELECT {USER_COLUMNS} FROM user WHERE name_key = ?"  # noqa: S608 - constant columns
        for row in self._database.rows(query, name_key(printable(name))):
            return user_from_row(row)
        raise NotFoundError(Message("user.not_found", name=printable(name, 100)))

    def has_admin(self) -> bool:
        """Return whether there is an administrator. When there is one, there always will be."""
        return bool(self._database.rows("SELECT 1 FROM user WHERE role = 'admin' AND disabled = 0 LIMIT 1"))

    def require_free_name(self, name: str) -> str:
        """Return a name as it would be stored. Raises UsageError for an invalid name, or one in use."""
        name = clean_name(name, "user")
        if self._database.rows("SELECT 1 FROM user WHERE name_key = ?", name_key(name)):
            raise UsageError(Message("user.exists", name=name))
        return name

    def add(self, name: str, role: Role, password: str) -> User:
        """Add a user. Raises UsageError for an invalid name or password, or a name in use."""
        return self._add(name, role, password, first=False)

    def add_first(self, name: str, password: str) -> User:
        """Add the first administrator. Raises what ``add`` raises, and UsageError if there is one already."""
        return self._add(name, Role.ADMIN, password, first=True)

    def _add(self, name: str, role: Role, password: str, *, first: bool) -> User:
        name = clean_name(name, "user")
        check_new_password(password, name, self._guessable_words())
        hashed = self._passwords.hash(password)
        with self._database.write_transaction() as connection:
            if first and _count_admins(connection):
                raise UsageError(Message("user.has_administrator"))
            try:
                connection.execute(
                    "INSERT INTO user (name, name_key, role, password_hash, created_ms) VALUES (?, ?, ?, ?, ?)",
                    *(name, name_key(name), role, hashed, now_ms(self._clock)),
                )
            except ConstraintError:
                raise UsageError(Message("user.exists", name=name)) from None
        return self.get(name)

    def _guessable_words(self) -> list[str]:
        """Return words that an attacker would try first: the names of the program and of the lab folder."""
        return ["labcrate", self._database.state_folder.parent.name]

    def verify(self, name: str, password: str) -> User:
        """Return the user with this name and password. Raises LoginError, after the same time whatever is wrong."""
        key = login_key(name)
        if not is_short_enough(password):
            raise LoginError(Message("login.wrong"))
        query = f"SELECT user.password_hash, {USER_COLUMNS} FROM user WHERE name_key = ?"  # noqa: S608 - as above
        found = self._database.rows(query, key)
        hashed: str | None = found[0][0] if found else None
        fits = self._passwords.matches(hashed, password)
        user = user_from_row(found[0][1:]) if found else None
        if user is None or hashed is None or not fits or user.disabled:
            raise LoginError(Message("login.wrong"))
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
        """Change a user's password, and end their logins and tokens, which may have been made with the old one.

        ``keep_login`` is the hash of the secret of a login that stays. Raises NotFoundError, and UsageError for an
        invalid password.
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
        """Change a user's role, from their next request on.

        Raises NotFoundError, and UsageError for the last administrator.
        """
        user = self.get(name)
        with self._database.write_transaction() as connection, _require_admin_left(connection, user):
            connection.execute("UPDATE user SET role = ? WHERE id = ?", role, user.id)
        return self.get(name)

    def disable(self, name: str) -> User:
        """Disable a user, and end their logins and tokens. Raises what ``set_role`` raises."""
        user = self.get(name)
        with self._database.write_transaction() as connection, _require_admin_left(connection, user):
            connection.execute("UPDATE user SET disabled = 1 WHERE id = ?", user.id)
            end_logins(connection, user)
            connection.execute("DELETE FROM token WHERE user_id = ?", user.id)
        return self.get(name)

    def enable(self, name: str) -> User:
        """Let a disabled user log in again; their old tokens stay deleted. Raises NotFoundError."""
        user = self.get(name)
        with self._database.write_transaction() as connection:
            connection.execute("UPDATE user SET disabled = 0 WHERE id = ?", user.id)
        return self.get(name)


def login_key(name: str) -> str:
    """Return the same key for all ways of typing a name, to look the user up and to count failed logins.

    Raises LoginError for a name that is too long for any user.
    """
    if len(name) > MAX_TYPED_LENGTH:
        raise LoginError(Message("login.wrong"))
    return name_key(printable(name))


def user_from_row(row: tuple[Any, ...]) -> User:
    """Return the user of a row with the columns ``USER_COLUMNS``."""
    number, name, role, disabled, created_ms = row
    return User(number, name, Role(role), bool(disabled), from_ms(created_ms))


def end_logins(connection: Connection, user: User, keep_login: bytes | None = None) -> None:
    """End all logins of a user, except the one with this hash of its secret."""
    connection.execute("DELETE FROM login WHERE user_id = ? AND secret_sha256 <> ?", user.id, keep_login or b"")


def _count_admins(connection: Connection) -> int:
    ((count,),) = connection.rows("SELECT count(*) FROM user WHERE role = 'admin' AND disabled = 0")
    return int(count)


@contextmanager
def _require_admin_left(connection: Connection, changing: User) -> Iterator[None]:
    """Refuse a change in the block that would leave no administrator. Raises UsageError."""
    before = _count_admins(connection)
    yield
    if before and not _count_admins(connection):
        raise UsageError(Message("user.last_administrator", name=changing.name))
