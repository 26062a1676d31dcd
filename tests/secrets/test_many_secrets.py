"""One text gives no more secrets than can be searched for, and one place no more hits than needed to cover it."""

from pathlib import Path

import pytest
from tests.support.platform_lab import PlatformLab

from labcrate.lab.device_files import read_all_cameras
from labcrate.lab.folder import LabFolder as Folder
from labcrate.secrets.cleaner import Cleaner
from labcrate.secrets.escapes import decode
from labcrate.secrets.matcher import Matcher, covered_ranges
from labcrate.secrets.stream import find_in_stream
from labcrate.secrets.values import MAX_URLS, Secrets, collect_secrets


def of_cameras(*cameras: dict[str, object]) -> Secrets:
    """Return the secrets of cameras."""
    return collect_secrets([("data/cameras.json", list(cameras))])


@pytest.mark.parametrize("path", ["data/cameras.json", "sessions/Session1/session_data.json"])
def test_one_text_gives_a_thousand_urls(path: str) -> None:
    """Of six thousand different URLs in one text, a thousand are collected."""
    text = " ".join(f"rtsp://user:password{i}@camera{i}.lab/live" for i in range(MAX_URLS + 5000))
    found = collect_secrets([(path, {"notes": text})])
    assert len(found.strong) <= 3 * MAX_URLS
    assert f"password{MAX_URLS - 1}" in {secret.value for secret in found.strong}
    assert Matcher(found).find(b"rtsp://user:password5999@camera5999.lab/live")  # by its own password


def test_a_camera_of_thousands_of_urls_is_refused(tmp_path: Path) -> None:
    """Only that camera is refused, by file and key, and no archive contains its URLs."""
    lab = PlatformLab(tmp_path / "lab").build()
    text = " ".join(f"rtsp://camera{i}.lab/live" for i in range(1001))
    lab.json("data/user_3/cameras.json", [{"id": 9, "name": "hall", "note": text}, {"id": 10, "name": "kitchen"}])
    cameras, problems = read_all_cameras(Folder(lab.root))
    assert "10" in {camera.id for camera in cameras}
    assert "9" not in {camera.id for camera in cameras}
    assert any("1,001 URLs, more than the 1,000 allowed" in str(problem) for problem in problems)


def test_a_secret_that_overlaps_itself_has_as_many_places_as_cover_it() -> None:
    """A million letters are not a million places."""
    matcher = Matcher(of_cameras({"id": 1, "password": "aaaaaaaa"}))
    hits = matcher.find(b"a" * 80_003)
    assert len(hits) <= 2 * 80_003 / 8
    assert covered_ranges(hits) == [(0, 80_003)]
    assert Cleaner(matcher.secrets, matcher).clean_text("x" + "a" * 80_003) == "x[removed]"


@pytest.mark.parametrize("before", range(9))
def test_such_places_leave_no_gap_between_pieces(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a stream of several chunks they are covered without gaps, wherever they begin."""
    monkeypatch.setattr("labcrate.secrets.stream.CHUNK_BYTES", 1)
    matcher = Matcher(of_cameras({"id": 1, "password": "aaaaaaaa"}))
    data = b"x" * before + b"a" * 40_001
    hits = list(find_in_stream(matcher, (data[at : at + 9_973] for at in range(0, len(data), 9_973))))
    assert covered_ranges(hits) == [(before, len(data))]
    assert len(hits) == len(set(hits))


@pytest.mark.parametrize(
    "escaped", [b"x%61%62%63y%2", b"\\u0061\\u0062\\u0063", b"%61\\u0062&#99;%%64", b"\\u00e9%c3%a9"]
)
def test_a_place_in_a_run_of_escapes_is_that_of_its_own(escaped: bytes) -> None:
    """Each byte of a decoded run of escapes has the position of its own escape."""
    level = decode(escaped)
    assert level is not None
    parts = [level.source_range(at, at + 1) for at in range(len(level.data))]
    whole = b"".join(escaped[start:stop] for start, stop in dict.fromkeys(parts))
    assert whole == escaped
    for at, (start, stop) in enumerate(parts):
        part = decode(escaped[start:stop])
        assert level.data[at : at + 1] in (part.data if part else escaped[start:stop])


@pytest.mark.thorough
def test_hundreds_of_passwords_in_one_another() -> None:
    """Each password is the beginning of the next; together they cover one range."""
    matcher = Matcher(of_cameras(*({"id": i, "password": "a" * i} for i in range(8, 208))))
    assert covered_ranges(matcher.find(b"a" * 5000)) == [(0, 5000)]
    assert len(matcher.find(b"a" * 5000)) <= 2 * sum(5000 // i + 1 for i in range(8, 208))
