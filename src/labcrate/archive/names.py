"""What a member may be called, so that every system unpacks the same files: exports keep to it, and verify checks it.

Rules for Windows: "Naming Files, Paths, and Namespaces" (Microsoft Learn). Case is ignored by Windows and
macOS, and macOS composes Unicode and HFS+ ignores joiners: names are compared without all of that. A component
has at most 255 bytes (ext4, XFS, APFS), a path 1024 (macOS). Git takes no file from a folder ``.git``, and Windows
runs ``autorun.inf``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from labcrate.archive.layout import name_problem

MAX_COMPONENT_BYTES = 255
"""The bytes that a component may have in UTF-8."""

MAX_PATH_BYTES = 1024
"""The bytes that a whole name may have in UTF-8."""

# Controls (C0, C1, DEL), what Windows forbids, what is not UTF-8, and what breaks or turns a line around (UAX 9).
# Joiners stay: Persian names and emoji need them.
FORBIDDEN = re.compile(
    '[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]'
)
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?|\.git|git~[0-9]|autorun\.inf",
    re.IGNORECASE,
)
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


# unzip takes a semicolon and digits at the end for a file's version, as on VMS, and drops them.
VERSION_SUFFIX = re.compile(";(?=[0-9]*\\Z)")


def is_reserved(part: str) -> bool:
    """Whether a file or folder of this name means something else to Windows or Git."""
    return _RESERVED.fullmatch(_IGNORED.sub("", part)) is not None


def comparison_key(name: str) -> str:
    """Return what two names share that some system takes for one."""
    if name.isascii():
        return name.casefold()
    decomposed = unicodedata.normalize("NFD", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFC", decomposed)


def unsafe_name_reason(raw_name: bytes) -> str | None:
    """Return why some system would not unpack a member under this name, or None."""
    try:
        name = raw_name.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8"
    if problem := name_problem(name):
        return problem
    if len(raw_name) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    if not unicodedata.is_normalized("NFC", name):
        return "it is not in composed form (NFC)"
    return next(filter(None, map(_unsafe_part_reason, name.split("/"))), None)


def _unsafe_part_reason(part: str) -> str | None:
    if found := FORBIDDEN.search(part):
        what = "which Windows forbids" if found[0] in '<>:"|?*' else "a control character or one that turns text around"
        return f"it holds U+{ord(found[0]):04X}, {what}"
    if is_reserved(part):
        return "a part of it means something else to Windows or Git"
    if part.endswith((".", " ")):
        return "a part of it ends in a dot or space, which Windows drops"
    if VERSION_SUFFIX.search(part):
        return "a part of it ends in a semicolon or one and digits, which unzip drops"
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        return f"a part of it is longer than {MAX_COMPONENT_BYTES} bytes"
    return None


def name_clashes(raw_names: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield pairs of different names that cannot both be unpacked everywhere, and why not of the first."""
    # The separator sorts before everything, so that what lies in a folder follows at once on a file of its name.
    for one, other in pairwise(sorted(raw_names, key=_sort_key)):
        first, second = _sort_key(one), _sort_key(other)
        if first == second:
            yield one, other, "is the same name where case or Unicode form do not count as"
        elif second.startswith(first + b"\0"):
            yield one, other, "is the name of a folder, too, that of"


def _sort_key(raw_name: bytes) -> bytes:
    name = comparison_key(raw_name.decode(errors="surrogateescape"))
    return name.encode(errors="surrogatepass").replace(b"/", b"\0")
