"""The background check that the bytes of files still match their checksums."""

import logging
import os
from collections.abc import Callable, Mapping

from labcrate.index.byte_checks import DAY_MS, ByteCheckRule
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.lab.disk import has_data_checksums
from labcrate.lab.lab_files import LabFiles, display_path
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.plan.planner import probe_video

# How much is checked at a time, and how often the index is searched for files that are due.
_MAX_BYTES, _MAX_FILES = 1 << 30, 500
_INTERVAL_S = 3600.0
_log = logging.getLogger("labcrate.web")


class BackgroundCheck:
    """A check of the files whose last check is too long ago, some at a time.

    ``on_difference`` is called with each file whose bytes do not match its checksum.
    """

    def __init__(self, clock: Callable[[], float], on_difference: Callable[[str], None]) -> None:
        self._clock, self._on_difference, self._next_at_s = clock, on_difference, 0.0

    @property
    def is_due(self) -> bool:
        """Return whether it is time to search the index again."""
        return self._clock() >= self._next_at_s

    def check_files(
        self, files: LabFiles, catalog: Catalog, days: int, present: Mapping[str, Identity], progress: Progress
    ) -> None:
        """Check some of the files that are due, those with the oldest last check first."""
        rule, requests, size_bytes = ByteCheckRule.from_now(days=max(days, 1)), list[IndexRequest](), 0
        due = catalog.files_due_for_check(rule.began_ms - rule.days * DAY_MS, rule.began_ms)
        for path, identity in due:
            if present.get(path) != identity or _needs_no_check(files, path):
                continue
            requests.append(IndexRequest(path, identity, hash=False, probe=False, check_bytes=True))
            size_bytes += identity.size_bytes
            if size_bytes >= _MAX_BYTES or len(requests) >= _MAX_FILES:
                break
        else:
            self._next_at_s = self._clock() + _INTERVAL_S
        known, _ = index_files(files, catalog, requests, probe_video, progress, workers=1)
        for path, one in known.items():
            if one.differs_ms is not None:
                _log.warning("%s", Message("file.differs", file=display_path(path)))
                self._on_difference(path)


def _needs_no_check(files: LabFiles, path: str) -> bool:
    """Return whether a file need not be checked: its file system has checksums, or it cannot be opened."""
    try:
        fd = files.open(path)
    except OSError:
        return True
    try:
        return has_data_checksums(fd)
    finally:
        os.close(fd)
