"""Recorders' folders: files that overlap a span are found, and nothing else is read."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.errors import DocumentError
from labcrate.lab.path_pattern import recorder_pattern
from labcrate.lab.recorders import (
    LONGEST_FILE,
    RECORDER_TYPES,
    RecorderFolder,
    SkippedFile,
    allowed_recorders,
    recorder_folder_path,
    scan_recorder,
    segment_member_name,
)
from labcrate.model.lab_settings import Recorder
from labcrate.model.timespan import TimeSpan


def recorder(
    folder: str = ".", pattern: str = RECORDER_TYPES["frigate"].pattern, zone: str = "UTC", minutes: float = 10
) -> Recorder:
    """Return a recorder with this pattern."""
    return Recorder("nvr", folder, pattern, zone, timedelta(minutes=minutes))


def put(root: Path, path: str, content: bytes = b"x") -> Path:
    """Write one file of a recorder."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def span(start: str, end: str) -> TimeSpan:
    """Return a span on 2 May 2025 between two times of day in UTC."""
    return TimeSpan(*(datetime.fromisoformat(f"2025-05-02T{text}+00:00") for text in (start, end)))


def test_segments_that_may_overlap_are_found(tmp_path: Path) -> None:
    """A file that began inside the span, or before it by at most the longest file, is found with camera and start."""
    for path in ("07/kitchen/19.50.mp4", "07/kitchen/20.00.mp4", "07/hall/30.00.mp4", "09/hall/30.00.mp4",
                 "09/hall/30.10.mp4", "07/hall/.30.00.mp4", "07/hall/notes.txt"):  # fmt: skip
        put(tmp_path, f"2025-05-02/{path}")
    found = list(scan_recorder(tmp_path, recorder(), span("07:30:00", "09:30:00")))
    assert [(segment.path, segment.camera, segment.start.isoformat()) for segment in found] == [
        ("2025-05-02/07/hall/30.00.mp4", "hall", "2025-05-02T07:30:00+00:00"),
        ("2025-05-02/07/kitchen/20.00.mp4", "kitchen", "2025-05-02T07:20:00+00:00"),
        ("2025-05-02/09/hall/30.00.mp4", "hall", "2025-05-02T09:30:00+00:00"),
    ]
    assert {segment.start_uncertainty_s for segment in found} == {0.0}
    assert found[0].identity == RecorderFolder(tmp_path, "nvr").identity(found[0].path)


ZONES = ("UTC", "Europe/Madrid", "Pacific/Auckland", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
PATTERNS = (
    RECORDER_TYPES["frigate"].pattern,
    RECORDER_TYPES["motioneye"].pattern,
    "{Y}/{m}/{d}/{camera}/{H}{M}{S}.mp4",
    "{camera}/{Y}{m}{d}{H}/{M}{S}.mp4",
    "{Y}-{m}-{d}/{camera}_{Y}{m}{d}{H}{M}{S}.mp4",
)


@given(
    zone=st.sampled_from(ZONES),
    pattern=st.sampled_from(PATTERNS),
    # Around the ends of summer time of 2025 in the zones above, and the day that Samoa left out in 2011.
    day=st.sampled_from(["2025-10-26", "2025-03-30", "2025-04-06", "2025-10-05", "2011-12-30", "2025-01-01"]),
    minutes=st.lists(st.integers(-4000, 4000), min_size=1, max_size=8),
    start=st.integers(-3000, 3000),
    length=st.integers(0, 300),
)
def test_skipping_folders_finds_every_file(
    zone: str,
    pattern: str,
    day: str,
    minutes: list[int],
    start: int,
    length: int,
) -> None:
    """In any zone and on any night, a search by folders finds the same files as a search through all files."""
    with TemporaryDirectory() as folder:
        _search_and_compare(Path(folder), zone, pattern, day, minutes, start, length)


def _search_and_compare(
    root: Path, zone: str, pattern: str, day: str, minutes: list[int], start: int, length: int
) -> None:
    middle = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    compiled = recorder_pattern(pattern)
    instants = {middle + timedelta(minutes=minute) for minute in minutes}
    for instant in instants:
        put(root, compiled.format(instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None), "kitchen"))
    searched = TimeSpan(middle + timedelta(minutes=start), middle + timedelta(minutes=start + length))
    chosen = recorder(pattern=pattern, zone=zone)
    everything = list(scan_recorder(root, chosen, TimeSpan()))
    found = list(scan_recorder(root, chosen, searched))
    begun = TimeSpan(searched.padded(chosen.longest).start, searched.end)
    assert found == [
        s for s in everything
        if TimeSpan(s.start, s.start + timedelta(seconds=s.start_uncertainty_s)).overlaps(begun)
    ]  # fmt: skip
    for instant in instants:  # the true start is among what each file may mean
        assert any(s.start <= instant <= s.start + timedelta(seconds=s.start_uncertainty_s) for s in everything)


@pytest.mark.thorough
def test_other_days_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a year of folders, only those of two hours and four cameras are opened, and all files in them are found."""
    for day in range(365):
        for hour in (0, 6, 9):
            (tmp_path / f"{datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}/{hour:02}/kitchen").mkdir(
                parents=True
            )
    for camera in ("kitchen", "hall", "bath", "door"):
        for second in range(0, 7200, 10):
            put(
                tmp_path,
                f"{datetime(2025, 5, 2, 7, tzinfo=UTC) + timedelta(seconds=second):%Y-%m-%d/%H/{camera}/%M.%S}.mp4",
            )
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *a, **k: opened.append(str(path)) or real(path, *a, **k))  # type: ignore[func-returns-value]
    found = list(scan_recorder(tmp_path, recorder(), span("07:00:00", "08:59:59")))
    assert len(found) == 2880
    # The recorder's folder, the day, its hours from ten minutes before, and their cameras.
    assert opened[1] == "2025-05-02"
    assert len(opened) == 2 + 3 + (1 + 4 + 4)


def test_symbolic_links_are_never_followed(tmp_path: Path) -> None:
    """A link in the place of a folder or a file is skipped and reported; it cannot be opened."""
    outside = put(tmp_path, "outside/30.00.mp4")
    root = tmp_path / "nvr"
    hour = root / "2025-05-02/07"
    hour.mkdir(parents=True)
    (hour / "hall").symlink_to(outside.parent)
    (hour / "kitchen").mkdir()
    (hour / "kitchen/30.00.mp4").symlink_to(outside)
    put(root, "2025-05-02/07/kitchen/31.00.mp4", b"")
    (hour / "kitchen/32.00.mp4").mkdir()
    skipped: list[SkippedFile] = []
    assert list(scan_recorder(root, recorder(), span("07:00:00", "08:00:00"), skipped)) == []
    assert {(item.path, item.reason.partition(",")[0]) for item in skipped} == {
        ("2025-05-02/07/hall", "it is a symbolic link"),
        ("2025-05-02/07/kitchen/30.00.mp4", "it is a symbolic link"),
        ("2025-05-02/07/kitchen/31.00.mp4", "it is empty"),
        ("2025-05-02/07/kitchen/32.00.mp4", "it is not a regular file"),
    }
    folder = RecorderFolder(root, "nvr")
    for path in (
        "2025-05-02/07/hall/30.00.mp4",
        "2025-05-02/07/kitchen/30.00.mp4",
        "../outside/30.00.mp4",
        "/etc/passwd",
        "",
    ):
        with pytest.raises(OSError, match=r"symbolic link|regular file|not a path"):
            folder.open(path)
        with pytest.raises(OSError, match=r"symbolic link|regular file|not a path"):
            folder.identity(path)


def test_a_file_is_opened_for_reading(tmp_path: Path) -> None:
    """A regular file below the folder is read through its descriptor."""
    put(tmp_path, "2025-05-02/07/kitchen/30.00.mp4", b"video")
    with os.fdopen(RecorderFolder(tmp_path, "nvr").open("2025-05-02/07/kitchen/30.00.mp4"), "rb") as file:
        assert file.read() == b"video"


def test_a_missing_folder_is_named_by_its_recorder(tmp_path: Path) -> None:
    """The message has the recorder's name and the remedy, but never the path of the folder."""
    with pytest.raises(DocumentError, match=r'recorder "nvr": its folder cannot be read.*connect its disk') as caught:
        list(scan_recorder(tmp_path / "absent", recorder(), TimeSpan()))
    assert str(tmp_path) not in str(caught.value)


def test_a_server_reads_only_allowed_folders(tmp_path: Path) -> None:
    """Folders inside the lab and below an allowed folder are allowed; others, and links to others, are not."""
    lab, allowed, other = (tmp_path / name for name in ("lab", "allowed", "other"))
    for folder in (lab / "recordings", allowed / "frigate", other):
        folder.mkdir(parents=True)
    (lab / "link").symlink_to(other)
    folders = ("recordings", str(allowed), str(allowed / "frigate"), "../allowed/frigate", str(other), "link",
               "../allowed-2", f"{allowed}/../other", "~no-such-user-at-all/x")  # fmt: skip
    recorders = [Recorder(f"r{i}", folder, "", "UTC", LONGEST_FILE) for i, folder in enumerate(folders)]
    may, refused = allowed_recorders(recorders, lab, [allowed])
    assert may == {
        "r0": lab / "recordings",
        "r1": allowed,
        "r2": allowed / "frigate",
        "r3": allowed / "frigate",
    }
    assert [item.name for item in refused] == ["r4", "r5", "r6", "r7", "r8"]
    assert recorder_folder_path(recorders[4], lab) == other  # the command line takes it from the file


INSTANTS = st.datetimes(
    datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30"), timezones=st.just(UTC)
)


@given(st.lists(INSTANTS, min_size=2, max_size=8), st.sampled_from(["kitchen", "a b", "x_2025"]))
def test_member_names_sort_by_time_and_do_not_collide(starts: list[datetime], camera: str) -> None:
    """Names of one camera sort by time, and starts in different milliseconds have different names."""
    exact = sorted({start.replace(microsecond=start.microsecond // 1000 * 1000) for start in starts})
    names = [segment_member_name(camera, start) for start in exact]
    assert names == sorted(set(names))


def test_member_names_are_in_utc() -> None:
    """A name contains the camera and the start in UTC."""
    start = datetime(2025, 5, 2, 9, 30, tzinfo=ZoneInfo("Europe/Madrid"))
    assert segment_member_name("kitchen", start) == "kitchen_20250502T073000Z.mp4"
    assert segment_member_name("kitchen", start + timedelta(milliseconds=5)) == "kitchen_20250502T073000Z_005.mp4"
