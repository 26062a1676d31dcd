"""The single structures of a ZIP, against the fields that APPNOTE names."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.archive import records

SIZES = [0, 1, 0xFFFFFFFE, 0xFFFFFFFF, 0x100000000]
SECONDS = [-(1 << 31) - 1, -(1 << 31), 0, 1_700_000_001, (1 << 31) - 1, 1 << 31, 1 << 40]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("offset", SIZES)
@pytest.mark.parametrize("zip64_sizes", [False, True])
def test_header_lengths_are_known_before_the_headers_are(
    size: int, seconds: int, offset: int, zip64_sizes: bool
) -> None:
    """The lengths that a layout computes with are those of the packed headers, at every threshold."""
    name = "señal.mp4".encode()
    local = records.local_header(name, 7, size, seconds, offset, zip64_sizes=zip64_sizes)
    central = records.central_header(name, 7, size, seconds, offset, zip64_sizes=zip64_sizes)
    assert len(local) == records.local_header_length(len(name), size, seconds, zip64_sizes)
    assert len(central) == records.central_header_length(len(name), size, seconds, offset, zip64_sizes)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(-(1 << 40), 1 << 40), st.integers(0, 0xFFFFFFFF))
def test_both_headers_of_a_member_agree(size: int, offset: int, seconds: int, crc32: int) -> None:
    """Version, flags, method, time, CRC-32, 32-bit sizes and name length are the same in both headers."""
    local = records.LOCAL_HEADER.unpack_from(records.local_header(b"a", crc32, size, seconds, offset))
    central = records.CENTRAL_HEADER.unpack_from(records.central_header(b"a", crc32, size, seconds, offset))
    assert local[1:10] == central[2:11]


def test_zip64_only_where_a_field_is_too_small() -> None:
    """4 GiB - 2 is a plain member; from 4 GiB - 1 on both sizes are in the ZIP64 field, the offset only if needed."""
    plain = records.central_header(b"a", 0, 0xFFFFFFFE, 1 << 40, 0xFFFFFFFE)
    assert len(plain) == 46 + 1
    both = records.central_header(b"a", 0, 0xFFFFFFFF, 1 << 40, 5)
    assert both[47:] == struct.pack("<HHQQ", 1, 16, 0xFFFFFFFF, 0xFFFFFFFF)
    offset_only = records.central_header(b"a", 0, 3, 1 << 40, 0xFFFFFFFF)
    assert offset_only[47:] == struct.pack("<HHQ", 1, 8, 0xFFFFFFFF)
    local = records.local_header(b"a", 0, 0xFFFFFFFF, 1 << 40, 0)
    assert local[31:] == struct.pack("<HHQQ", 1, 16, 0xFFFFFFFF, 0xFFFFFFFF)


def test_the_member_after_one_of_exactly_4_gib_minus_1_has_zip64_sizes() -> None:
    """Its sizes are in the ZIP64 field of both headers: unzip 6.00 would misread the field otherwise."""
    assert [records.needs_zip64_sizes(size) for size in (0xFFFFFFFE, 0xFFFFFFFF, 0x100000000)] == [False, True, False]
    central = records.central_header(b"a", 0, 3, 1 << 40, 0xFFFFFFFF, zip64_sizes=True)
    assert central[47:] == struct.pack("<HHQQQ", 1, 24, 3, 3, 0xFFFFFFFF)
    assert records.CENTRAL_HEADER.unpack_from(central)[8:10] == (0xFFFFFFFF, 0xFFFFFFFF)
    assert records.local_header(b"a", 0, 3, 1 << 40, 0xFFFFFFFF, zip64_sizes=True)[31:] == struct.pack(
        "<HHQQ", 1, 16, 3, 3
    )


@pytest.mark.parametrize(
    ("seconds", "date", "clock"),
    [
        (1_746_215_999, (2025, 5, 2), (19, 59, 58)),
        (0, (1980, 1, 1), (0, 0, 0)),
        (1 << 40, (2107, 12, 31), (23, 59, 58)),
    ],
)
def test_dos_time_is_utc_and_clamped(seconds: int, date: tuple[int, ...], clock: tuple[int, ...]) -> None:
    """The DOS time is UTC in steps of two seconds and stays between 1980 and 2107."""
    fields = records.LOCAL_HEADER.unpack_from(records.local_header(b"a", 0, 0, seconds, 0))
    dos_time, dos_date = fields[4], fields[5]
    assert (1980 + (dos_date >> 9), dos_date >> 5 & 15, dos_date & 31) == date
    assert (dos_time >> 11, dos_time >> 5 & 63, (dos_time & 31) * 2) == clock


def test_exact_time_is_left_out_where_it_does_not_fit() -> None:
    """The extended timestamp holds 32 signed bits: the second after January 2038 has the DOS time alone."""
    assert records.local_header(b"a", 0, 0, (1 << 31) - 1, 0)[31:] == struct.pack("<HHBi", 0x5455, 5, 1, (1 << 31) - 1)
    assert records.local_header(b"a", 0, 0, 1 << 31, 0)[31:] == b""


def test_padding_is_one_wellformed_extra_field() -> None:
    """Padding is a field 0xD935 with the alignment and zeros, of the requested length."""
    header = records.local_header(b"a", 0, 0, 1 << 40, 0, padding=10, alignment=4096)
    assert header[31:] == struct.pack("<HHH", 0xD935, 6, 4096) + bytes(4)


@pytest.mark.parametrize(("count", "zip64"), [(0, False), (65534, False), (65535, True), (70000, True)])
def test_end_records_grow_with_the_number_of_members(count: int, zip64: bool) -> None:
    """65535 members and more need the ZIP64 end record; the plain one then holds its maximum."""
    data = records.end_records(count, 1000, 50)
    assert len(data) == (22 + 76 if zip64 else 22)
    assert records.END_RECORD.unpack(data[-22:])[3:7] == (min(count, 65535), min(count, 65535), 50, 1000)
    if zip64:
        assert records.ZIP64_END_RECORD.unpack_from(data)[6:] == (count, count, 50, 1000)
        assert records.ZIP64_LOCATOR.unpack_from(data, 56) == (records.ZIP64_LOCATOR_SIGNATURE, 0, 1050, 1)
