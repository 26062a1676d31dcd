"""The secrets of a lab, read from its files: cameras, registers, sessions, and messages of the bridge."""

import csv
import errno
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from labcrate.errors import DocumentError
from labcrate.lab.folder import DATA, EntryKind, LabFolder
from labcrate.lab.json_file import parse_json, read_bytes
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.secrets.credential_keys import HARMLESS_WORDS, STEMS
from labcrate.secrets.needles import Needles
from labcrate.secrets.stream import to_utf8, utf16_codec
from labcrate.secrets.values import Secrets, collect_secrets, merge_secrets

_USER_FOLDER = re.compile(rf"{DATA}/user_[^/]*/[^/]*\.json")
_LINKED_FOLDER = re.compile(rf"{DATA}(?:/user_[^/]*)?")
_SESSION_DOCUMENTS = ("session_data.json", "config.json", "session_form_data.json")
MESSAGES = f"{DATA}/zigbee-data.json"
"""The lab's readings as messages; its faults are reported when readings are read."""

TABLE = f"{DATA}/zigbee-sensors.csv"
"""The lab's readings as a table, which may contain the bridge's messages too."""

SIGNING_KEY = ".labcrate/signing.key"
"""The lab's secret key, which signs archives; no file that contains it may be copied."""

_NEVER_READ = "users.json"
_LARGE_BYTES = 256 * 1024

# A bridge's list of devices may be longer than the parser's own limit of 128 KiB, and contains the network's key.
csv.field_size_limit(2**31 - 1)


class FileSecrets(Struct, frozen=True):
    """The secrets of one file in one state (None: the file is missing, or its state is unknown)."""

    identity: Identity | None
    secrets: Secrets = msgspec.field(default_factory=Secrets)
    problem: DocumentError | None = None


@dataclass(frozen=True, slots=True)
class LabSecrets:
    """The secrets of a lab, and the files that could not be read for them: a broken file may contain some.

    ``files`` has the secrets by file, so that only changed files are read again.
    """

    secrets: Secrets
    problems: tuple[DocumentError, ...] = ()
    files: Mapping[str, FileSecrets] = field(default_factory=dict, repr=False)


CollectLarge = Callable[[LabFolder, str, Needles], Secrets | None]
"""Returns the secrets of a large file of messages; None for a file that must be read at once.

Each message with a secret contains one of the needles. Raises OSError.
"""


def read_secrets(
    lab: LabFolder, before: LabSecrets | None = None, collect_large: CollectLarge = lambda *_: None
) -> LabSecrets:
    """Collect the secrets of a lab from its JSON files and its table of readings; ``users.json`` is never opened.

    ``before`` is an earlier result: files in the same state are not read again. ``collect_large`` reads the files of
    sensor messages, which may be larger than the memory. A file that cannot be read becomes a
    problem of the result, not an error: it must not hide the other files.
    """
    quick_search = _quick_search()
    known = before.files if before else {}
    files = {
        path: _read_file_secrets(lab, path, quick_search, known.get(path), collect_large)
        for path in (*secret_file_paths(lab), TABLE)
    }
    files[SIGNING_KEY] = _read_signing_key(lab)
    problems = tuple(found.problem for found in files.values() if found.problem)
    return LabSecrets(merge_secrets(found.secrets for found in files.values()), problems, files)


def secret_file_paths(lab: LabFolder) -> list[str]:
    """Return the paths of the lab's files that secrets are read from, whether they exist or not.

    A symbolic link or an unreadable folder among them is included: reading it reports the cause.
    """
    found = {
        entry.path
        for entry in lab.walk(DATA)
        if entry.kind is EntryKind.UNREADABLE
        or (entry.path.endswith(".json") and (entry.path.count("/") == 1 or _USER_FOLDER.fullmatch(entry.path)))
        or (entry.kind is EntryKind.LINK and _LINKED_FOLDER.fullmatch(entry.path))
    }
    for folder in lab.session_folders().values():
        found.update(f"{folder}/{name}" for name in _SESSION_DOCUMENTS)
    return sorted(path for path in found if path.rpartition("/")[2] != _NEVER_READ)


def _read_file_secrets(
    lab: LabFolder, path: str, quick_search: Needles, known: FileSecrets | None, collect_large: CollectLarge
) -> FileSecrets:
    """Return the secrets of one file. Its state is read before its content."""
    identity = None
    try:
        identity = lab.identity(path)
        if known is not None and known.identity == identity and not known.problem:
            return known
        if path in (MESSAGES, TABLE) and (found := collect_large(lab, path, quick_search)) is not None:
            return FileSecrets(identity, found)
        documents = (
            messages_of_table(lab.read(path) or b"", quick_search)
            if path == TABLE
            else _read_json(lab, path, quick_search)
        )
        return FileSecrets(identity, collect_secrets(documents))
    except DocumentError as error:
        return FileSecrets(identity, problem=error)
    except (FileNotFoundError, NotADirectoryError):
        return FileSecrets(None)  # not every session has every document
    except OSError as error:
        return FileSecrets(identity, problem=DocumentError(path, "", _describe_error(error)))


def _read_signing_key(lab: LabFolder) -> FileSecrets:
    """Return the text of the lab's secret key; nothing if there is none, or this user may not read it."""
    with suppress(OSError):
        identity, data = lab.identity(SIGNING_KEY), lab.read(SIGNING_KEY) or b""
        *_, text = data[:_LARGE_BYTES].decode("ascii", "replace").split("\n")[:2]  # below a comment
        return FileSecrets(identity, collect_secrets([(SIGNING_KEY, {"secretKey": text.strip()})]))
    return FileSecrets(None)


def _read_json(lab: LabFolder, path: str, quick_search: Needles) -> Iterator[tuple[str, Any]]:
    data = read_bytes(lab, path)
    # Large files are registers of messages: most contain no secret, which a quick search shows.
    if data is None or (len(data) > _LARGE_BYTES and not quick_search.positions(data)):
        return
    if path != MESSAGES:
        yield path, parse_json(data, path)
        return
    try:
        yield path, parse_json(data, path)
    except DocumentError:  # one message a line, or cut short: reported when the readings are read
        yield path, list(_messages_of_lines(_as_utf8(data), quick_search))


def _messages_of_lines(data: bytes, quick_search: Needles) -> Iterator[Any]:
    for line in _lines(data, quick_search.positions(data)):
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            yield msgspec.json.decode(line.strip())


class WordSearch(Needles):
    """A search for the words of secrets, without those words that only look like them."""

    def __init__(self, words: Iterable[bytes]) -> None:
        words = set(words)
        super().__init__(words)
        harmless = {stem.encode(): word.encode()[len(stem) :] for stem, word in HARMLESS_WORDS.items()}
        endings = {word: harmless[word.lower()] for word in words if word.lower() in harmless}
        self._others = Needles(words - endings.keys())
        self._harmless = [
            (word, word + (end.upper() if word.isupper() else end)) for word, end in sorted(endings.items())
        ]

    def positions(self, data: bytes | memoryview) -> list[int]:
        """Return the sorted places of words."""
        data = bytes(data)
        # In most files all of them are harmless, which counting shows at once.
        if all(data.count(word) == data.count(longer) for word, longer in self._harmless):
            return self._others.positions(data)
        return [place for place in super().positions(data) if not _is_harmless(data[place : place + 16].lower())]


_HARMLESS = tuple(word.encode() for word in HARMLESS_WORDS.values())


def _is_harmless(text: bytes) -> bool:
    return text.startswith(_HARMLESS)


def _quick_search() -> Needles:
    """Return a search for the texts, in any usual spelling, of which every file with a secret contains one."""
    words = {spelling for stem in STEMS for spelling in (stem, stem.upper(), stem.capitalize())}
    return WordSearch(word.encode() for word in words | {"bridge/", "bridge\\/", "://", ":\\/\\/", "\\u00"})


def _describe_error(error: OSError) -> Message:
    if error.errno == errno.ELOOP:
        return Message("lab_secrets.link")
    return Message("lab_secrets.unreadable", error=error.strerror)


def messages_of_table(data: bytes, quick_search: Needles) -> Iterator[tuple[str, Any]]:
    """Yield the messages of a table of readings that may contain a secret, as one document."""
    data = _as_utf8(data)
    header, _, rows = data.removeprefix("\ufeff".encode()).partition(b"\n")
    separator = max(b",;\t", key=header.count)
    columns = [name.strip().strip('"').lower() for name in _decode_text(header).split(chr(separator))]
    if "payload" not in columns:
        return
    messages = []
    for line in _lines(rows, quick_search.positions(rows)):
        # A carriage return outside quotes stops the parser; inside a message it is white space.
        for row in csv.reader([_decode_text(line).replace("\r", " ")], delimiter=chr(separator)):
            fields = dict(zip(columns, row, strict=False))
            messages.append({"topic": fields.get("topic", ""), "payload": fields.get("payload", "")})
    if messages:
        yield TABLE, messages


def _as_utf8(data: bytes) -> bytes:
    codec = utf16_codec(data)
    return data if codec is None else b"".join(to_utf8([data], codec))


def _lines(data: bytes, positions: Iterable[int]) -> Iterator[bytes]:
    """Yield each line that contains one of the sorted positions, once."""
    done = -1
    for position in positions:
        if position < done:
            continue
        start = data.rfind(b"\n", 0, position) + 1
        stop = data.find(b"\n", position)
        done = stop if stop >= 0 else len(data)
        yield data[start:done].rstrip(b"\r")


def _decode_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
