"""Recognize the ZIPs that labcrate wrote, in 3 short reads: they are often written to a session's folder.

The first two members of an archive are its README and its metadata (docs/spec/archive-format.md, "Members"); their
local headers carry their sizes (PKWARE APPNOTE 6.3.10, section 4.3.7), so that no directory has to be read.
"""

import os
import struct
import zlib
from contextlib import suppress
from typing import BinaryIO

from labcrate.archive.keys import SIGNATURE_SUFFIX
from labcrate.lab.folder import LabFolder
from labcrate.plan import member_names as names

_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_HEAD_BYTES = 4096


def is_own_signature(lab: LabFolder, path: str) -> bool:
    """Return whether a file of the lab is the signature of an archive next to it that labcrate wrote."""
    with suppress(OSError):  # a file that cannot be opened is no archive that can be checked
        return path.endswith(SIGNATURE_SUFFIX) and is_own_archive(lab, path.removesuffix(SIGNATURE_SUFFIX))
    return False


def is_own_archive(lab: LabFolder, path: str) -> bool:
    """Return whether a file of the lab is an archive that labcrate wrote, also without its end. Raises OSError."""
    if not path.lower().endswith(".zip"):
        return False
    with os.fdopen(lab.open(path), "rb") as file:
        first = _read_local_header(file, 0)
        if first is None or first[0] != names.README.encode():
            return False
        second = _read_local_header(file, first[2])
        if second is None or second[0] != names.METADATA.encode():
            return False
        file.seek(second[1])
        beginning = _decompress(file.read(_HEAD_BYTES), second[3])
    return f'"format": "{names.FORMAT}"'.encode() in beginning


def _read_local_header(file: BinaryIO, offset: int) -> tuple[bytes, int, int, int] | None:
    """Return name, start and end of the data, and method of the member at an offset, or None if there is none."""
    file.seek(offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        return None
    signature, _, _, method, _, _, _, packed, _, name_bytes, extra_bytes = _LOCAL.unpack(header)
    if signature != _LOCAL_SIGNATURE:
        return None
    start = offset + _LOCAL.size + name_bytes + extra_bytes
    return file.read(name_bytes), start, start + packed, method


def _decompress(data: bytes, method: int) -> bytes:
    if method != _DEFLATED:
        return data if method == _STORED else b""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _HEAD_BYTES)
    except zlib.error:
        return b""
