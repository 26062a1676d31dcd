"""File names of recordings: suffix, separators, and the form in which names are compared."""

import re
import unicodedata

SEPARATORS = "_-"
SEPARATOR = re.compile("[_-]")

# File systems have no longer names.
MAX_NAME_LENGTH = 255

_OTHER_VIDEO = re.compile(
    r"(.+)\.(?:264|265|3gp|asf|avi|dav|flv|h264|h265|hevc|m2ts|m4v|mkv|mov|mpe?g|mts|ogv|ts|webm|wmv)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


def fold(text: str) -> str:
    """Return the form in which prefixes are compared: case-folded and composed (Unicode 3.13, D145).

    It is the same for a name written by macOS (decomposed) and by other systems. A separator splits the folded text as
    it splits the text, so a part of a name can be folded alone.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def to_nfc(text: str) -> str:
    """Return a text in Unicode NFC, the form in which base names and ids are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def base_name(path: str) -> str:
    """Return the last part of a path of the lab."""
    return path.rpartition("/")[2]


def stem_of_mp4(name: str) -> str | None:
    """Return a file name without its ``.mp4`` (any case); None for any other file."""
    return name[:-4] if name[-4:].lower() == ".mp4" else None


def is_non_mp4_video(name: str) -> bool:
    """Return whether a file name ends in the suffix of a video that is no MP4 (``.mkv``, ``.MOV``, ``.ts``)."""
    return _OTHER_VIDEO.fullmatch(name) is not None


def stem_of_non_mp4(name: str) -> str | None:
    """Return a name without ``.mkv`` or a similar suffix, or without ``.mp4`` and a second one (``.part``, ``~``)."""
    if name.endswith("~"):
        return stem_of_mp4(name[:-1])
    if stem := stem_of_mp4(name.rpartition(".")[0]):
        return stem
    found = _OTHER_VIDEO.fullmatch(name)
    return found[1] if found else None
