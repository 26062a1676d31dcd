"""Ends of transfers that cannot be written at once: pending in their order, and written later."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.messages import message

from labcrate.errors import PeopleError
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.web.downloads.transfer_log import TransferResult, TransferResultWriter

WHAT: dict[str, Any] = {
    "who": "ana", "via": "token", "address": "::1", "session": "42", "options": "", "etag": '"abc"', "start": 0,
    "length": 9, "total": 9,
}  # fmt: skip


def test_one_pending_end_delays_the_others_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the log is locked for long, only the first end waits for the lock; in the end the log has all of them."""
    with PeopleDatabase.open(tmp_path) as database, ExportLog(database) as log:
        ends, tried = TransferResultWriter(log), []

        def locked(line: int, *_: Any, **__: Any) -> None:
            tried.append(line)
            raise PeopleError(message("Another program is writing to it."))

        with monkeypatch.context() as patched:
            patched.setattr(log, "end", locked)
            numbers = [log.begin(**WHAT) for _ in range(3)]
            for number in numbers:
                ends.write(TransferResult(number, number, Outcome.FINISHED, None, ended_s=1000.0 + number))
            assert tried == numbers[:1]
            ends.write_pending()
            assert tried == numbers[:1] * 2
        ends.write_pending()
        ends.write(TransferResult(log.begin(**WHAT), 5, Outcome.ABORTED, "the client disconnected"))
        last, *lines = log.lines()
    assert (last.outcome, last.reason) == ("aborted", "the client disconnected")
    assert {(line.outcome, line.bytes_sent) for line in lines} == {("finished", number) for number in numbers}
    assert [line.ended and line.ended.timestamp() for line in lines] == [1003.0, 1002.0, 1001.0]
