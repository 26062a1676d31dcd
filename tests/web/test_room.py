"""How many connections there may be: in all, and from one client; and who goes when all room is taken."""

import resource
from dataclasses import dataclass, field

import pytest

from labcrate.web.room import MOST, MOST_OF_ONE, Room, Seat


@dataclass
class Visits:
    """Connections that came to a room; ``ended`` are the names of those that had to go, in their order."""

    room: Room
    ended: list[str] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)
    seats: dict[str, Seat] = field(default_factory=dict)

    def come(self, address: str, *names: str) -> None:
        """Have connections of some names come from an address."""
        for name in names:
            seat = self.room.enter(address, lambda name=name: self.ended.append(name))  # type: ignore[misc]
            if seat is None:
                self.turned_away.append(name)
            else:
                self.seats[name] = seat

    def ask(self, name: str, *, known: bool = False) -> None:
        """Have one of them begin a request."""
        self.room.begin(self.seats[name])
        self.room.know(self.seats[name], known=known)

    def be_answered(self, name: str) -> None:
        """Have one of them wait for nothing any more."""
        self.room.rest(self.seats[name])

    def log_in(self, *names: str) -> None:
        """Have some of them ask for something as somebody who is logged in, and be answered."""
        for name in names:
            self.ask(name, known=True)
            self.be_answered(name)


def fill(room: Room, address: str, attempts: int) -> int:
    """How many connections there are more after some attempts from one address."""
    before = room.taken
    for _ in range(attempts):
        room.enter(address, lambda: None)
    return room.taken - before


@pytest.mark.parametrize(
    ("descriptors", "most", "most_of_one"),
    [
        (20, 8, 6),
        (256, 52, 41),
        (1024, 308, 246),
        (65_536, MOST, MOST_OF_ONE),
        (resource.RLIM_INFINITY, MOST, MOST_OF_ONE),
    ],
)
def test_the_room_fits_what_the_system_allows(descriptors: int, most: int, most_of_one: int) -> None:
    """Every connection could send a file at the same time, and one client leaves room for others."""
    assert fill(Room.within(descriptors), "192.0.2.1", 5000) == most_of_one
    room = Room.within(descriptors)
    assert sum(fill(room, f"192.0.2.{number}", 100) for number in range(100)) == most
    assert most < max(descriptors, 20) or descriptors == resource.RLIM_INFINITY


def test_one_network_has_its_share_and_no_more() -> None:
    """An IPv4 address is one client, and so is a whole IPv6 /64; others still get in, until all room is taken."""
    room = Room(10, 3)
    assert fill(room, "192.0.2.1", 5) == 3
    assert fill(room, "2001:db8::1", 2) == 2
    assert fill(room, "2001:db8::2%eth0", 5) == 1
    assert fill(room, "2001:db8:0:1::1", 5) == 3
    assert fill(room, "192.0.2.2", 5) == 1
    assert room.taken == 10


def test_the_longest_silent_one_goes() -> None:
    """Who comes when all is full takes the place of who has said nothing for the longest time."""
    visits = Visits(Room(3, 3))
    visits.come("192.0.2.1", "a", "b", "c")
    visits.ask("a")
    visits.be_answered("a")  # and is the latest of the silent ones
    visits.come("192.0.2.2", "d", "e", "f", "g")
    assert (visits.ended, visits.turned_away, visits.room.taken) == (["b", "c", "a", "d"], [], 3)


def test_who_asks_goes_after_all_who_are_silent() -> None:
    """A request under way is ended when nobody is silent, the longest first, and one of a login never."""
    visits = Visits(Room(4, 4))
    visits.come("192.0.2.1", "a", "b", "c", "d")
    for name in "abc":
        visits.ask(name, known=name == "a")
    visits.come("192.0.2.2", "e")
    visits.ask("e", known=True)
    visits.come("192.0.2.2", "f")
    visits.ask("f", known=True)
    assert visits.ended == ["d", "b"]
    visits.come("192.0.2.2", "g")
    visits.ask("g", known=True)
    visits.come("192.0.2.2", "h")
    assert (visits.ended, visits.turned_away) == (["d", "b", "c"], ["h"])


def test_those_who_are_logged_in_keep_a_reserve() -> None:
    """No flood ends a silent connection of theirs while they are no more than that fourth part."""
    visits = Visits(Room(8, 8))
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
    visits = Visits(Room(10, 3))
    visits.come("192.0.2.9", "another's")
    visits.come("192.0.2.1", "a", "b", "c")
    visits.log_in("a")
    visits.come("192.0.2.1", "d", "e")
    assert visits.ended == ["b", "c"]
    visits.log_in("d", "e")
    visits.come("192.0.2.1", "f")
    visits.ask("f", known=True)
    visits.ask("d", known=True)
    visits.ask("e", known=True)
    visits.come("192.0.2.1", "g")
    assert (visits.ended, visits.turned_away, visits.room.taken) == (["b", "c", "a"], ["g"], 4)


def test_who_leaves_makes_room() -> None:
    """Whatever was counted is counted back once, and nothing is remembered of who left or was ended."""
    room = Room(3, 2)
    seat = room.enter("192.0.2.1", lambda: None)
    assert seat is not None
    assert fill(room, "192.0.2.1", 1) == 1
    room.know(seat, known=True)
    for _ in range(2):
        room.leave(seat)
        room.begin(seat)
        room.rest(seat)
        room.know(seat, known=True)
    assert room.taken == 1
    assert fill(room, "192.0.2.1", 2) == 1


def test_a_proxy_speaks_for_many() -> None:
    """Its connections are limited in all only; those of others are as ever."""
    room = Room(10, 3, is_proxy=lambda address: address in ("127.0.0.1", "::1"))
    assert fill(room, "192.0.2.1", 5) == 3
    assert fill(room, "127.0.0.1", 5) == 5
    assert fill(room, "::1", 5) == 2


def test_that_all_is_full_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A flood leaves a line that says of which network it is."""
    fill(Room(10, 3), "192.0.2.1", 100)
    assert caplog.messages == ["There are 3 connections from 192.0.2.1; the longest silent one goes."]
