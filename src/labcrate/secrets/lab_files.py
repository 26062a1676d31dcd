"""Reads the secrets of a lab from its files: cameras, registers, sessions, and what the bridge has said."""

import csv
import errno
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.folder import DATA, Kind, Lab
from labcrate.lab.json_file import read_json
from labcrate.secrets.keys import STEMS
from labcrate.secrets.needles import Needles
from labcrate.secrets.stream import to_utf8, utf16_of
from labcrate.secrets.values import Secrets, collect

_USER_FOLDER = re.compile(rf"{DATA}/user_[^/]*/[^/]*\.json")
_LINKED_FOLDER = re.compile(rf"{DATA}(?:/user_[^/]*)?")
_SESSION_DOCUMENTS = ("session_data.json", "config.json", "session_form_data.json")
_TABLE = f"{DATA}/zigbee-sensors.csv"
_NEVER = "users.json"
_LARGE = 256 * 1024


@dataclass(frozen=True, slots=True)
class LabSecrets:
    """The secrets of a lab, and the files that could not be read for them: a broken one may hide some."""

    secrets: Secrets
    problems: tuple[DocumentError, ...] = ()


def read_secrets(lab: Lab) -> LabSecrets:
    """Collect the secrets of a lab from its own JSON files and its table of readings; ``users.json`` is never opened.

    A file that cannot be read is a problem of the result, and never an error: it must not hide the others.
    """
    problems: list[DocumentError] = []
    secrets = collect(_documents(lab, problems))
    return LabSecrets(secrets, tuple(problems))


def secret_files(lab: Lab) -> list[str]:
    """Return the files of a lab that secrets are read from, by path, whether they are there or not.

    A symbolic link or a closed folder among them is named as well: reading it says what is the matter.
    """
    found = {
        entry.path
        for entry in lab.walk(DATA)
        if entry.kind is Kind.UNREADABLE
        or (entry.path.endswith(".json") and (entry.path.count("/") == 1 or _USER_FOLDER.fullmatch(entry.path)))
        or (entry.kind is Kind.LINK and _LINKED_FOLDER.fullmatch(entry.path))
    }
    for folder in lab.session_folders().values():
        found.update(f"{folder}/{name}" for name in _SESSION_DOCUMENTS)
    return sorted(path for path in found if path.rpartition("/")[2] != _NEVER)


def _documents(lab: Lab, problems: list[DocumentError]) -> Iterator[tuple[str, Any]]:
    quick = _quick_search()
    for path in secret_files(lab):
        try:
            # Large files are registers of messages: most hold nothing of the kind, which is seen without parsing.
            if _size(lab, path) > _LARGE and not quick.positions(lab.read(path) or b""):
                continue
            value = read_json(lab, path)
        except DocumentError as error:
            problems.append(error)
        except FileNotFoundError:
            continue  # not every session has every document
        except OSError as error:
            problems.append(DocumentError(path, "", _unreadable(error)))
        else:
            if value is not None:
                yield path, value
    try:
        data = lab.read(_TABLE)
    except OSError as error:
        problems.append(DocumentError(_TABLE, "", _unreadable(error)))
        return
    yield from _messages_of_table(data or b"", quick)


def _quick_search() -> Needles:
    """Return a search for what a file must hold, in any usual spelling, to hold a secret at all."""
    words = {spelling for stem in STEMS for spelling in (stem, stem.upper(), stem.capitalize())}
    return Needles(word.encode() for word in words | {"bridge/", "bridge\\/", "://", ":\\/\\/", "\\u00"})


def _unreadable(error: OSError) -> str:
    remedy = "put the file itself in its place" if error.errno == errno.ELOOP else "check its permissions"
    return f"cannot be read for the passwords and addresses that it may hold ({error.strerror}); {remedy}."


def _size(lab: Lab, path: str) -> int:
    return lab.identity(path).size_bytes


def _messages_of_table(data: bytes, quick: Needles) -> Iterator[tuple[str, Any]]:
    """Yield the messages of the lab's table that may hold a secret, as a document of messages."""
    codec = utf16_of(data)
    if codec is not None:
        data = b"".join(to_utf8([data], codec))
    header, _, rows = data.removeprefix("\ufeff".encode()).partition(b"\n")
    separator = max(b",;\t", key=header.count)
    columns = [name.strip().strip('"').lower() for name in _text(header).split(chr(separator))]
    if "payload" not in columns:
        return
    messages = []
    for line in _lines(rows, quick.positions(rows)):
        for row in csv.reader(io.StringIO(_text(line)), delimiter=chr(separator)):
            fields = dict(zip(columns, row, strict=False))
            messages.append({"topic": fields.get("topic", ""), "payload": fields.get("payload", "")})
    if messages:
        yield _TABLE, messages


def _lines(data: bytes, positions: Iterable[int]) -> Iterator[bytes]:
    """Yield the lines in which the sorted positions lie, each once."""
    done = -1
    for position in positions:
        if position < done:
            continue
        start = data.rfind(b"\n", 0, position) + 1
        stop = data.find(b"\n", position)
        done = stop if stop >= 0 else len(data)
        yield data[start:done].rstrip(b"\r")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
