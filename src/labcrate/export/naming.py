"""Names inside the ZIP that every system can create, no two of them the same anywhere.

Rules for Windows: "Naming Files, Paths, and Namespaces" (Microsoft Learn). Case is ignored by Windows and
macOS, and macOS composes Unicode and HFS+ ignores joiners: names are compared without all of that. A component
has at most 255 bytes (ext4, XFS, APFS). Git takes no file from a folder ``.git``, and Windows runs ``autorun.inf``.
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 255
"""The bytes that a component may have in UTF-8."""

# Controls (C0, C1, DEL), what Windows forbids, what is not UTF-8, and what breaks or turns a line around (UAX 9).
# Joiners stay: Persian names and emoji need them.
_FORBIDDEN = re.compile(
    '[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]'
)
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?|\.git|git~[0-9]|autorun\.inf",
    re.IGNORECASE,
)
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_LONGEST_SUFFIX = 20


def safe_name(name: str) -> str:
    """Return a file name that Windows, macOS and Linux can all hold; the name itself where it already is one.

    It is composed (NFC): libarchive composes what it unpacks, and then the manifest would name no file.
    """
    safe = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    if not safe or _RESERVED.fullmatch(_IGNORED.sub("", safe)):
        safe = f"_{safe}"
    return _cut(*_split(safe))


class Names:
    """Hands out names in one folder of the ZIP: the wished-for one, or ``name~2.mp4`` when it is taken.

    ``reserved`` are names for files that labcrate makes unless the session brings them: only their exact spelling
    gets them. A file never gets the name of a folder, nor a folder that of a file.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = set(reserved)
        self._files = {_key(name) for name in self._reserved}
        self._folders: set[str] = set()
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: dict[tuple[str, int, int], int] = {}

    def take(self, wished: str) -> str:
        """Return a safe name that nothing has yet, as near to ``wished`` as can be. Slashes separate folders."""
        if wished in self._reserved:
            self._reserved.remove(wished)
            return wished
        *folders, name = wished.split("/")
        parent = ""
        for folder in folders:
            parent = self._folder(parent, folder)
        found = self._free(parent, name, (self._files, self._folders))
        self._files.add(_key(found))
        return found

    def _folder(self, parent: str, wished: str) -> str:
        """Return the name of a folder with a slash: the same for all that lies in it."""
        if (parent, wished) not in self._given:
            found = self._free(parent, wished, (self._files,))
            self._folders.add(_key(found))
            self._given[parent, wished] = f"{found}/"
        return self._given[parent, wished]

    def _free(self, parent: str, wished: str, taken: tuple[set[str], ...]) -> str:
        """Return the first free name; the numbers that were tried before are still taken, and not tried again."""
        safe = safe_name(wished)
        stem, suffix = _split(safe)
        tried = _key(parent + safe), len(stem.encode()), len(taken)
        number = self._numbers.get(tried, 1)
        if number > 1:
            safe = _cut(stem, suffix, f"~{number}")
        while any(_key(parent + safe) in names for names in taken):
            number += 1
            safe = _cut(stem, suffix, f"~{number}")
        self._numbers[tried] = number
        return parent + safe


def _split(name: str) -> tuple[str, str]:
    """Return stem and suffix (with its dot); a long one is no suffix, and a name that is all suffix has none."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode("utf-8", "replace")) > _LONGEST_SUFFIX:
        return name, ""
    return stem, dot + suffix


def _cut(stem: str, suffix: str, number: str = "") -> str:
    """Return stem, number and suffix, the stem cut so that all have 255 bytes; nothing ends in a dot or space."""
    room = LONGEST - len((number + suffix).encode())
    whole = stem.encode()[:room].decode(errors="ignore") + number + suffix
    stripped = whole.rstrip(". ")
    return stripped + "_" * (len(whole) - len(stripped))


def _key(name: str) -> str:
    """Return what two names share that some system takes for one."""
    if name.isascii():
        return name.casefold()
    decomposed = unicodedata.normalize("NFD", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFC", decomposed)
