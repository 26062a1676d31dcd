"""How many connections there may be: in all, and from one client; and who goes when all slots are taken."""

import resource
from dataclasses import dataclass, field

import pytest

from labcrate.web.http.connection_limits import MAX_CONNECTIONS, MAX_PER_NETWORK, ConnectionLimits, ConnectionSlot


@dataclass
class Visits:
    """Connections that came; ``ended`` are the names of those that had to go, in their order."""

    limits: ConnectionLimits
    ended: list[str] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)
    slots: dict[str, ConnectionSlot] = field(default_factory=dict)

    def come(self, address: str, *names: str) -> None:
        """Have connections of some names come from an address."""
        for name in names:
            slot = self.limits.admit(address, lambda name=name: self.ended.append(name))  # type: ignore[misc]
            if slot is None:
                self.turned_away.append(name)
            else:
                self.slots[name] = slot

    def ask(self, name: str, *, is_logged_in: bool = False) -> None:
        """Have one of them begin a request."""
        self.limits.request_began(self.slots[name])
        self.limits.set_logged_in(self.slots[name], is_logged_in=is_logged_in)

    def be_answered(self, name: str) -> None:
        """Have one of them wait for nothing any more."""
        self.limits.request_ended(self.slots[name])

    def log_in(self, *names: str) -> None:
        """Have some of them ask for something as somebody who is logged in, and be answered."""
        for name in names:
            self.ask(name, is_logged_in=True)
            self.be_answered(name)


def fill(limits: ConnectionLimits, address: str, attempts: int) -> int:
    """How many connections there are more after some attempts from one address."""
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
def test_the_room_fits_what_the_system_allows(descriptors: int, most: int, most_of_one: int) -> None:
    """Every connection could send a file at the same time, and one client leaves slots for others."""
    assert fill(ConnectionLimits.for_descriptors(descriptors), "192.0.2.1", 5000) == most_of_one
    limits = ConnectionLimits.for_descriptors(descriptors)
    assert sum(fill(limits, f"192.0.2.{number}", 100) for number in range(100)) == most
    assert most < max(descriptors, 20) or descriptors == resource.RLIM_INFINITY


def test_one_network_has_its_share_and_no_more() -> None:
    """An IPv4 address is one client, and so is a whole IPv6 /64; others still get in, until all slots are taken."""
    limits = ConnectionLimits(10, 3)
    assert fill(limits, "192.0.2.1", 5) == 3
    assert fill(limits, "2001:db8::1", 2) == 2
    assert fill(limits, "2001:db8::2%eth0", 5) == 1
    assert fill(limits, "2001:db8:0:1::1", 5) == 3
    assert fill(limits, "192.0.2.2", 5) == 1
    assert limits.open_count == 10


def test_the_longest_silent_one_goes() -> None:
    """Who comes when all is full takes the place of who has said nothing for the longest time."""
    visits = Visits(ConnectionLimits(3, 3))
    visits.come("192.0.2.1", "a", "b", "c")
    visits.ask("a")
    visits.be_answered("a")  # and is the latest of the silent ones
    visits.come("192.0.2.2", "d", "e", "f", "g")
    assert (visits.ended, visits.turned_away, visits.limits.open_count) == (["b", "c", "a", "d"], [], 3)


def test_who_asks_goes_after_all_who_are_silent() -> None:
    """A request under way is ended when nobody is silent, the longest first, and one of a login never."""
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


def test_those_who_are_logged_in_keep_a_reserve() -> None:
    """No flood ends a silent connection of theirs while they are no more than that fourth part."""
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


def test_a_network_that_is_full_ends_its_own() -> None:
    """Only connections of the same network go, those who are logged in last of all; who asks with a login stays."""
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


def test_who_leaves_makes_room() -> None:
    """Whatever was counted is counted back once, and nothing is remembered of who left or was ended."""
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


def test_a_proxy_speaks_for_many() -> None:
    """Its connections are limited in all only; those of others are as ever."""
    limits = ConnectionLimits(10, 3, is_proxy=lambda address: address in ("127.0.0.1", "::1"))
    assert fill(limits, "192.0.2.1", 5) == 3
    assert fill(limits, "127.0.0.1", 5) == 5
    assert fill(limits, "::1", 5) == 2


def test_that_all_is_full_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A flood leaves a line that says of which network it is."""
    fill(ConnectionLimits(10, 3), "192.0.2.1", 100)
    assert caplog.messages == ["3 connections from 192.0.2.1 are open; the one idle for longest is closed."]
