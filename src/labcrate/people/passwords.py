"""Passwords: what they must be, and their Argon2id hashes (RFC 9106)."""

import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from labcrate.errors import PeopleError, UsageError

MIN_LENGTH, MAX_LENGTH = 10, 1024
_MIN_STRENGTH, _MAX_RATED_LENGTH = 3, 72

TOO_SHORT = f"A password has at least {MIN_LENGTH} characters."
TOO_LONG = f"A password has at most {MAX_LENGTH} characters."
UNPRINTABLE = "A password holds no line breaks and no other characters that cannot be typed."
WEAK = (
    "This password is among the first that somebody would try; choose another one, such as four words that have "
    "nothing to do with each other."
)
SAME_AS_NAME = "A password is not the user's own name."


class Passwords:
    """Hashes and checks passwords, slowly on purpose: RFC 9106's second recommended option, 64 MiB each.

    Methods compute for about 0.2 s and hold that memory: call one at a time, in a thread.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._dummy_hash: str | None = None

    def hash(self, password: str) -> str:
        """The hash of a password, with its salt and parameters (PHC string). Raises PeopleError."""
        try:
            return self._hasher.hash(_normalize(password))
        except HashingError as error:
            raise PeopleError(_NO_MEMORY) from error

    def matches(self, hashed: str | None, password: str) -> bool:
        """Whether a password is the one that was hashed. With None it never fits, and takes as long to find out.

        Raises PeopleError.
        """
        if self._dummy_hash is None:  # made before anything is known about the name, so that it tells nothing
            self._dummy_hash = self._hasher.hash("nobody's password")
        try:
            fitting = self._hasher.verify(hashed or self._dummy_hash, _normalize(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as error:
            raise PeopleError(_NO_MEMORY) from error
        return fitting and hashed is not None

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)


_NO_MEMORY = "There is not enough memory to check a password; free some, and try again."


def check_new_password(password: str, name: str, known: Iterable[str] = ()) -> None:
    """See that a password may be set, and is not easy to guess for who knows the name and the ``known`` words.

    Raises UsageError, with one of the sentences of this module.
    """
    typed = unicodedata.normalize("NFC", password)
    if len(typed) < MIN_LENGTH:
        raise UsageError(TOO_SHORT)
    if len(typed) > MAX_LENGTH:
        raise UsageError(TOO_LONG)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in typed):
        raise UsageError(UNPRINTABLE)
    if typed.casefold() == name.casefold():
        raise UsageError(SAME_AS_NAME)
    if _strength(typed, [name, *name.split(), *known]) < _MIN_STRENGTH:
        raise UsageError(WEAK)


def _strength(password: str, known: list[str]) -> int:
    """Return how hard a password is to guess, from 0 to 4 as zxcvbn counts: 3 stands for more than 10**8 guesses.

    Of a long one the beginning counts: the search grows with the square of the length.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists of words are read by those alone who set a password

    score: int = zxcvbn(password[:_MAX_RATED_LENGTH], user_inputs=known)["score"]
    return score


def is_short_enough(password: str) -> bool:
    """Whether it could be anybody's password: longer ones are not worth hashing."""
    return len(password) <= 4 * MAX_LENGTH


def _normalize(password: str) -> bytes:
    """The same bytes on every keyboard: any space as U+0020, composed letters (RFC 8265, OpaqueString)."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "surrogatepass")
