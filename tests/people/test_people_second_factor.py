"""The second factor: each code works once, and only present and correct ones work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.errors import LoginError, NotAllowedError, NotFoundError, UsageError
from labcrate.people.database import PeopleDatabase
from labcrate.people.logins import Logins
from labcrate.people.roles import Role
from labcrate.people.second_factor import RECOVERY_CODES, STEP_S, SecondFactor, SecondFactors, app_uri, in_groups
from labcrate.people.tokens import Tokens, hash_secret
from labcrate.people.users import User, Users

if TYPE_CHECKING:
    from tests.conftest import Clock

GOOD = "correct horse"


@pytest.fixture
def factors(database: PeopleDatabase, clock: "Clock") -> SecondFactors:
    """Return the second factors of a lab without any."""
    return SecondFactors(database, clock)


@pytest.fixture
def ana(users: Users) -> User:
    """Add an administrator."""
    return users.add("Ana", Role.ADMIN, GOOD)


class Phone:
    """An app that has the secret, and a clock of its own."""

    def __init__(self, secret: str, clock: "Clock") -> None:
        self.secret, self.recovery_codes = secret, list[str]()
        self._codes, self._clock = pyotp.TOTP(secret), clock

    def shows(self, ahead_s: float = 0) -> str:
        """Return the code at a time."""
        return self._codes.at(int(self._clock() + ahead_s))


@pytest.fixture
def phone(factors: SecondFactors, ana: User, clock: "Clock") -> Phone:
    """Turn Ana's second factor on with a phone, two minutes ago, and return the phone."""
    phone = Phone(factors.begin_setup(ana), clock)
    phone.recovery_codes = factors.finish_setup(ana, phone.shows())
    clock.now += 120
    return phone


def refused(factors: SecondFactors, user: User, code: str) -> str:
    """Return why a code is refused."""
    with pytest.raises(LoginError) as raised:
        factors.use_code(user, code)
    return str(raised.value)


def test_a_code_is_taken_once(factors: SecondFactors, ana: User, phone: Phone, clock: "Clock") -> None:
    """A used code and earlier ones are refused, the next one is accepted."""
    code = phone.shows()
    earlier = phone.shows(-STEP_S)
    factors.use_code(ana, code)
    assert "works once" in refused(factors, ana, code)
    assert "works once" in refused(factors, ana, earlier)
    clock.now += STEP_S
    assert "works once" in refused(factors, ana, code)
    factors.use_code(ana, phone.shows())


def test_the_first_code_is_not_taken_for_a_login(factors: SecondFactors, ana: User, clock: "Clock") -> None:
    """The code that turned the second factor on does not work for a login."""
    phone = Phone(factors.begin_setup(ana), clock)
    factors.finish_setup(ana, phone.shows())
    refused(factors, ana, phone.shows())


@pytest.mark.parametrize(("ahead_s", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_clocks_may_differ_by_one_step(
    factors: SecondFactors, ana: User, phone: Phone, ahead_s: int, taken: bool
) -> None:
    """A phone's clock may differ by half a minute; beyond that the message names both clocks."""
    code = phone.shows(ahead_s)
    if taken:
        factors.use_code(ana, code)
    else:
        assert "clocks of the phone and the server" in refused(factors, ana, code)


@pytest.mark.parametrize("written", ["{0} {1}", " {0}{1}\n", "{0}-{1}", "{0}\u00a0{1}", "{0}–{1}"])
def test_a_code_may_be_written_as_apps_show_it(factors: SecondFactors, ana: User, phone: Phone, written: str) -> None:
    """Spaces and dashes in a code are ignored."""
    code = phone.shows()
    factors.use_code(ana, written.format(code[:3], code[3:]))


@pytest.mark.thorough
@settings(max_examples=rounds(60, 200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.integers(0, 999_999).map("{:06}".format), st.text(max_size=80)))
def test_whatever_is_not_a_right_code_is_refused(factors: SecondFactors, ana: User, phone: Phone, typed: str) -> None:
    """Any other six digits, and any other text, are refused without effect."""
    if typed not in {phone.shows(ahead) for ahead in (-30, 0, 30)}:
        refused(factors, ana, typed)
        assert factors.status(ana) == SecondFactor(True, RECOVERY_CODES)


def test_no_code_of_a_million_but_the_present_ones_fits(factors: SecondFactors, ana: User, phone: Phone) -> None:
    """A code with one digit changed, missing or added, or with a sign, is refused."""
    right = {phone.shows(ahead) for ahead in (-30, 0, 30)}
    code = phone.shows()
    near = {code[:at] + str(digit) + code[at + 1 :] for at in range(6) for digit in range(10)}
    near |= {code[:5], code + "0", "0" + code, "+" + code, code + "\0", code + ".0", ""}
    for typed in near - right:
        refused(factors, ana, typed)
    factors.use_code(ana, code)


def test_a_recovery_code_is_taken_once(factors: SecondFactors, ana: User, phone: Phone) -> None:
    """Each of ten different codes works once, also in capitals and with spaces."""
    codes = phone.recovery_codes
    assert len(set(codes)) == RECOVERY_CODES
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    for left, code in zip(range(RECOVERY_CODES - 1, -1, -1), codes, strict=True):
        factors.use_code(ana, code.upper().replace("-", " "))
        assert factors.status(ana) == SecondFactor(True, left)
        refused(factors, ana, code)
    factors.use_code(ana, phone.shows())


def test_new_recovery_codes_replace_the_old_ones(factors: SecondFactors, ana: User, phone: Phone) -> None:
    """New ones require a code and replace the old ones; with a wrong code nothing changes."""
    with pytest.raises(LoginError):
        factors.renew_recovery_codes(ana, "nothing")
    fresh = factors.renew_recovery_codes(ana, phone.recovery_codes[0])
    assert not set(fresh) & set(phone.recovery_codes)
    for code in phone.recovery_codes:
        refused(factors, ana, code)
    factors.use_code(ana, fresh[-1])


def test_of_many_who_have_one_code_one_gets_in(factors: SecondFactors, ana: User, phone: Phone) -> None:
    """Of several threads with the same code or recovery code, exactly one succeeds."""

    def ask(code: str) -> bool:
        try:
            factors.use_code(ana, code)
        except LoginError:
            return False
        return True

    for code in (phone.shows(), phone.recovery_codes[0]):
        with ThreadPoolExecutor(8) as crowd:
            assert sum(crowd.map(ask, [code] * 16)) == 1


def test_until_the_first_code_no_login_asks_for_one(factors: SecondFactors, ana: User, clock: "Clock") -> None:
    """An unconfirmed secret has no effect, and the next one replaces it."""
    first = factors.begin_setup(ana)
    assert factors.pending_secret(ana) == first
    assert (factors.status(ana), factors.login_state(ana)) == (SecondFactor(False, 0), None)
    second = factors.begin_setup(ana)
    assert first != second
    for wrong in (Phone(first, clock).shows(), "", "000000000"):
        with pytest.raises(UsageError, match="Wrong code"):
            factors.finish_setup(ana, wrong)
    factors.finish_setup(ana, Phone(second, clock).shows())
    assert factors.user_ids_with_factor() == {ana.id}
    assert factors.pending_secret(ana) is None
    for again in (lambda: factors.begin_setup(ana), lambda: factors.finish_setup(ana, Phone(second, clock).shows())):
        with pytest.raises(UsageError, match="already on"):
            again()


def test_turning_it_on_ends_the_logins_that_had_no_code(
    factors: SecondFactors, database: PeopleDatabase, ana: User, clock: "Clock"
) -> None:
    """All logins end, except the one that turned it on."""
    logins = Logins(database, clock)
    other, own = logins.begin(ana), logins.begin(ana)
    factors.finish_setup(ana, Phone(factors.begin_setup(ana), clock).shows(), keep_login=hash_secret(own))
    assert (logins.find(other), logins.find(own)) == (None, ana)


def test_viewers_are_offered_none(factors: SecondFactors, users: Users, ana: User, clock: "Clock") -> None:
    """A viewer cannot begin or finish the setup."""
    users.add("Bob", Role.VIEWER, GOOD)
    with pytest.raises(NotAllowedError, match="administrators and operators"):
        factors.begin_setup(users.get("bob"))
    phone = Phone(factors.begin_setup(users.set_role("bob", Role.OPERATOR)), clock)
    with pytest.raises(NotAllowedError):
        factors.finish_setup(users.set_role("bob", Role.VIEWER), phone.shows())


def test_it_outlasts_another_role_and_being_disabled(
    factors: SecondFactors, users: Users, ana: User, phone: Phone, clock: "Clock"
) -> None:
    """It stays when the user becomes a viewer or is disabled; a disabled user's codes are refused."""
    users.add("Eva", Role.ADMIN, GOOD)
    users.set_role("ana", Role.VIEWER)
    factors.use_code(ana, phone.shows())
    clock.now += STEP_S
    stamp = factors.login_state(ana)
    users.disable("ana")
    for code in (phone.shows(), phone.recovery_codes[0]):
        with pytest.raises(LoginError, match="Log in again"):
            factors.use_code(ana, code, stamp)
        with pytest.raises(UsageError, match="disabled"):
            factors.use_code(ana, code)
    users.enable("ana")
    factors.use_code(ana, phone.shows())
    factors.turn_off(ana, phone.recovery_codes[0])
    assert factors.status(ana) == SecondFactor(False, 0)


def test_turning_it_off_takes_a_code_and_leaves_nothing(
    factors: SecondFactors, database: PeopleDatabase, ana: User, phone: Phone
) -> None:
    """A wrong code changes nothing; a correct one deletes the secret and the recovery codes."""
    with pytest.raises(LoginError):
        factors.turn_off(ana, "nothing")
    factors.turn_off(ana, phone.shows())
    assert factors.login_state(ana) is None
    assert database.rows("SELECT * FROM second_factor UNION ALL SELECT *, 0, 0 FROM recovery_code") == []


def test_a_reset_ends_logins_and_no_tokens(
    factors: SecondFactors, database: PeopleDatabase, ana: User, phone: Phone, clock: "Clock"
) -> None:
    """After a reset the user logs in with the password only; a second reset is an error."""
    secret = Logins(database, clock).begin(ana)
    Tokens(database, clock).add(ana, "script", 1)
    factors.reset(ana)
    assert factors.user_ids_with_factor() == frozenset()
    assert Logins(database, clock).find(secret) is None
    assert len(Tokens(database, clock).all()) == 1
    with pytest.raises(NotFoundError, match="Ana has no second factor"):
        factors.reset(ana)


CHANGES: list[Callable[[Users, SecondFactors, User, Phone], object]] = [
    lambda users, _, ana, __: users.set_password(ana.name, "another horse"),
    lambda _, factors, ana, __: factors.reset(ana),
    lambda _, factors, ana, phone: factors.turn_off(ana, phone.recovery_codes[0]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_login_that_waits_ends_with_what_it_was_begun_with(
    factors: SecondFactors,
    users: Users,
    ana: User,
    phone: Phone,
    change: Callable[[Users, SecondFactors, User, Phone], object],
) -> None:
    """A new password, a reset or turning it off ends a login that waits for its code."""
    stamp = factors.login_state(ana)
    change(users, factors, ana, phone)
    with pytest.raises(LoginError, match="Log in again"):
        factors.use_code(ana, phone.shows(), stamp)


def test_a_stamp_that_still_fits_opens(factors: SecondFactors, ana: User, phone: Phone) -> None:
    """If nothing changed, the code is accepted."""
    factors.use_code(ana, phone.shows(), factors.login_state(ana))


def test_a_clock_that_went_back_is_named(factors: SecondFactors, ana: User, phone: Phone, clock: "Clock") -> None:
    """If the server's clock was ahead, the message says so, and recovery codes work."""
    clock.now += 86_400
    factors.use_code(ana, phone.shows())
    clock.now -= 86_400
    assert "The server's clock is behind" in refused(factors, ana, phone.shows())
    factors.use_code(ana, phone.recovery_codes[0])


def test_before_1970_no_code_fits_and_nothing_fails(
    factors: SecondFactors, ana: User, phone: Phone, clock: "Clock"
) -> None:
    """With a clock before 1970, codes are refused without an exception."""
    clock.now = -1_000_000.0
    assert "The server's clock is behind" in refused(factors, ana, "123456")


def test_secrets_are_not_kept_in_the_open_where_they_need_not_be(
    factors: SecondFactors, database: PeopleDatabase, ana: User, phone: Phone
) -> None:
    """Only hashes of recovery codes are stored, and every user has a different secret."""
    kept = repr(database.rows("SELECT * FROM recovery_code"))
    assert not any(code in kept or code.replace("-", "") in kept for code in phone.recovery_codes)
    assert len(phone.secret) == 32


@pytest.mark.parametrize("name", ["Ana", "María del Carmen", "a:b@c?d=e&f/#", "קרן", "%41"])
def test_an_app_reads_the_address_back(name: str, users: Users) -> None:
    """For any name, the address contains the secret, and name and server as one label."""
    user = users.add(name, Role.ADMIN, GOOD)
    secret = pyotp.random_base32()
    uri = app_uri(secret, user, "lab.example")
    read = pyotp.parse_uri(uri)
    assert (read.secret, read.issuer) == (secret, "labcrate")
    assert urlsplit(uri).scheme == "otpauth"
    assert parse_qs(urlsplit(uri).query)["secret"] == [secret]
    assert in_groups("ABCDEFGHIJ") == "ABCD EFGH IJ"
