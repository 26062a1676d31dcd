"""Bytes and ETag of a fixed archive, pinned: brittle on purpose.

When one of these fails because the bytes changed, a user who resumes a download or compares a hash
would get two halves of two archives. Then ``layout.FORMAT_VERSION`` must change too, and with it the
values here. A changed ETag alone needs a reason as good.
"""

import hashlib

from labcrate.archive.entity import Entity
from labcrate.archive.layout import FORMAT_VERSION, Layout, Member
from labcrate.archive.manifest import MANIFEST_NAME, manifest_line

TIME = 1_746_214_801_987_654_321  # 2025-05-02T19:40:01.987654321Z
GOLDEN = {
    "FORMAT_VERSION": 3,
    "length": 136051,
    "sha256": "0084d6d3ebd9765eada06b282ffaf386bee9c6a8dbd56d2e07fb74af7ded2ac5",
    "etag": '"f965a8781c5575e98dd10bacc1f78a52fa9189ec7362512c7ba354f8f7ab2330"',
    "first header": (
        "504b0304 0a000008 0000009d a25a168e 9f190b00 00000b00 00000a00 09005245 41444d45 2e747874 55540500 01911f15 68"
    ),
    "first central header": (
        "504b0102 2d030a00 00080000 009da25a 168e9f19 0b000000 0b000000 0a000900 00000000 00000000 "
        "a4810000 00005245 41444d45 2e747874 55540500 01911f15 68"
    ),
    "end record": "504b0506 00000000 05000500 7d010000 e0110200 0000",
}


def fixed_entity() -> Entity:
    """Return an entity of each kind of member: empty, padded, with a name beyond ASCII, with only a DOS time."""
    members = [
        Member.of_bytes("README.txt", b"Session 42\n", TIME),
        Member.of_bytes("data/sensor_data/empty.csv", b"", TIME),
        Member.of_bytes("recordings/küche_session42.mp4", bytes(range(256)) * 256, TIME + 60_000_000_000),
        Member.of_bytes("recordings/cam1_session42.mp4", b"\xff" * 65535, 5_000_000_000_000_000_000),
    ]
    lines = "".join(manifest_line(member.fixity.sha256, member.name) for member in members)
    return Entity(Layout([*members, Member.of_bytes(MANIFEST_NAME, lines.encode(), TIME)]))


def test_bytes_etag_and_format_version_change_together() -> None:
    """The same members give the bytes and the ETag of format version 3, on every machine."""
    entity = fixed_entity()
    whole = b"".join(entity.read_range())
    layout = entity.layout
    found = {
        "FORMAT_VERSION": FORMAT_VERSION,
        "length": entity.length,
        "sha256": hashlib.sha256(whole).hexdigest(),
        "etag": entity.etag,
        "first header": whole[: layout.data_offsets[0]].hex(" ", -4),
        "first central header": whole[layout.directory_offset : layout.central_offsets[1]].hex(" ", -4),
        "end record": whole[layout.end_offset :].hex(" ", -4),
    }
    assert found == GOLDEN


def test_the_structure_is_the_pinned_one() -> None:
    """Offset, header length, padding and data range of every member."""
    rows = [
        (row.header_offset, row.header_bytes, row.padding_bytes, row.data_start, row.data_stop)
        for row in fixed_entity().layout.describe().members
    ]
    assert rows == [
        (0, 49, 0, 49, 60),
        (60, 65, 0, 125, 125),
        (125, 3971, 3901, 4096, 69632),
        (69632, 59, 0, 69691, 135226),
        (135226, 58, 0, 135284, 135648),
    ]
