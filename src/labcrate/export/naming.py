"""Names inside the ZIP that every system can create, no two of them the same anywhere.

Rules for Windows: "Naming Files, Paths, and Namespaces" (Microsoft Learn). Case is ignored by
Windows and macOS, and macOS composes Unicode: names are compared NFC and casefolded.
"""

import re
import unicodedata

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    """A file name that Windows, macOS and Linux can all hold; the name itself where it already is one."""
    safe = _FORBIDDEN.sub("_", name)
    stripped = safe.rstrip(". ")
    safe = stripped + "_" * (len(safe) - len(stripped))
    return f"_{safe}" if _RESERVED.fullmatch(safe) or not safe else safe


class Names:
    """Hands out names in one folder of the ZIP: the wished-for one, or ``name~2.mp4`` when it is taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wished: str) -> str:
        """A safe name nobody has yet, as near to ``wished`` as can be. Slashes separate folders."""
        safe = "/".join(safe_name(part) for part in wished.split("/"))
        stem, dot, suffix = safe.rpartition(".") if "." in safe.rsplit("/", 1)[-1] else (safe, "", "")
        candidate, number = safe, 1
        while self._key(candidate) in self._taken:
            number += 1
            candidate = f"{stem}~{number}{dot}{suffix}"
        self._taken.add(self._key(candidate))
        return candidate

    @staticmethod
    def _key(name: str) -> str:
        return unicodedata.normalize("NFC", name).casefold()
