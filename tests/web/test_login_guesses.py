"""Guessing passwords at a real server: slow for the attacker, without effect on others."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TYPE_CHECKING

import pytest
import requests
from tests.conftest import Clock

from labcrate.people.roles import Role
from labcrate.web.auth.login_throttle import LoginThrottle
from labcrate.web.executor import WorkKind

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

GOOD, WRONG = "correct horse", "a guess of many"


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve a lab with an administrator and a viewer, behind a proxy that sends the clients' addresses."""
    running = serve(usual_lab.root, base_url="http://lab.example")
    running.user(Role.VIEWER)
    return running


@pytest.fixture
def clock(serving: "Serving") -> Clock:
    """Return the clock of the limits on attempts."""
    clock = Clock()
    serving.resources.accounts.login_throttle = LoginThrottle(clock)
    return clock


def log_in(serving: "Serving", name: str, password: str, address: str = "192.0.2.1") -> requests.Response:
    """Send the login form from an address, and follow nowhere."""
    data, headers = {"name": name, "password": password}, {"X-Forwarded-For": address}
    return requests.post(serving.url + "/login", data=data, headers=headers, allow_redirects=False, timeout=60)


def test_guessing_a_password_is_slowed_down(serving: "Serving", clock: Clock) -> None:
    """Ten attempts at once, then one every 30 s, also with the right password; the responses do not differ."""
    assert [log_in(serving, "the admin", f"guess {n} horse").status_code for n in range(10)] == [401] * 10
    answer = log_in(serving, "the admin", GOOD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "Wait 30 seconds" in answer.text
    assert "Set-Cookie" not in answer.headers
    clock.now += 29
    assert log_in(serving, "the admin", GOOD).headers["Retry-After"] == "1"
    clock.now += 1
    assert log_in(serving, "the admin", "guess 11 horse").status_code == 401
    assert log_in(serving, "the admin", GOOD).status_code == 429
    clock.now += 30
    assert log_in(serving, "the admin", GOOD).status_code == 303


@pytest.mark.usefixtures("clock")
def test_guessing_does_not_lock_others_out(serving: "Serving") -> None:
    """The attacked user can log in from elsewhere, and others from the very address of the attack."""
    for _ in range(60):
        log_in(serving, "the admin", WRONG)
    assert log_in(serving, "the admin", GOOD).status_code == 429
    assert log_in(serving, "the admin", GOOD, "192.0.2.2").status_code == 303
    assert log_in(serving, "the viewer", GOOD).status_code == 303


@pytest.mark.usefixtures("clock")
def test_a_name_is_counted_however_it_is_written(serving: "Serving") -> None:
    """Other case, width and spaces around a name count as that name; a text that is too long is no user's name."""
    ways = ("the admin", "THE ADMIN", " the admin", "the admin" + " " * 200, "ｔｈｅ　ａｄｍｉｎ")
    assert [log_in(serving, way, WRONG).status_code for way in ways * 2] == [401] * 10
    for n in (0, 1, 100, 240):
        assert log_in(serving, " " * n + "the admin", GOOD).status_code == 429
    assert log_in(serving, " " * 300 + "the admin", GOOD).status_code == 401


@pytest.mark.thorough
def test_one_name_is_guessed_from_many_addresses_no_quicker(serving: "Serving", clock: Clock) -> None:
    """A hundred attempts at one name from everywhere, then one every 20 s; another name gets in meanwhile."""
    for n in range(100):
        assert log_in(serving, "the admin", WRONG, f"192.0.2.{n}").status_code == 401
    answer = log_in(serving, "the admin", GOOD, "192.0.2.200")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
    assert log_in(serving, "the viewer", GOOD, "192.0.2.200").status_code == 303
    clock.now += 20
    assert log_in(serving, "the admin", GOOD, "192.0.2.200").status_code == 303


@pytest.mark.usefixtures("clock")
def test_one_address_guesses_many_names_no_quicker(serving: "Serving") -> None:
    """Nor does a login of one's own in between give the attempts back, nor an address out of the same IPv6 network."""
    for n in range(30):
        address = f"evil, 2001:db8::{n + 1:x}"
        assert log_in(serving, f"name {n}", WRONG, address).status_code == 401
        if n < 29:
            assert log_in(serving, "the viewer", GOOD, address).status_code == 303
    assert log_in(serving, "the viewer", GOOD, "2001:db8::ffff").status_code == 429
    assert log_in(serving, "the viewer", GOOD, "2001:db8:0:1::1").status_code == 303


def test_a_forwarded_address_only_counts_behind_a_proxy(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Without --base-url there is no proxy: a header that names another address each time opens no more attempts."""
    serving = serve(usual_lab.root)
    serving.user(Role.ADMIN)
    serving.resources.accounts.login_throttle = LoginThrottle(Clock())
    for n in range(30):
        log_in(serving, f"name {n}", WRONG, f"192.0.2.{n}")
    assert log_in(serving, "the admin", GOOD, "192.0.2.99").status_code == 429


def test_only_so_many_passwords_wait_to_be_hashed(serving: "Serving") -> None:
    """A flood of logins is refused before it fills memory or time, and later logins succeed."""
    release = threading.Event()
    hashing = serving.resources.executor.run(WorkKind.PASSWORDS, release.wait, 60)
    asyncio.run_coroutine_threadsafe(hashing, serving.loop)
    with ThreadPoolExecutor(20) as crowd:
        answers = [crowd.submit(log_in, serving, f"name {n}", WRONG) for n in range(20)]
        refused = [answer.result() for answer in islice(as_completed(answers, 60), 4)]
        release.set()
        statuses = sorted(answer.result(60).status_code for answer in answers)
    assert statuses == [401] * 16 + [429] * 4
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(429, "5")] * 4
    assert log_in(serving, "the admin", GOOD).status_code == 303
    assert serving.resources.accounts.pending_hashings == 0


@pytest.mark.usefixtures("clock")
def test_failed_logins_are_in_the_servers_log(serving: "Serving", caplog: pytest.LogCaptureFixture) -> None:
    """A line for each, with the client's address and nothing of what was typed; one line when it becomes too many."""
    for _ in range(15):
        log_in(serving, "hunter2 hunter2", WRONG, "203.0.113.9")
    log_in(serving, "the admin", GOOD, "203.0.113.10")
    log_in(serving, "the admin " + "x" * 500, GOOD, "2001:db8::1")
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert said == [
        *[(logging.WARNING, "A login from 203.0.113.9 failed.")] * 10,
        (
            logging.WARNING,
            "Too many failed logins with one name from 203.0.113.9: further attempts are refused for now.",
        ),
        (logging.WARNING, "A login from 2001:db8::1 failed."),
    ]
