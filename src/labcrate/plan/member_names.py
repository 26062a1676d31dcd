"""Names inside the ZIP: the folders, and names that every system can create (rules: ``archive/names.py``)."""

import unicodedata
from collections.abc import Iterable

from labcrate.archive.names import FORBIDDEN, MAX_COMPONENT_BYTES, VERSION_SUFFIX, comparison_key, is_reserved

FORMAT = "labcrate session archive"
"""The name of the format in ``data/session_metadata.json``."""

README = "README.txt"
METADATA = "data/session_metadata.json"
DEVICES = "data/devices.json"
ZIGBEE_JSON = "data/zigbee-data.json"
ZIGBEE_CSV = "data/zigbee-sensors.csv"
ZIGBEE_PARQUET = "data/zigbee-sensors.parquet"
SENSOR_DATA = "data/sensor_data"
SENSOR_JSON = f"{SENSOR_DATA}/sensor_readings.json"
SENSOR_CSV = f"{SENSOR_DATA}/sensor_readings.csv"
SENSOR_PARQUET = f"{SENSOR_DATA}/sensor_readings.parquet"
RECORDINGS_CSV = "data/recordings.csv"
CRATE = "ro-crate-metadata.json"
DATAPACKAGE = "datapackage.json"
MANIFEST = "manifest-sha256.txt"
SESSION_FILES = "data/session_files"
RECORDINGS = "recordings"


MAX_SUBPATH_BYTES = 900
"""The most bytes of a path below its folder of the archive, without numbers and the folder's own name."""

_MAX_SUFFIX_BYTES = 20


def safe_name(name: str) -> str:
    """Return a file name that Windows, macOS and Linux can all store; the same name if it already is one.

    It is composed (NFC): libarchive composes the names that it unpacks, and the manifest must have the same names.
    """
    safe = FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    if not safe or is_reserved(safe):
        safe = f"_{safe}"
    return _cut(*_split(safe))


class UniqueNames:
    """The names in one folder of the ZIP, each used once: a name that is used already becomes ``name~2.mp4``.

    ``reserved`` are names of files that labcrate makes unless the session has them: only a file with exactly that
    name gets it. A file never gets the name of a folder, nor a folder that of a file.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = set(reserved)
        self._files = {comparison_key(name) for name in self._reserved}
        self._folders: set[str] = set()
        self._folder_names: dict[tuple[str, str], str] = {}
        self._numbers: dict[tuple[str, int, int], int] = {}

    def reserve(self, name_or_path: str) -> str:
        """Return an unused safe name, as similar as possible to ``name_or_path``. Slashes separate folders.

        The innermost folders of a path that is too long for some system are left out.
        """
        if name_or_path in self._reserved:
            self._reserved.remove(name_or_path)
            return name_or_path
        *folders, name = name_or_path.split("/")
        while folders and _path_bytes(folders, name) > MAX_SUBPATH_BYTES:
            folders.pop()
        parent = ""
        for folder in folders:
            parent = self._folder(parent, folder)
        found = self._free(parent, name, (self._files, self._folders))
        self._files.add(comparison_key(found))
        return found

    def _folder(self, parent: str, name_or_path: str) -> str:
        """Return the name of a folder with a slash, the same for all files in it."""
        if (parent, name_or_path) not in self._folder_names:
            found = self._free(parent, name_or_path, (self._files,))
            self._folders.add(comparison_key(found))
            self._folder_names[parent, name_or_path] = f"{found}/"
        return self._folder_names[parent, name_or_path]

    def _free(self, parent: str, name_or_path: str, used: tuple[set[str], ...]) -> str:
        """Return the first unused name; numbers that were tried before are used, and not tried again."""
        safe = safe_name(name_or_path)
        # Nearly all names end here: only of one that is used already must the numbers be known.
        if not is_reserved(safe) and not any(comparison_key(parent + safe) in names for names in used):
            return parent + safe
        stem, suffix = _split(safe)
        tried = comparison_key(parent + safe), len(stem.encode()), len(used)
        number = self._numbers.get(tried, 1)
        if number > 1:
            safe = _cut(stem, suffix, f"~{number}")
        while is_reserved(safe) or any(comparison_key(parent + safe) in names for names in used):
            number += 1
            safe = _cut(stem, suffix, f"~{number}")
        self._numbers[tried] = number
        return parent + safe


def _path_bytes(folders: Iterable[str], name: str) -> int:
    return sum(len(safe_name(part).encode()) + 1 for part in (*folders, name))


def _split(name: str) -> tuple[str, str]:
    """Return stem and suffix (with its dot); a long one is no suffix, and neither is a whole name."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode("utf-8", "replace")) > _MAX_SUFFIX_BYTES:
        return name, ""
    return stem, dot + suffix


def _cut(stem: str, suffix: str, number: str = "") -> str:
    """Return stem, number and suffix in at most 255 bytes, the stem cut, without an end that a system would drop."""
    room = MAX_COMPONENT_BYTES - len((number + suffix).encode())
    whole = stem.encode()[:room].decode(errors="ignore") + number + suffix
    stripped = whole.rstrip(". ")
    return VERSION_SUFFIX.sub("_", stripped + "_" * (len(whole) - len(stripped)))
