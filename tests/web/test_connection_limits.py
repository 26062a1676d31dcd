"""Limits on connections, in total and for one client; and which connection is closed when all slots are in use."""

import resource
from dataclasses import dataclass, field

import pytest

from labcrate.web.http.connection_limits import MAX_CONNECTIONS, MAX_PER_NETWORK, ConnectionLimits, ConnectionSlot


@dataclass
class Visits:
    """Connections of a test; ``ended`` has the names of those that were closed, in order."""

    limits: ConnectionLimits
    ended: list[str] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)
    slots: dict[str, ConnectionSlot] = field(default_factory=dict)

    def come(self, address: str, *names: str) -> None:
        """Open connections with names, from one address."""
        for name in names:
            slot = self.limits.admit(address, lambda name=name: self.ended.append(name))  # type: ignore[misc]
            if slot is None:
                self.turned_away.append(name)
            else:
                self.slots[name] = slot

    def ask(self, name: str, *, is_logged_in: bool = False) -> None:
        """Begin a request on a connection."""
        self.limits.request_began(self.slots[name])
        self.limits.set_logged_in(self.slots[name], is_logged_in=is_logged_in)

    def be_answered(self, name: str) -> None:
        """End the request of a connection."""
        self.limits.request_ended(self.slots[name])

    def log_in(self, *names: str) -> None:
        """Make requests on connections as a user who is logged in, and end them."""
        for name in names:
            self.ask(name, is_logged_in=True)
            self.be_answered(name)


def fill(limits: ConnectionLimits, address: str, attempts: int) -> int:
    """Return how many more connections are open after some attempts from one address."""
    before = limits.open_count
    for _ in range(attempts):
        limits.admit(address, lambda: None)
    return limits.open_count - before


@pytest.mark.parametrize(
    ("descriptors", "most", "most_of_one"),
    [
        (20, 8, 6),
        (256, 52, 41),
        (1024, 308, 246),
        (65_536, MAX_CONNECTIONS, MAX_PER_NETWORK),
        (resource.RLIM_INFINITY, MAX_CONNECTIONS, MAX_PER_NETWORK),
    ],
)
def test_the_limits_fit_the_descriptors_of_the_system(descriptors: int, most: int, most_of_one: int) -> None:
    """Every connection could send a file at the same time, and one client leaves slots for others."""
    assert fill(ConnectionLimits.for_descriptors(descriptors), "192.0.2.1", 5000) == most_of_one
    limits = ConnectionLimits.for_descriptors(descriptors)
    assert sum(fill(limits, f"192.0.2.{number}", 100) for number in range(100)) == most
    assert most < max(descriptors, 20) or descriptors == resource.RLIM_INFINITY


def test_one_network_has_a_limit() -> None:
    """An IPv4 address is one client, and so is an IPv6 /64 network; others can connect until all slots are in use."""
    limits = ConnectionLimits(10, 3)
    assert fill(limits, "192.0.2.1", 5) == 3
    assert fill(limits, "2001:db8::1", 2) == 2
    assert fill(limits, "2001:db8::2%eth0", 5) == 1
    assert fill(limits, "2001:db8:0:1::1", 5) == 3
    assert fill(limits, "192.0.2.2", 5) == 1
    assert limits.open_count == 10


def test_the_connection_idle_for_longest_is_closed() -> None:
    """If all slots are in use, a new connection takes the slot of the one that is idle for longest."""
    visits = Visits(ConnectionLimits(3, 3))
    visits.come("192.0.2.1", "a", "b", "c")
    visits.ask("a")
    visits.be_answered("a")  # and is the latest of the silent ones
    visits.come("192.0.2.2", "d", "e", "f", "g")
    assert (visits.ended, visits.turned_away, visits.limits.open_count) == (["b", "c", "a", "d"], [], 3)


def test_requests_are_closed_after_all_idle_connections() -> None:
    """Running requests are closed if no connection is idle, the longest first, and never those with a login."""
    visits = Visits(ConnectionLimits(4, 4))
    visits.come("192.0.2.1", "a", "b", "c", "d")
    for name in "abc":
        visits.ask(name, is_logged_in=name == "a")
    visits.come("192.0.2.2", "e")
    visits.ask("e", is_logged_in=True)
    visits.come("192.0.2.2", "f")
    visits.ask("f", is_logged_in=True)
    assert visits.ended == ["d", "b"]
    visits.come("192.0.2.2", "g")
    visits.ask("g", is_logged_in=True)
    visits.come("192.0.2.2", "h")
    assert (visits.ended, visits.turned_away) == (["d", "b", "c"], ["h"])


def test_logged_in_users_have_a_reserve() -> None:
    """No flood closes idle connections of logged-in users while there are no more than a fourth of all slots."""
    visits = Visits(ConnectionLimits(8, 8))
    visits.come("192.0.2.1", "one", "two")
    visits.log_in("one", "two")
    flood = [f"flood {number}" for number in range(40)]
    for number, name in enumerate(flood):
        visits.come(f"198.51.100.{number}", name)
    assert visits.ended == flood[:34]
    visits.come("192.0.2.1", "three")
    visits.log_in("three")
    visits.come("198.51.100.99", "more", "and more")
    assert visits.ended[35:] == ["one", "flood 35"]


def test_a_full_network_closes_its_own_connections() -> None:
    """Only connections of the same network are closed, those with a login last; requests with a login are kept."""
    visits = Visits(ConnectionLimits(10, 3))
    visits.come("192.0.2.9", "another's")
    visits.come("192.0.2.1", "a", "b", "c")
    visits.log_in("a")
    visits.come("192.0.2.1", "d", "e")
    assert visits.ended == ["b", "c"]
    visits.log_in("d", "e")
    visits.come("192.0.2.1", "f")
    visits.ask("f", is_logged_in=True)
    visits.ask("d", is_logged_in=True)
    visits.ask("e", is_logged_in=True)
    visits.come("192.0.2.1", "g")
    assert (visits.ended, visits.turned_away, visits.limits.open_count) == (["b", "c", "a"], ["g"], 4)


def test_a_closed_connection_frees_its_slot() -> None:
    """Every slot is freed once, and nothing is stored about closed connections."""
    limits = ConnectionLimits(3, 2)
    slot = limits.admit("192.0.2.1", lambda: None)
    assert slot is not None
    assert fill(limits, "192.0.2.1", 1) == 1
    limits.set_logged_in(slot, is_logged_in=True)
    for _ in range(2):
        limits.release(slot)
        limits.request_began(slot)
        limits.request_ended(slot)
        limits.set_logged_in(slot, is_logged_in=True)
    assert limits.open_count == 1
    assert fill(limits, "192.0.2.1", 2) == 1


def test_a_proxy_has_no_limit_of_its_own() -> None:
    """The connections of a proxy are only limited in total; those of others are limited as always."""
    limits = ConnectionLimits(10, 3, is_proxy=lambda address: address in ("127.0.0.1", "::1"))
    assert fill(limits, "192.0.2.1", 5) == 3
    assert fill(limits, "127.0.0.1", 5) == 5
    assert fill(limits, "::1", 5) == 2


def test_a_flood_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A flood leaves one log line, with its network."""
    fill(ConnectionLimits(10, 3), "192.0.2.1", 100)
    assert caplog.messages == ["3 connections from 192.0.2.1 are open; the one idle for longest is closed."]
