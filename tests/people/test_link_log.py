"""The log of links: which files were linked to which session, and which links were undone."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labcrate.errors import NotFoundError, PeopleError, RepairError
from labcrate.messages.message import Message
from labcrate.people.database import PeopleDatabase
from labcrate.people.link_log import LinkLog, LinkMethod


def test_a_link_is_listed_and_can_be_taken_back_once(database: PeopleDatabase) -> None:
    """Undoing keeps the line and adds the user; undoing it again is an error that names this user."""
    log = LinkLog(database)
    first = log.add(
        who="ana", session="42", source="recordings/a.mp4", target="sessions/Session42/a.mp4", method="move"
    )
    second = log.add(who="bob", session="7", source="recordings/b.mp4", target="sessions/Session7/b.mp4", method="link")
    assert [link.number for link in log.lines()] == [second, first]
    assert [link.number for link in log.lines("42")] == [first]
    assert log.get(first).undone is None
    log.mark_undone(first, "bob")
    link = log.get(first)
    assert (link.who, link.undone_by, link.undone is not None) == ("ana", "bob", True)
    with pytest.raises(RepairError, match="already undone, by bob"):
        log.mark_undone(first, "ana")
    assert log.get(first) == link


def test_a_source_that_is_a_message_is_read_as_one(database: PeopleDatabase) -> None:
    """The text for linked recordings keeps its id and values; a path stays a path, also if it is no UTF-8."""
    log = LinkLog(database)
    message = Message("link.recordings", recorders="nvr", count=2)
    for source in (message, "recordings/\udcff.mp4"):
        log.add(who="ana", session="1", source=source, target="b", method=LinkMethod.BY_TIME)
    path, read = (link.source for link in log.lines())
    assert isinstance(read, Message)
    assert (read.id, read.values, read) == (message.id, message.values, "nvr: 2 recordings")
    assert (path, isinstance(path, Message)) == ("recordings/\udcff.mp4", False)


def test_an_unknown_link_is_named(database: PeopleDatabase) -> None:
    """Reading or undoing an unknown link is an error with its number."""
    for attempt in (LinkLog(database).get, lambda number: LinkLog(database).mark_undone(number, "ana")):
        with pytest.raises(NotFoundError, match="no link 9"):
            attempt(9)


def test_lines_are_kept(database: PeopleDatabase) -> None:
    """No SQL statement can delete a line."""
    LinkLog(database).add(who="ana", session="1", source="a", target="b", method="move")
    with pytest.raises(PeopleError, match="keeps every line"), database.write_transaction() as connection:
        connection.execute("DELETE FROM link")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(name=st.binary(min_size=1, max_size=40))
def test_names_are_kept_to_the_byte(database: PeopleDatabase, name: bytes) -> None:
    """File names that are not UTF-8 are read as they were stored."""
    path = name.decode("utf-8", "surrogateescape")
    log = LinkLog(database)
    number = log.add(who="ana", session="1", source=path, target=path, method="move")
    assert (log.get(number).source, log.get(number).target) == (path, path)
