"""The export log: every transfer has a line with its outcome, even after a crash."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labcrate.errors import PeopleError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.people.database import PEOPLE_FILE, PeopleDatabase, from_ms
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.people.process_lock import LOCKS_FOLDER
from labcrate.web.pages.i18n import Locale

if TYPE_CHECKING:
    from tests.conftest import Clock

WHAT: dict[str, Any] = {
    "who": "ana",
    "via": "token",
    "address": "2001:db8::1",
    "session": "42",
    "options": "only=sensors&pad=30s",
    "etag": '"abc"',
    "start": 100,
    "length": 900,
    "total": 1000,
}


@pytest.fixture
def log(database: PeopleDatabase, clock: "Clock") -> ExportLog:
    """Return an empty log."""
    return ExportLog(database, clock)


def test_a_reason_is_read_as_the_message_that_was_written(log: ExportLog) -> None:
    """The message keeps its id and values, so that a page can show it in any language; other text stays text."""
    reason = Message("index.changed_while_read", file="recordings/a.mp4")
    for given in (reason, "plain text"):
        log.end(log.begin(**WHAT), 0, Outcome.BROKEN, given)
    plain, message = (line.reason for line in log.lines())
    assert isinstance(message, Message)
    assert (message.id, message.values, message) == (reason.id, {"file": "recordings/a.mp4"}, reason)
    assert (plain, isinstance(plain, Message)) == ("plain text", False)
    page = Locale("es")
    assert page.message(message).startswith("recordings/a.mp4 cambió mientras se leía.")
    assert page.message("plain text") == '<span lang="en">plain text</span>'


@pytest.mark.parametrize(
    "stored", ["{", "[]", '{"id": "no.such.id", "values": {}}', '{"id": "index.changed_while_read", "values": {}}']
)
def test_a_message_of_another_version_is_read_as_its_text(
    database: PeopleDatabase, log: ExportLog, stored: str
) -> None:
    """An unknown id, a missing value or damaged JSON leaves the English text."""
    log.begin(**WHAT)
    with database.write_transaction() as connection:
        connection.execute(
            "UPDATE export SET outcome = 'broken', reason = 'the text', reason_message = ? WHERE number = 1", stored
        )
    (line,) = log.lines()
    assert (line.reason, isinstance(line.reason, Message)) == ("the text", False)


def test_a_line_tells_all_of_a_transfer(log: ExportLog, clock: "Clock") -> None:
    """A line has the values given at the beginning and the end, with times in UTC to the millisecond."""
    begun = clock.now
    number = log.begin(**WHAT)
    (line,) = log.lines()
    assert (line.outcome, line.ended, line.bytes_sent) == (Outcome.RUNNING, None, 0)
    log.progress(number, 450)
    assert log.lines()[0].bytes_sent == 450
    clock.now += 1.234
    log.end(number, 900, Outcome.FINISHED)
    (line,) = log.lines()
    assert {name: getattr(line, name) for name in WHAT} == WHAT
    assert (line.number, line.bytes_sent, line.outcome, line.reason) == (number, 900, Outcome.FINISHED, None)
    assert (line.begun, line.ended) == (from_ms(round(begun * 1000)), from_ms(round((begun + 1.234) * 1000)))


def test_what_somebody_was_sent_from_lately(log: ExportLog, clock: "Clock") -> None:
    """The ETags of a user, session and options since a time are each returned once, the latest first."""
    since = from_ms(round(clock.now * 1000))
    clock.now += 1
    for etag in ('"old"', '"abc"', '"old"'):
        log.begin(**WHAT | {"etag": etag})
    others: list[dict[str, Any]] = [{"who": "eva"}, {"session": "7"}, {"options": ""}, {"address": ""}]
    for other in others:
        log.begin(**WHAT | {"etag": '"other"'} | other)
    asked = {name: WHAT[name] for name in ("who", "session", "options")}
    assert log.sent_etags(**asked, since=since) == ['"old"', '"abc"']
    clock.now += 1
    assert log.sent_etags(**asked, since=from_ms(round(clock.now * 1000))) == []


def test_a_line_that_ended_stays_as_it_is(log: ExportLog, database: PeopleDatabase) -> None:
    """A completed line cannot be changed or deleted, not even with SQL."""
    number = log.begin(**WHAT)
    log.end(number, 5, Outcome.BROKEN, "the file changed")
    log.end(number, 900, Outcome.FINISHED)
    log.progress(number, 900)
    (line,) = log.lines()
    assert (line.bytes_sent, line.outcome, line.reason) == (5, Outcome.BROKEN, "the file changed")
    for statement in ("DELETE FROM export", "UPDATE export SET who = 'nobody'"):
        with pytest.raises(PeopleError, match="export log"), database.write_transaction() as connection:
            connection.execute(statement)
    assert log.lines() == [line]


def test_lines_are_read_the_newest_first_a_page_at_a_time(log: ExportLog) -> None:
    """Session, number and limit can be combined, and pages follow without a gap."""
    for session in ("1", "2") * 5:
        log.begin(**{**WHAT, "session": session})
    numbers = [line.number for line in log.lines()]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 10
    first = log.lines(session="2", limit=3)
    rest = log.lines(session="2", before=first[-1].number)
    assert [line.number for line in first + rest] == numbers[::2]
    assert {line.session for line in first + rest} == {"2"}
    assert log.lines(limit=0) == []
    assert log.lines(session="3") == []


def test_a_name_cannot_forge_a_line(log: ExportLog) -> None:
    """Line breaks and control characters in users' texts are escaped."""
    number = log.begin(**{**WHAT, "who": "ana\nbob", "address": "\x1b[2J", "options": "camera=\ud800"})
    log.end(number, 0, Outcome.ABORTED, "why\r\nnot")
    (line,) = log.lines()
    texts = (line.who, line.address, line.options, line.reason or "")
    assert all(text and printable(text) == text for text in texts)


_SENDER = """
import sys, time
from pathlib import Path
from labcrate.messages.message import Message
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog

log = ExportLog(PeopleDatabase.open(Path(sys.argv[1])))
print(log.begin(who=sys.argv[2], via="login", address="", session="1", options="", etag="", start=0, length=9, total=9))
sys.stdout.flush()
time.sleep(600)
"""


def send(folder: Path, who: str) -> subprocess.Popen[str]:
    """Start a process that begins a transfer and does not end it."""
    process = subprocess.Popen([sys.executable, "-c", _SENDER, str(folder), who], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    return process


def test_lines_of_dead_processes_are_aborted_and_those_of_living_ones_run_on(tmp_path: Path) -> None:
    """After a crash the next start marks the lines as aborted, but not those of running processes."""
    dead, living = send(tmp_path, "dead"), send(tmp_path, "living")
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait(60)
        with PeopleDatabase.open(tmp_path) as database, ExportLog(database) as log:
            own = log.begin(**WHAT)
            assert log.abort_dead_transfers() == 1
            assert log.abort_dead_transfers() == 0
            outcomes = {line.who: (line.outcome, line.reason) for line in log.lines()}
            assert outcomes["living"] == (Outcome.RUNNING, None)
            assert outcomes["ana"] == (Outcome.RUNNING, None)
            assert outcomes["dead"][0] is Outcome.ABORTED
            assert "ended during the transfer" in (outcomes["dead"][1] or "")
            log.end(own, 900, Outcome.FINISHED)
    finally:
        for process in (dead, living):
            process.kill()
            process.wait(60)
            if process.stdout is not None:
                process.stdout.close()
    with PeopleDatabase.open(tmp_path) as database, ExportLog(database) as log:
        assert log.abort_dead_transfers() == 1
    assert list((tmp_path / LOCKS_FOLDER).iterdir()) == []


def test_a_log_that_cannot_be_written_says_so_before_a_byte_is_sent(tmp_path: Path) -> None:
    """A locks folder or database that cannot be written is an error at the beginning."""
    with PeopleDatabase.open(tmp_path) as database:
        (tmp_path / LOCKS_FOLDER).write_text("in the way")
        with pytest.raises(PeopleError, match="export log cannot be written"):
            ExportLog(database).begin(**WHAT)
        assert ExportLog(database).lines() == []


def test_a_link_in_place_of_the_folder_of_processes_is_not_followed(tmp_path: Path) -> None:
    """Files behind a symbolic link are neither written nor removed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("theirs")
    state = tmp_path / "state"
    state.mkdir()
    (state / LOCKS_FOLDER).symlink_to(elsewhere)
    with PeopleDatabase.open(state) as database, ExportLog(database) as log:
        log.abort_dead_transfers()
        log.begin(**WHAT)
    assert [path.name for path in elsewhere.iterdir()] == ["file"]
    assert (state / PEOPLE_FILE).exists()
