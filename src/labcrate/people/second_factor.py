"""One-time codes as the second factor of a login (RFC 6238), and recovery codes for a lost phone."""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass

import pyotp

from labcrate.database.connection import Connection
from labcrate.errors import LoginError, NotAllowedError, NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, now_ms
from labcrate.people.roles import Role
from labcrate.people.tokens import hash_secret
from labcrate.people.users import User, end_logins

STEP_S = 30
RECOVERY_CODES = 10
MINIMUM_ROLE = Role.OPERATOR
"""The lowest role that can set up a second factor."""
_CLOCK_TOLERANCE_STEPS = 1  # the clocks of server and phone may differ by so many steps
_MAX_TYPED_LENGTH = 64
# 16 characters of Base32 hold 80 random bits, so no slow hash is needed.
_RECOVERY_LENGTH, _GROUP_LENGTH = 16, 4
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Whether logins of a user require a code, and how many recovery codes are left."""

    is_on: bool
    recovery_codes: int


class SecondFactors:
    """The second factors of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError.

    When a user's second factor is on, logins require a code, even if the user's role is lowered.
    """

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def status(self, user: User) -> SecondFactor:
        """Return the state of a user's second factor."""
        query = "SELECT count(*) FROM recovery_code WHERE user_id = ?"
        ((count,),) = self._database.rows(query, user.id)
        return SecondFactor(user.id in self.user_ids_with_factor(), count)

    def user_ids_with_factor(self) -> frozenset[int]:
        """Return the ids of all users whose logins require a code."""
        found = self._database.rows("SELECT user_id FROM second_factor WHERE confirmed_ms IS NOT NULL")
        return frozenset(number for (number,) in found)

    def begin_setup(self, user: User) -> str:
        """Create a secret for a user without a second factor, in place of an unconfirmed one, and return it (Base32).

        Logins require no code until ``finish_setup``. Raises NotAllowedError for a viewer, UsageError where it is on.
        """
        secret = pyotp.random_base32()
        with self._database.write_transaction() as connection:
            _check_role(connection, user)
            _check_is_off(connection, user)
            connection.execute("DELETE FROM second_factor WHERE user_id = ?", user.id)
            connection.execute("INSERT INTO second_factor (user_id, secret) VALUES (?, ?)", user.id, secret)
        return secret

    def pending_secret(self, user: User) -> str | None:
        """Return the secret that is not confirmed by a code yet (Base32), if there is one."""
        query = "SELECT secret FROM second_factor WHERE user_id = ? AND confirmed_ms IS NULL"
        return next((str(secret) for (secret,) in self._database.rows(query, user.id)), None)

    def finish_setup(self, user: User, code: str, *, keep_login: bytes | None = None) -> list[str]:
        """Turn the second factor on with the first code of a new secret, and return recovery codes.

        End all logins of the user, which were made without a code, except ``keep_login`` (the hash of its secret).
        Only hashes of the recovery codes are stored. Raises what ``begin_setup`` raises, and UsageError for a wrong
        code.
        """
        with self._database.write_transaction() as connection:
            _check_role(connection, user)
            _check_is_off(connection, user)
            query = "SELECT secret, last_step FROM second_factor WHERE user_id = ?"
            found = connection.rows(query, user.id)
            secret, last_step = found[0] if found else (None, 0)
            step = self._step(secret, last_step, _normalize_code(code)) if secret else None
            if step is None:
                raise UsageError(Message("second_factor.wrong"))
            connection.execute(
                "UPDATE second_factor SET confirmed_ms = ?, last_step = ? WHERE user_id = ?",
                *(now_ms(self._clock), step, user.id),
            )
            end_logins(connection, user, keep_login)
            return _new_recovery_codes(connection, user)

    def login_state(self, user: User) -> bytes | None:
        """Return a hash of the user's password hash and second factor; None if logins require no code.

        A login that waits for its code is valid only while this stays the same.
        """
        query = (
            "SELECT user.password_hash, second_factor.secret FROM second_factor JOIN user ON user.id = user_id "
            "WHERE user_id = ? AND confirmed_ms IS NOT NULL"
        )
        return next((_login_state(*row) for row in self._database.rows(query, user.id)), None)

    def use_code(self, user: User, code: str, expected_state: bytes | None = None) -> None:
        """Accept a code of the app or a recovery code, each only once.

        ``expected_state`` is what ``login_state`` returned when the login began: a changed state is refused.

        Raises LoginError, and UsageError if no code is required.
        """
        with self._database.write_transaction() as connection:
            self._use_code(connection, user, code, expected_state)

    def turn_off(self, user: User, code: str) -> None:
        """Accept a code, and turn the second factor off. Raises what ``use_code`` raises."""
        with self._database.write_transaction() as connection:
            self._use_code(connection, user, code)
            _remove(connection, user)

    def renew_recovery_codes(self, user: User, code: str) -> list[str]:
        """Accept a code, and return new recovery codes in place of the old ones. Raises what ``use_code`` raises."""
        with self._database.write_transaction() as connection:
            self._use_code(connection, user, code)
            return _new_recovery_codes(connection, user)

    def reset(self, user: User) -> None:
        """Remove a user's second factor without a code, and end the user's logins; tokens stay valid.

        Raises NotFoundError if there is none.
        """
        with self._database.write_transaction() as connection:
            if not _is_on(connection, user):
                raise NotFoundError(Message("second_factor.none", name=user.name))
            _remove(connection, user)
            end_logins(connection, user)

    def _use_code(self, connection: Connection, user: User, code: str, expected_state: bytes | None = None) -> None:
        query = (
            "SELECT secret, last_step, user.password_hash FROM second_factor JOIN user ON user.id = user_id "
            "WHERE user_id = ? AND confirmed_ms IS NOT NULL AND user.disabled = 0"
        )
        found = next(iter(connection.rows(query, user.id)), None)
        if found is None and expected_state is None:
            raise UsageError(Message("second_factor.is_off"))
        if found is None or (
            expected_state is not None and not hmac.compare_digest(expected_state, _login_state(found[2], found[0]))
        ):
            raise LoginError(Message("second_factor.over"))
        secret, last_step, _ = found
        typed = _normalize_code(code)
        step = self._step(secret, last_step, typed)
        if step is not None:
            connection.execute("UPDATE second_factor SET last_step = ? WHERE user_id = ?", step, user.id)
            return
        query = "DELETE FROM recovery_code WHERE user_id = ? AND code_sha256 = ?"
        if connection.execute(query, user.id, hash_secret(typed)):
            return
        behind = last_step > self._now_step() + _CLOCK_TOLERANCE_STEPS
        raise LoginError(Message("second_factor.clock_behind" if behind else "second_factor.wrong"))

    def _step(self, secret: str, last_step: int, typed: str) -> int | None:
        """Return the time step of a present code that was not used yet, or None. Take the same time in both cases."""
        codes, now = pyotp.TOTP(secret), self._now_step()
        fitting = [
            step
            for step in range(max(0, now - _CLOCK_TOLERANCE_STEPS), now + _CLOCK_TOLERANCE_STEPS + 1)
            if hmac.compare_digest(codes.generate_otp(step).encode(), typed.encode("utf-8", "replace"))
        ]
        return next((step for step in fitting if step > last_step), None)

    def _now_step(self) -> int:
        return int(self._clock() // STEP_S)


def app_uri(secret: str, user: User, host: str) -> str:
    """Return the address (``otpauth:``) that gives an app on a phone the secret, with the names of user and server."""
    return pyotp.TOTP(secret).provisioning_uri(name=f"{user.name}@{host}", issuer_name="labcrate")


def in_groups(text: str) -> str:
    """Return a text in groups of four characters, which are easier to copy by hand."""
    return " ".join(text[at : at + _GROUP_LENGTH] for at in range(0, len(text), _GROUP_LENGTH))


def _normalize_code(code: str) -> str:
    """Return a code without spaces and dashes, in lower case and normal width, for comparison."""
    if len(code) > _MAX_TYPED_LENGTH:
        return ""
    folded = unicodedata.normalize("NFKC", code).casefold()
    return "".join(one for one in folded if not one.isspace() and unicodedata.category(one) != "Pd")


def _login_state(password_hash: str, secret: str) -> bytes:
    return hashlib.sha256(f"{password_hash}\0{secret}".encode()).digest()


def _is_on(connection: Connection, user: User) -> bool:
    query = "SELECT 1 FROM second_factor WHERE user_id = ? AND confirmed_ms IS NOT NULL"
    return bool(connection.rows(query, user.id))


def _check_is_off(connection: Connection, user: User) -> None:
    if _is_on(connection, user):
        raise UsageError(Message("second_factor.is_on"))


def _check_role(connection: Connection, user: User) -> None:
    ((role,),) = connection.rows("SELECT role FROM user WHERE id = ?", user.id)
    if not Role(role).covers(MINIMUM_ROLE):
        raise NotAllowedError(Message("second_factor.role"))


def _new_recovery_codes(connection: Connection, user: User) -> list[str]:
    codes = ["".join(secrets.choice(_BASE32) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    connection.execute("DELETE FROM recovery_code WHERE user_id = ?", user.id)
    connection.executemany("INSERT INTO recovery_code VALUES (?, ?)", [(user.id, hash_secret(code)) for code in codes])
    return [in_groups(code).replace(" ", "-") for code in codes]


def _remove(connection: Connection, user: User) -> None:
    connection.execute("DELETE FROM second_factor WHERE user_id = ?", user.id)
    connection.execute("DELETE FROM recovery_code WHERE user_id = ?", user.id)
