"""Logins of browsers."""

from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, now_ms
from labcrate.people.tokens import hash_secret, make_secret
from labcrate.people.users import USER_COLUMNS, User, user_from_row

IDLE_S = 12 * 3600
MAX_LOGIN_S = 7 * 24 * 3600
_SEEN_PRECISION_S = 60
_CLOCK_TOLERANCE_S = 300  # the clock may be set back by so much without ending logins


class Logins:
    """The logins of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError.

    A login ends after 12 hours without a request, after 7 days at the latest, or when its user is disabled. A login
    that begins in the future is invalid, too: the clock was ahead then, and the login would last too long.
    """

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def begin(self, user: User) -> str:
        """Log a user in, and return the secret for the cookie; delete all logins that have ended."""
        secret, now = make_secret(), now_ms(self._clock)
        with self._database.write_transaction() as connection:
            connection.execute(
                "DELETE FROM login WHERE NOT (begun_ms > ? AND seen_ms > ? AND begun_ms <= ? AND seen_ms <= ?)",
                *_valid_range(now),
            )
            connection.execute("INSERT INTO login VALUES (?, ?, ?, ?)", hash_secret(secret), user.id, now, now)
        return secret

    def find(self, secret: str) -> User | None:
        """Return the user of a login, as they are now; None if the login has ended or the user is disabled."""
        hashed, now = hash_secret(secret), now_ms(self._clock)
        query = (
            f"SELECT login.seen_ms, {USER_COLUMNS} FROM login JOIN user ON user.id = login.user_id "  # noqa: S608
            "WHERE secret_sha256 = ? AND begun_ms > ? AND seen_ms > ? AND begun_ms <= ? AND seen_ms <= ? "
            "AND user.disabled = 0"
        )
        for seen_ms, *columns in self._database.rows(query, hashed, *_valid_range(now)):
            if now - seen_ms >= _SEEN_PRECISION_S * 1000:
                self._database.write_if_idle("UPDATE login SET seen_ms = ? WHERE secret_sha256 = ?", now, hashed)
            return user_from_row(tuple(columns))
        return None

    def end(self, secret: str) -> None:
        """Log out. Ignore a login that has already ended."""
        with self._database.write_transaction() as connection:
            connection.execute("DELETE FROM login WHERE secret_sha256 = ?", hash_secret(secret))


def _valid_range(now: int) -> tuple[int, int, int, int]:
    """Return the exclusive earliest and inclusive latest times at which a valid login began and was last seen.

    In the order of the queries above, in milliseconds since 1970.
    """
    latest = now + _CLOCK_TOLERANCE_S * 1000
    return now - MAX_LOGIN_S * 1000, now - IDLE_S * 1000, latest, latest
