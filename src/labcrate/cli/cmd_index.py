"""``labcrate index``: compute checksums and read sensor messages in advance, so that exports start at once."""

import errno
import os
from argparse import Namespace
from collections.abc import Mapping

from labcrate.cli.screen import ProgressBar, open_lab, say, write_json
from labcrate.config import BASE_TOPIC_VARIABLE
from labcrate.errors import IncompleteError, SourceChangedError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, index_files
from labcrate.index.secret_search import SecretSearcher
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import EntryKind
from labcrate.lab.lab_files import LabFiles, display_path, split_recorder_path
from labcrate.linking.location import is_hidden
from labcrate.messages.message import Message
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.plan.option_values import parse_session
from labcrate.plan.readings_index import IndexedReadings, are_readings_indexed, index_readings
from labcrate.plan.recorder_files import recorder_paths
from labcrate.plan.session_files import files_to_index
from labcrate.plan.summary import format_size, plural
from labcrate.readings.load.file_names import JSON_FILE
from labcrate.repair.link_files import join_lines
from labcrate.video.containers import container_of
from labcrate.video.probe import probe


def run(options: Namespace) -> int:
    """Index the recordings and files of all sessions or of one, and the lab's readings; what is indexed is not read."""
    lab = open_lab(options)
    inventory = read_inventory(lab)
    files, requests = inventory.files, []
    for path in _paths_to_index(inventory, options.session):
        try:
            is_video = container_of(path) is not None
            requests.append(IndexRequest(path, files.identity(path), probe=is_video, check_bytes=options.check))
        except OSError:
            continue  # deleted since the folder was listed
    with Catalog.open(state_folder(lab.root)) as catalog, ProgressBar("Indexing", shown=not options.json) as bar:
        searcher = SecretSearcher(inventory.cleaner.matcher, catalog)
        known, failures = index_files(files, catalog, requests, probe, bar, options.workers, searcher)
        if options.session is None:
            others = catalog.all().keys() - {
                request.path for request in requests
            }  # files beside recordings are among them
            catalog.forget(sorted(path for path in others if _is_gone(files, path)))
    failures |= {path: Message("cli.bytes_differ") for path, one in known.items() if one.differs_ms is not None}
    checked = {"bytesConfirmed": len(known) - sum(path in known for path in failures)} if options.check else {}
    size = sum(item.identity.size_bytes for item in known.values())
    readings, unread = _index_readings(inventory, options)
    if options.json:
        failed = {**{display_path(path): why for path, why in failures.items()}, **unread}
        found = {"indexed": len(known), "sizeBytes": size, "readings": readings and readings.count, "failed": failed}
        write_json(found | checked)
    else:
        say(f"{plural(len(known), 'file')} indexed, {format_size(size)}")
        for count in checked.values():
            say(f"  checksums: {count:,} of {plural(len(known), 'file')} {'matches' if len(known) == 1 else 'match'}")
        if readings:
            say(f"{plural(readings.count, 'reading')} indexed")
        for name, why in unread.items():
            say(f"  not indexed: {name}: {why}")
    if failures:
        raise _failure(failures)
    return 0


def _index_readings(inventory: Inventory, options: Namespace) -> tuple[IndexedReadings | None, Mapping[str, str]]:
    """Index the lab's readings if they are many; return None for few, and the files that cannot be read, with why.

    Such a file is no error of this command: exports of its sessions report it.
    """
    lab, cleaner = inventory.lab, inventory.cleaner
    if not are_readings_indexed(lab):
        return None, {}
    topic = options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE)
    with ProgressBar("Reading sensor messages", shown=not options.json) as bar:
        try:
            readings = index_readings(inventory, topic, progress=_ReadingBar(bar))
        except SourceChangedError as error:  # another process deleted the index
            return None, {JSON_FILE: str(error)}
    return readings, {one.file: cleaner.text(str(one.what)) for one in readings.unreadable}


class _ReadingBar:
    """Shows on a progress bar how much of the files of readings was read."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar

    def begin(self, total_bytes: int) -> None:
        """Show the bar, if anything is to be read."""
        self._bar.begin(1 if total_bytes else 0, total_bytes)

    def advance(self, size_bytes: int, rows: int) -> None:  # noqa: ARG002 - bytes are shown
        """Advance the bar."""
        self._bar.advance(size_bytes)


def _failure(failures: Mapping[str, Message]) -> IncompleteError:
    """Return the error for files that could not be indexed or whose bytes differ, with a line for each of them."""
    differ = Message("cli.bytes_differ") in failures.values()
    lines = [Message("cli.files_differ" if differ else "cli.files_not_indexed", count=len(failures))]
    for path, problem in sorted(failures.items()):
        lines.append(Message("cli.file_failed", file=display_path(path), problem=problem))
    if differ:
        lines.append(Message("cli.files_differ.remedy"))
    return IncompleteError(join_lines(lines))


def _is_gone(files: LabFiles, path: str) -> bool:
    """Return whether a file was deleted. A recorder's file may only be on a disk that is not connected."""
    try:
        files.identity(path)
    except OSError as error:
        return split_recorder_path(path) is None or error.errno == errno.ENOENT
    return False


def _paths_to_index(inventory: Inventory, session: str | None) -> list[str]:
    if session is not None:
        session_id = inventory.resolve(parse_session(session))
        inventory.session(session_id)
        entries, ids = list(inventory.linked.get(session_id, ())), [session_id]
    else:
        ids = list(inventory.book.folders)
        entries = [*inventory.unlinked, *(e for linked in inventory.linked.values() for e in linked)]
    found = [
        e for e in entries if e.kind is EntryKind.FILE and e.path.lower().endswith(".mp4") and not is_hidden(e.path)
    ]
    own = [entry.path for entry in (*found, *files_to_index(inventory, ids))]
    linked = [session_id] if session is not None else inventory.own_registers
    return list(dict.fromkeys([*own, *(path for path, _ in recorder_paths(inventory, linked))]))
