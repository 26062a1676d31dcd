"""Offsets, alignment and names, before any byte is read."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.archive.entity import Entity
from labcrate.archive.layout import ALIGNED_FROM_BYTES, ALIGNMENT_BYTES, BytesSource, FileSource, Layout, Member
from labcrate.model.fixity import Fixity, Identity

TIME = 1_746_214_800_123_456_789


def sized(name: str, size: int) -> Member:
    """Return a member of which only the size is known."""
    return Member(name, Fixity(size, 0, ""), TIME, FileSource(lambda: -1, Identity(size, 0, 0, 0), name))


@given(st.lists(st.sampled_from([0, 1, 4095, 4096, 4097, 65535, 65536, 70_000]), max_size=8))
def test_zipfile_finds_what_the_layout_says(sizes: list[int]) -> None:
    """Python's zipfile finds each header where the layout puts it; the data there are the member's, and aligned."""
    members = [Member.of_bytes(f"däta/{i}", bytes([i]) * size, TIME) for i, size in enumerate(sizes)]
    layout = Layout(members)
    whole = b"".join(Entity(layout).read_range())
    assert len(whole) == layout.total_bytes
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.start_dir == layout.directory_offset
        for index, (info, row) in enumerate(zip(archive.infolist(), layout.describe().members, strict=True)):
            assert info.header_offset == row.header_offset == layout.header_offsets[index]
            assert whole[row.data_start : row.data_stop] == bytes([index]) * sizes[index] == archive.read(info)
            assert row.data_start == row.header_offset + row.header_bytes
            assert sizes[index] < ALIGNED_FROM_BYTES or row.data_start % ALIGNMENT_BYTES == 0
            assert row.padding_bytes == 0 or sizes[index] >= ALIGNED_FROM_BYTES


@given(st.integers(1, 9000))
def test_every_gap_can_be_padded(name_bytes: int) -> None:
    """Wherever a large member's header ends, its data start at a multiple of 4096, also where the gap is 1 to 5."""
    row = Layout([sized("a" * name_bytes, ALIGNED_FROM_BYTES)]).describe().members[0]
    assert row.data_start % ALIGNMENT_BYTES == 0
    assert row.padding_bytes == 0 or 6 <= row.padding_bytes < ALIGNMENT_BYTES + 6


def test_total_size_needs_no_hashes() -> None:
    """A layout of sizes alone has the total of the archive that is written later; an entity of it is refused."""
    planned = Layout([Member("a", Fixity(3, 0, ""), TIME, BytesSource(b"abc"))])
    assert planned.total_bytes == Entity(Layout([Member.of_bytes("a", b"abc", TIME)])).length
    with pytest.raises(ValueError, match="fixity of 'a' is not known"):
        Entity(planned)


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "./a", "a/.", "a\\b", "a\nb", "a\0", "\udcff", "x" * 65536],
)
def test_names_that_could_do_harm_are_refused(name: str) -> None:
    """Absolute, climbing, ambiguous, unprintable and overlong names raise ValueError."""
    with pytest.raises(ValueError, match="cannot be a member"):
        Layout([sized(name, 1)])


@pytest.mark.parametrize("name", ["a", "...", "..a/b..", "a b/ü/日本.mp4", "C'est.csv", "x" * 65535, "~", ".hidden"])
def test_harmless_names_are_accepted(name: str) -> None:
    """Dots inside names, spaces and every script are allowed, up to 65535 bytes."""
    assert Layout([sized(name, 1)]).describe().members[0].name == name


def test_no_two_members_have_the_same_name() -> None:
    """The second member of a name raises ValueError; names that differ in case are the caller's affair."""
    with pytest.raises(ValueError, match="another member has it"):
        Layout([sized("a", 1), sized("a", 2)])
    assert len(Layout([sized("a", 1), sized("A", 2)]).members) == 2


def test_negative_sizes_are_refused() -> None:
    """A size below 0 raises ValueError."""
    with pytest.raises(ValueError, match="negative"):
        Layout([sized("a", -1)])


def test_zip64_is_shown_for_what_needs_it() -> None:
    """The description marks large members, members beyond 4 GiB and the ZIP64 end records, and nothing else."""
    description = Layout([sized("small", 1), sized("large", 0xFFFFFFFF), sized("late", 1)]).describe()
    assert [row.zip64 for row in description.members] == [False, True, True]
    assert description.zip64_end
    assert not Layout([sized("small", 1), sized("almost", 0xFFFFFFFE)]).describe().members[1].zip64
    assert not Layout([sized("small", 1)]).describe().zip64_end
    assert description.total_bytes == description.end_offset + description.end_bytes
    assert description.end_offset == description.directory_offset + description.directory_bytes


def test_an_archive_without_members_is_a_zip() -> None:
    """No members: nothing but an end record, which zipfile opens."""
    whole = b"".join(Entity(Layout([])).read_range())
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.namelist() == []
