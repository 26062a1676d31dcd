"""Tokens: secrets that give scripts access without a password. Only their hashes are stored."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labcrate.database.errors import ConstraintError
from labcrate.errors import NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.roles import clean_name, name_key
from labcrate.people.users import USER_COLUMNS, User, user_from_row

_SECRET_BYTES = 32


def make_secret(prefix: str = "") -> str:
    """Return a secret of 256 random bits in characters that cookies and headers allow."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """Return the hash of a secret, which is stored. A secret has 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


PREFIX = "labcrate_"
MAX_DAYS = 3650
MAX_TOKENS = 20
_DAY_MS = 24 * 3600 * 1000
_USED_PRECISION_MS = 60 * 1000
_CLOCK_TOLERANCE_MS = 300 * 1000  # the clock may be set back by so much without ending new tokens
_COLUMNS = "token.name, user.name, token.created_ms, token.expires_ms, token.used_ms"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. ``used`` is the time of the last use, to the minute; None means never."""

    name: str
    user: str
    created: datetime
    expires: datetime
    used: datetime | None


class Tokens:
    """The tokens of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def add(self, user: User, name: str, days: int) -> tuple[Token, str]:
        """Create a token for a user, and return it with its secret, which is not stored.

        Raises UsageError for an invalid name, or one in use, a disabled user, a user with the maximum number of
        tokens, and a number of days out of range.
        """
        name = clean_name(name, "token")
        if not 1 <= days <= MAX_DAYS:
            raise UsageError(Message("token.days", most=str(MAX_DAYS), days=days))
        secret, now = make_secret(PREFIX), now_ms(self._clock)
        expires = now + days * _DAY_MS
        with self._database.write_transaction() as connection:
            ((disabled,),) = connection.rows("SELECT disabled FROM user WHERE id = ?", user.id)
            if disabled:
                raise UsageError(Message("token.user_disabled", name=user.name))
            ((count,),) = connection.rows("SELECT count(*) FROM token WHERE user_id = ?", user.id)
            if count >= MAX_TOKENS:
                raise UsageError(Message("token.too_many", name=user.name, most=MAX_TOKENS))
            try:
                connection.execute(
                    "INSERT INTO token (secret_sha256, user_id, name, name_key, created_ms, expires_ms) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    *(hash_secret(secret), user.id, name, name_key(name), now, expires),
                )
            except ConstraintError:
                raise UsageError(Message("token.exists", user=user.name, name=name)) from None
        return Token(name, user.name, from_ms(now), from_ms(expires), None), secret

    def find(self, secret: str) -> User | None:
        """Return the user of a token, with their present role; None if the token is invalid or the user is disabled."""
        if not secret.startswith(PREFIX):
            return None
        hashed, now = hash_secret(secret), now_ms(self._clock)
        query = (
            f"SELECT token.used_ms, {USER_COLUMNS} FROM token JOIN user ON user.id = token.user_id "  # noqa: S608
            "WHERE secret_sha256 = ? AND expires_ms > ? AND token.created_ms <= ? AND user.disabled = 0"
        )
        for used_ms, *columns in self._database.rows(query, hashed, now, now + _CLOCK_TOLERANCE_MS):
            # A time in the future was written while the clock was ahead: it is corrected, too.
            if used_ms is None or abs(now - used_ms) >= _USED_PRECISION_MS:
                self._database.write_if_idle("UPDATE token SET used_ms = ? WHERE secret_sha256 = ?", now, hashed)
            return user_from_row(tuple(columns))
        return None

    def exists(self, hashed: bytes) -> bool:
        """Return whether a token with this hash of its secret exists. A revoked one does not, an expired one does."""
        return bool(self._database.rows("SELECT 1 FROM token WHERE secret_sha256 = ?", hashed))

    def all(self, user: str | None = None) -> list[Token]:
        """Return the tokens of one user or of all, including the expired ones."""
        of_user, values = ("", []) if user is None else ("WHERE user.name_key = ? ", [name_key(user)])
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM token JOIN user ON user.id = token.user_id "  # noqa: S608 - constants
            f"{of_user}ORDER BY user.name_key, token.name_key",
            *values,
        )
        return [_token_from_row(row) for row in found]

    def revoke(self, user: str, name: str) -> Token:
        """Delete a token, and return it. Raises NotFoundError."""
        for token in self.all(user):
            if name_key(token.name) == name_key(printable(name)):
                with self._database.write_transaction() as connection:
                    connection.execute(
                        "DELETE FROM token WHERE name_key = ? AND user_id = (SELECT id FROM user WHERE name_key = ?)",
                        *(name_key(token.name), name_key(user)),
                    )
                return token
        raise NotFoundError(Message("token.not_found", user=user, name=printable(name, 100)))

    def is_expired(self, token: Token) -> bool:
        """Return whether a token is expired, or was created in the future, that is while the clock was ahead."""
        now = now_ms(self._clock)
        return now >= token.expires.timestamp() * 1000 or token.created.timestamp() * 1000 > now + _CLOCK_TOLERANCE_MS


def _token_from_row(row: tuple[Any, ...]) -> Token:
    name, user, created_ms, expires_ms, used_ms = row
    return Token(name, user, from_ms(created_ms), from_ms(expires_ms), None if used_ms is None else from_ms(used_ms))
