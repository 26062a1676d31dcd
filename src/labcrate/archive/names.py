"""The rules for member names, so that every system unpacks the same files. Exports follow them; verify checks them.

Rules for Windows: "Naming Files, Paths, and Namespaces" (Microsoft Learn). Windows and macOS ignore case, macOS
composes Unicode, and HFS+ ignores joiners: names are compared without all of that. A component has at most 255 bytes
(ext4, XFS, APFS), a path 1024 (macOS). Git ignores a folder ``.git``, and Windows runs ``autorun.inf``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal

from labcrate.archive.layout import name_problem
from labcrate.messages.message import Message

MAX_COMPONENT_BYTES = 255
"""The most bytes of a component in UTF-8."""

MAX_PATH_BYTES = 1024
"""The most bytes of a whole name in UTF-8."""

# Controls (C0, C1, DEL), what Windows forbids, what is not UTF-8, and what breaks or reverses a line (UAX 9).
# Joiners are allowed: Persian names and emoji need them.
FORBIDDEN = re.compile(
    '[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]'
)
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?|\.git|git~[0-9]|autorun\.inf",
    re.IGNORECASE,
)
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


# unzip drops a semicolon and digits at the end: on VMS, they are a file's version.
VERSION_SUFFIX = re.compile(";(?=[0-9]*\\Z)")


def is_reserved(part: str) -> bool:
    """Return whether Windows or Git reserves this name of a file or folder."""
    return _RESERVED.fullmatch(_IGNORED.sub("", part)) is not None


def comparison_key(name: str) -> str:
    """Return a key that is equal for two names that some system treats as the same."""
    if name.isascii():
        return name.casefold()
    decomposed = unicodedata.normalize("NFD", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFC", decomposed)


def unsafe_name_reason(raw_name: bytes) -> Message | None:
    """Return why some system cannot unpack a member with this name, or None."""
    try:
        name = raw_name.decode()
    except UnicodeDecodeError:
        return Message("name.not_utf8")
    if problem := name_problem(name):
        return problem
    if len(raw_name) > MAX_PATH_BYTES:
        return Message("name.too_long", most=MAX_PATH_BYTES)
    if not unicodedata.is_normalized("NFC", name):
        return Message("name.not_composed")
    return next(filter(None, map(_unsafe_part_reason, name.split("/"))), None)


def _unsafe_part_reason(part: str) -> Message | None:
    if found := FORBIDDEN.search(part):
        id = "name.windows_character" if found[0] in '<>:"|?*' else "name.control_character"
        return Message(id, character=f"U+{ord(found[0]):04X}")
    if is_reserved(part):
        return Message("name.reserved")
    if part.endswith((".", " ")):
        return Message("name.ends_in_dot")
    if VERSION_SUFFIX.search(part):
        return Message("name.ends_in_version")
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        return Message("name.part_too_long", most=MAX_COMPONENT_BYTES)
    return None


Clash = Literal["name.same_as", "name.folder_of"]
"""The id of the message that says why two names cannot both be unpacked."""


def name_clashes(raw_names: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, Clash]]:
    """Yield pairs of different names that cannot both be unpacked everywhere, with the reason."""
    # The separator sorts before everything, so that the files of a folder follow a file with the folder's name.
    for one, other in pairwise(sorted(raw_names, key=_sort_key)):
        first, second = _sort_key(one), _sort_key(other)
        if first == second:
            yield one, other, "name.same_as"
        elif second.startswith(first + b"\0"):
            yield one, other, "name.folder_of"


def _sort_key(raw_name: bytes) -> bytes:
    name = comparison_key(raw_name.decode(errors="surrogateescape"))
    return name.encode(errors="surrogatepass").replace(b"/", b"\0")
