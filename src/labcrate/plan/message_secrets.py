"""Collect the secrets in large files of sensor messages piece by piece, so that they are never in memory as a whole.

Most pieces contain no word that a secret is named by, which a quick search shows.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedIOBase
from typing import Any

import msgspec

from labcrate.errors import CatalogError
from labcrate.lab.folder import LabFolder
from labcrate.plan.sensors import readings_index_folder
from labcrate.readings.load.slice import FactStore
from labcrate.secrets.credential_keys import STEMS
from labcrate.secrets.lab_secrets import MESSAGES, TABLE, messages_of_table
from labcrate.secrets.needles import Needles
from labcrate.secrets.stream import utf16_codec
from labcrate.secrets.values import SEARCH_VERSION, Secrets, collect_secrets, merge_secrets

LARGE_BYTES = 16 << 20
"""Files of at least this size are read piece by piece."""

_VERSION, _NONE = 1, b"none"
_PIECE_BYTES = 8 << 20
_OVERLAP_BYTES = 64


def collect_message_secrets(
    lab: LabFolder, path: str, words: Needles, check: Callable[[], None] = lambda: None
) -> Secrets | None:
    """Return the secrets in one of the lab's files of sensor messages; None for a small file, or one of another form.

    Each message with a secret contains one of the ``words``. ``check`` is called before each piece of a large file; an
    exception that it raises ends the search. Raises OSError.
    """
    with os.fdopen(lab.open(path), "rb") as file:
        if path not in (MESSAGES, TABLE) or os.fstat(file.fileno()).st_size < LARGE_BYTES:
            return None
        if utf16_codec(file.read(4)) is not None:
            return None
        # Imports Polars, which a lab without large files of messages does not need.
        from labcrate.readings.store.folder_store import FolderStore  # noqa: PLC0415
        from labcrate.readings.store.part_store import MemoryStore  # noqa: PLC0415
        from labcrate.readings.store.source_state import SourceFile  # noqa: PLC0415

        source = SourceFile(file)
        facts: FactStore = MemoryStore()
        with suppress(CatalogError):  # no folder can be written, and nothing can be stored
            facts = FolderStore(readings_index_folder(lab))
        state = source.state()
        depends_on = _VERSION, SEARCH_VERSION, STEMS, path, state
        if state is not None and facts.load_fact("secrets", depends_on) == _NONE:
            return Secrets()
        file.seek(0)
        found = _collect(file, path, words, check)
        # That there are none may be stored, secrets may not.
        if found == Secrets() and state is not None and state == source.state():
            facts.save_fact("secrets", depends_on, _NONE)
        return found


def _collect(file: BufferedIOBase, path: str, words: Needles, check: Callable[[], None]) -> Secrets | None:
    if path == TABLE:
        return merge_secrets(collect_secrets(messages_of_table(piece, words)) for piece in _tables(file, words, check))
    if not _contains_words(file, words, check):
        return Secrets()
    file.seek(0)
    return _collect_from_json(file, words, check)


def _contains_words(file: BufferedIOBase, words: Needles, check: Callable[[], None]) -> bool:
    end = b""
    while data := file.read(_PIECE_BYTES):
        check()
        if words.positions(end + data):
            return True
        end = data[-_OVERLAP_BYTES:]
    return False


def _tables(file: BufferedIOBase, words: Needles, check: Callable[[], None]) -> Iterator[bytes]:
    """Yield the rows with a word, in pieces, each below the header."""
    header, rest = file.readline(), b""
    while data := file.read(_PIECE_BYTES):
        check()
        data = rest + data
        end = data.rfind(b"\n") + 1
        rows, rest = data[:end], data[end:]
        if words.positions(rows):
            yield header + rows
    if rest:
        yield header + rest


def _collect_from_json(file: BufferedIOBase, words: Needles, check: Callable[[], None]) -> Secrets | None:
    from labcrate.readings.load.json_stream import JsonReader, OtherFormError, read_lists  # noqa: PLC0415

    def documents() -> Iterator[tuple[str, Any]]:
        for topic, text in read_lists(JsonReader(file)):
            check()
            name = (topic or "").encode()
            if words.positions(name) or words.positions(text):
                messages = msgspec.json.decode(b"[" + text + b"]")
                yield MESSAGES, messages if topic is None else {topic: messages}

    try:
        return merge_secrets(collect_secrets([document]) for document in documents())
    except (OtherFormError, ValueError, RecursionError):
        return None
