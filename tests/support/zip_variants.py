"""Archives of every kind that labcrate writes: names in all scripts, empty and padded members, 32-bit limits."""

from typing import TYPE_CHECKING

import pytest

from labcrate.archive.layout import FileSource, Layout, Member
from labcrate.model.fixity import Fixity, Identity

if TYPE_CHECKING:
    from tests.support.zip_readers import ArchiveWriter, WrittenArchive

TIME = 1_746_214_801_000_000_000  # an odd second, which DOS times cannot represent
GIB4 = 1 << 32
LATE = b"late\n" * 10
NAMES = {
    "Latin": "recordings/Übergröße façade_s42.mp4",
    "Greek": "recordings/μουσική_s42.mp4",
    "Cyrillic": "recordings/кухня_s42.mp4",
    "Arabic": "recordings/غرفة المعيشة_s42.mp4",
    "Hebrew": "recordings/סלון_s42.mp4",
    "right-to-left marks": "recordings/\u200fחדר\u200f 1 (b)_s42.mp4",
    "Chinese": "recordings/客厅_s42.mp4",
    "Japanese": "recordings/台所_ダイニング_s42.mp4",
    "Korean": "recordings/거실_s42.mp4",
    "Devanagari": "recordings/बैठक_s42.mp4",
    "Thai": "recordings/ห้องนั่งเล่น_s42.mp4",
    "emoji, joined": "recordings/👩🏽‍🔬🎥_s42.mp4",
    "beyond the basic plane": "recordings/𝔘𝔫𝔦_s42.mp4",
    "combining marks": "recordings/cafe\u0301 z\u0351\u036b_s42.mp4",
    "255 bytes": "recordings/" + "長" * 83 + "_a.mp4",
    "more than 255 characters": "/".join(f"part {number:02} of a long path" for number in range(40)) + "/x.csv",
    "spaces": "data/ two  spaces .csv",
    "what shells expand": "data/'quote\" $HOME `x` *[a]?.csv",
    "dash": "data/-r.csv",
}
MIXED = {
    "README.txt": b"Session 42\n",
    "data/recordings.csv": b"camera,start\n" * 900,
    "data/sensor_data/empty.csv": b"",
    "recordings/below.mp4": b"\0" * 65535,
    "recordings/padded.mp4": bytes(range(256)) * 256,
    "recordings/headers.mp4": b"PK\x03\x04" * 100_000,  # looks like headers throughout
    "recordings/last.mp4": b"x" * 65537,
}
VARIANTS: dict[str, dict[str, bytes]] = {
    "one small member": {"README.txt": b"Session 42\n"},
    "names in every script": {name: f"{script}: {name}\n".encode() * 9 for script, name in NAMES.items()},
    "empty sensor files alone": {"data/sensor_data/a.json": b"", "data/sensor_data/b.csv": b""},
    "mixed": MIXED,
}


def members_of(files: dict[str, bytes]) -> list[Member]:
    """Return members with these names and contents."""
    return [Member.of_bytes(name, data, TIME) for name, data in files.items()]


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Return names and contents of one variant."""
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def archive(
    variant: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, writer: "ArchiveWriter"
) -> "WrittenArchive":
    """Return an archive of the variant."""
    return writer.write_whole(tmp_path_factory.mktemp("archive") / "a.zip", members_of(variant))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, writer: "ArchiveWriter") -> "WrittenArchive":
    """Return an archive of documents, an empty file, padded and unpadded members."""
    return writer.write_whole(tmp_path_factory.mktemp("mixed") / "a.zip", members_of(MIXED))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, writer: "ArchiveWriter") -> "WrittenArchive":
    """Return an archive of 70,000 members: more than the plain end record can count."""
    members = [Member.of_bytes(f"data/{index:05}.csv", b"%d\n" % index, TIME) for index in range(70_000)]
    return writer.write_whole(tmp_path_factory.mktemp("many") / "many.zip", members)


# The values around 4 GiB: one member's size, the start of the next member, the start of the directory.
EDGES = [("size", 1), *((what, delta) for what in ("size", "offset", "directory") for delta in (-2, -1, 0))]


@pytest.fixture(scope="module", params=EDGES, ids=lambda edge: f"{edge[0]} 4 GiB {edge[1]:+}")
def edge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, writer: "ArchiveWriter"
) -> "WrittenArchive":
    """Return an archive of a small member, a large one whose data are a hole, and a small one, at a limit of 32 bits.

    The large member's CRC-32 is not that of its zeros, because they are not read here.
    """
    what, delta = request.param
    size = GIB4 + delta
    if what != "size":  # offsets grow with the size as long as no header changes its length
        trial = Layout(edge_members(GIB4 - 9000))
        size += GIB4 - 9000 - (trial.header_offsets[2] if what == "offset" else trial.directory_offset)
    layout = Layout(edge_members(size))
    reached = {"size": size, "offset": layout.header_offsets[2], "directory": layout.directory_offset}
    assert reached[what] == GIB4 + delta
    return writer.write_frame(tmp_path_factory.mktemp("edge") / "edge.zip", layout, hole=1)


def edge_members(size: int) -> list[Member]:
    """Return three members, the second of this size."""
    source = FileSource(lambda: -1, Identity(size, 0, 0, 0), "large")
    return [
        Member.of_bytes("README.txt", b"Session 42\n", TIME),
        Member("recordings/large.mp4", Fixity(size, 0, "0" * 64), TIME, source),
        Member.of_bytes("data/late.csv", LATE, TIME),
    ]
