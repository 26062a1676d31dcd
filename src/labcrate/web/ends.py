"""Ends of transfers for the export log: what cannot be written down now (a full disk) is written when it can be."""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from labcrate.errors import PeopleError
from labcrate.people.exports import ExportLog, Outcome

_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class End:
    """How the transfer of a line ended; ``at`` is when, in seconds since 1970."""

    line: int
    sent: int
    outcome: Outcome
    reason: str | None
    at: float = field(default_factory=time.time)


class Ends:
    """Writes ends into their lines, and keeps those that it cannot write. Any thread may use it; it waits for disks."""

    def __init__(self, log: ExportLog) -> None:
        self._log, self._writing = log, threading.Lock()
        self._kept: list[End] = []

    def write(self, end: End) -> None:
        """Write one down, now or later: behind others that could not be written, so that not each waits for a lock."""
        why = "others wait to be written."
        if not self._kept:
            try:
                self._write(end)
            except PeopleError as error:
                why = str(error)
            else:
                return
        told = (end.line, end.outcome, end.sent, why)
        _log.warning("The export log was not yet told that transfer %d ended (%s, %d bytes): %s", *told)
        self._kept.append(end)

    def write_kept(self) -> None:
        """Write down what could not be written before, as far as that can be done now."""
        with self._writing, suppress(PeopleError):
            while self._kept:
                self._write(self._kept[0])
                self._kept.pop(0)

    def _write(self, end: End) -> None:
        self._log.end(end.line, end.sent, end.outcome, end.reason, ended=end.at)
