"""Rules for passwords, and their Argon2id hashes (RFC 9106)."""

import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from labcrate.errors import PeopleError, UsageError
from labcrate.messages.message import Message

MIN_LENGTH, MAX_LENGTH = 10, 1024
_MIN_STRENGTH, _MAX_RATED_LENGTH = 3, 72


class Passwords:
    """Hashes and checks passwords, slowly on purpose: RFC 9106's second recommended option, 64 MiB each.

    Each call computes for about 0.2 s with that memory: make one call at a time, in a thread.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._dummy_hash: str | None = None

    def hash(self, password: str) -> str:
        """Return the hash of a password, with its salt and parameters (PHC string). Raises PeopleError."""
        try:
            return self._hasher.hash(_normalize(password))
        except HashingError as error:
            raise PeopleError(Message("password.no_memory")) from error

    def matches(self, hashed: str | None, password: str) -> bool:
        """Return whether a password has this hash. Without a hash, take the same time and return False.

        Raises PeopleError.
        """
        if self._dummy_hash is None:  # made for every name, so that the time does not show whether the name exists
            self._dummy_hash = self._hasher.hash("a dummy password")
        try:
            match = self._hasher.verify(hashed or self._dummy_hash, _normalize(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as error:
            raise PeopleError(Message("password.no_memory")) from error
        return match and hashed is not None

    def needs_rehash(self, hashed: str) -> bool:
        """Return whether a hash was made with other parameters than the present ones."""
        return self._hasher.check_needs_rehash(hashed)


def check_new_password(password: str, name: str, known: Iterable[str] = ()) -> None:
    """Raise UsageError for a password that breaks a rule, or is easy to guess from the name or the ``known`` words."""
    typed = unicodedata.normalize("NFC", password)
    if len(typed) < MIN_LENGTH:
        raise UsageError(Message("password.too_short", least=MIN_LENGTH))
    if len(typed) > MAX_LENGTH:
        raise UsageError(Message("password.too_long", most=MAX_LENGTH))
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in typed):
        raise UsageError(Message("password.unprintable"))
    if typed.casefold() == name.casefold():
        raise UsageError(Message("password.same_as_name"))
    if _strength(typed, [name, *name.split(), *known]) < _MIN_STRENGTH:
        raise UsageError(Message("password.weak"))


def _strength(password: str, known: list[str]) -> int:
    """Return how hard a password is to guess, from 0 to 4 as in zxcvbn: 3 means more than 10**8 guesses.

    Only the beginning of a long password is rated: the time grows with the square of the length.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - loading its word lists takes long, and few commands need them

    score: int = zxcvbn(password[:_MAX_RATED_LENGTH], user_inputs=known)["score"]
    return score


def is_short_enough(password: str) -> bool:
    """Return whether a text is short enough to be hashed; no password is longer."""
    return len(password) <= 4 * MAX_LENGTH


def _normalize(password: str) -> bytes:
    """Return the same bytes for every keyboard: any space as U+0020, composed letters (RFC 8265, OpaqueString)."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "surrogatepass")
