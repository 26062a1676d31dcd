"""How many connections there may be: in all, and from one client."""

import resource

import pytest

from labcrate.web.room import MOST, MOST_OF_ONE, Room


def entered(room: Room, address: str, attempts: int) -> int:
    """How many of some attempts from one address got in."""
    return sum(room.enter(address) is not None for _ in range(attempts))


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
    assert entered(Room.within(descriptors, proxied=False), "192.0.2.1", 5000) == most_of_one
    room = Room.within(descriptors, proxied=False)
    assert sum(entered(room, f"192.0.2.{number}", 100) for number in range(100)) == most
    assert most < max(descriptors, 20) or descriptors == resource.RLIM_INFINITY


def test_one_network_has_its_share_and_no_more() -> None:
    """An IPv4 address is one client, and so is a whole IPv6 /64; others still get in, until all room is taken."""
    room = Room(10, 3)
    assert entered(room, "192.0.2.1", 5) == 3
    assert entered(room, "2001:db8::1", 2) == 2
    assert entered(room, "2001:db8::2%eth0", 5) == 1
    assert entered(room, "2001:db8:0:1::1", 5) == 3
    assert entered(room, "192.0.2.2", 5) == 1
    assert room.taken == 10


def test_who_leaves_makes_room() -> None:
    """Whatever was counted is counted back, and nothing is remembered of who left."""
    room = Room(3, 2)
    network = room.enter("192.0.2.1")
    assert network is not None
    assert entered(room, "192.0.2.1", 2) == 1
    room.leave(network)
    assert room.taken == 1
    assert entered(room, "192.0.2.1", 2) == 1


def test_a_proxy_on_this_machine_speaks_for_many() -> None:
    """Behind one, its connections are limited in all only; those of others are as ever."""
    room = Room(10, 3, proxied=True)
    assert entered(room, "192.0.2.1", 5) == 3
    assert entered(room, "127.0.0.1", 5) == 5
    assert entered(room, "::1", 5) == 2


def test_turning_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A flood leaves a line that says of which network it is."""
    entered(Room(10, 3), "192.0.2.1", 100)
    assert caplog.messages == ["There are 3 connections from 192.0.2.1; others are turned away."]
