"""A secret in an MP4's tags is found and overwritten; pictures and offsets are unchanged."""

import io
import struct

import pytest
from tests.secrets.conftest import MOVFLAGS, PASSWORD, URL, Tagged, frames, tags

from labcrate.secrets.copied_files import Redaction, choose_redaction, mp4_patches, scan_file
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.mp4_boxes import BytePatch, apply_patches, make_patches, metadata_ranges
from labcrate.secrets.values import SecretKind

KINDS = (SecretKind.CAMERA_PASSWORD, SecretKind.URL_CREDENTIALS, SecretKind.CAMERA_ADDRESS)


def box(kind: bytes, *payload: bytes) -> bytes:
    """Return a box with its length."""
    data = b"".join(payload)
    return struct.pack(">I4s", 8 + len(data), kind) + data


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("kind", MOVFLAGS)
def test_tags_of_real_files(matcher: Matcher, tagged: Tagged, kind: str, suffix: str) -> None:
    """A stream URL in comment and title is found and overwritten in each layout; frames and other tags stay."""
    named = {"title": f"Kitchen {URL}", "comment": URL, "artist": "The lab", "location": "+52.5200+013.4050/"}
    data = tagged(kind, named, suffix=suffix)
    before = scan_file(matcher, io.BytesIO(data), len(data))
    assert (before.kinds, before.searched) == (KINDS, True)
    made = mp4_patches(matcher, io.BytesIO(data), len(data))
    clean = apply_patches(data, 0, made)
    assert len(clean) == len(data)
    assert PASSWORD.encode() not in clean
    assert scan_file(matcher, io.BytesIO(clean), len(clean)).kinds == ()
    assert frames(clean) == frames(data)
    assert len(frames(clean)) == 15
    assert "192.0.2.40" not in str(tags(clean))
    assert tags(clean).get("artist") == tags(data).get("artist")
    assert choose_redaction(io.BytesIO(data)) is Redaction.MP4


@pytest.mark.parametrize("kind", ["index first", "QuickTime tags", "fragmented"])
def test_a_position_is_a_warning(matcher: Matcher, tagged: Tagged, kind: str) -> None:
    """A position in tags is reported and is no secret; a title with the letters of such a box is no position."""
    data = tagged(kind, {"location": "+52.5200+013.4050/", "title": "x"})
    found = scan_file(matcher, io.BytesIO(data), len(data))
    assert (found.kinds, found.position) == ((), True)
    data = tagged(kind, {"title": "velocity loci \u00a9xyz", "comment": "location"})
    assert not scan_file(matcher, io.BytesIO(data), len(data)).position


def test_the_handlers_name(matcher: Matcher, tagged: Tagged) -> None:
    """If no box can be removed, only the bytes are overwritten: a track's handler stays one."""
    data = tagged("index first", {}, {"handler_name": URL})
    assert scan_file(matcher, io.BytesIO(data), len(data)).kinds == KINDS
    clean = apply_patches(data, 0, mp4_patches(matcher, io.BytesIO(data), len(data)))
    assert scan_file(matcher, io.BytesIO(clean), len(clean)).kinds == ()
    assert frames(clean) == frames(data)
    assert tags(clean)["track handler_name"] == "_" * len(URL)


def test_a_weak_password_behind_its_key(matcher: Matcher, tagged: Tagged) -> None:
    """``password=admin`` in a tag is found; ``admin`` alone is a word."""
    data = tagged("index last", {"comment": "user: x, password=admin"})
    assert scan_file(matcher, io.BytesIO(data), len(data)).kinds == (SecretKind.CAMERA_PASSWORD,)
    data = tagged("index last", {"comment": "the admin of the camera"})
    assert scan_file(matcher, io.BytesIO(data), len(data)).kinds == ()


def test_pictures_are_not_searched(matcher: Matcher) -> None:
    """The content of mdat is not searched; everything else is, also after the last box."""
    mdat = box(b"mdat", PASSWORD.encode())
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 20) + PASSWORD.encode() + b"...."
    for pictures in (mdat, large, large + mdat):
        data = box(b"ftyp", b"isom") + pictures + box(b"free", b"nothing")
        assert scan_file(matcher, io.BytesIO(data), len(data)).kinds == ()
        assert b"".join(data[a:b] for a, b in metadata_ranges(io.BytesIO(data), len(data))).count(b"nothing") == 1
    to_the_end = box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + PASSWORD.encode()
    assert scan_file(matcher, io.BytesIO(to_the_end), len(to_the_end)).kinds == ()
    places = (
        box(b"free", PASSWORD.encode()),
        box(b"skip", PASSWORD.encode()),
        b"\0" * 9 + PASSWORD.encode(),
        box(b"uuid", b"0123456789abcdef", PASSWORD.encode()),
        box(b"moof", box(b"abcd", PASSWORD.encode())),
    )
    for rest in places:
        data = box(b"ftyp", b"isom") + mdat + rest
        assert scan_file(matcher, io.BytesIO(data), len(data)).kinds == (SecretKind.CAMERA_PASSWORD,)
        clean = apply_patches(data, 0, mp4_patches(matcher, io.BytesIO(data), len(data)))
        assert clean[: len(data) - len(rest)] == data[: len(data) - len(rest)]
        assert PASSWORD.encode() not in clean[-len(rest) :]
        assert len(clean) == len(data)


def test_the_box_becomes_free_of_the_same_length() -> None:
    """The smallest removable box becomes ``free``, and its neighbours are unchanged."""
    one, two = box(b"\xa9cmt", b"\0\x05\0\0hello"), box(b"\xa9nam", b"\0\x05\0\0title")
    data = box(b"moov", box(b"udta", one, two))
    at = data.index(b"hello")
    made = make_patches(data, 1000, [(1000 + at, 1000 + at + 5)])
    assert made == [BytePatch(1000 + data.index(one), box(b"free", bytes(len(one) - 8)))]
    assert apply_patches(data, 1000, made) == box(b"moov", box(b"udta", box(b"free", bytes(len(one) - 8)), two))


def test_patches_of_any_part() -> None:
    """A file read in parts of any size with the patches applied equals the whole."""
    data = bytes(range(100))
    made = [BytePatch(3, b"abc"), BytePatch(50, b"x" * 20), BytePatch(99, b"!")]
    whole = apply_patches(data, 0, made)
    assert whole != data
    for size in (1, 2, 7, 40, 99, 100):
        assert b"".join(apply_patches(data[i : i + size], i, made) for i in range(0, 100, size)) == whole


@pytest.mark.parametrize("depth", [5, 50, 500])
def test_boxes_of_any_depth_and_number(matcher: Matcher, depth: int) -> None:
    """Boxes nested or repeated without end are searched, and secrets in them are overwritten."""
    data = box(b"\xa9cmt", PASSWORD.encode())
    for _ in range(depth):
        data = box(b"udta", data)
    data = box(b"ftyp", b"isom") + box(b"moov", data) + box(b"free") * 5000
    clean = apply_patches(data, 0, mp4_patches(matcher, io.BytesIO(data), len(data)))
    assert len(clean) == len(data)
    assert PASSWORD.encode() not in clean
