import io
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.messages.message import Message
from labcrate.model.recording import Probe
from labcrate.video import boxes
from labcrate.video import probe as probe_module
from labcrate.video.probe import probe

EVERY_KIND = ("index first", "index last", "fragmented", "hybrid")


def look(data: bytes) -> Probe:
    """Probe bytes as a file."""
    return probe(io.BytesIO(data))


def is_one_verdict(found: Probe) -> bool:
    """Return whether there is only a problem, or no problem and a duration."""
    if found.problem is None:
        return found.duration_s is not None and found.duration_s > 0 and found.video_codec is not None
    return found == Probe(problem=found.problem) and isinstance(found.problem, Message)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_header_is_told(kinds: dict[str, bytes], kind: str) -> None:
    """In any layout of the MP4, duration, codec, size, rate and creation time are those of the clip."""
    found = look(kinds[kind])
    assert found.problem is None
    assert found.duration_s == pytest.approx(12, abs=0.001)
    assert (found.video_codec, found.width, found.height) == ("h264", 320, 180)
    assert (found.frame_rate, found.audio_codec) == (5.0, None)
    assert found.creation_time is not None
    assert found.creation_time.isoformat() == "2025-05-02T06:40:07+00:00"


def test_audio_is_told(tmp_path: Path) -> None:
    """The codec of a recording's audio is returned."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame("fltp", "mono", 1024)
        silence.planes[0].update(bytes(silence.planes[0].buffer_size))
        silence.sample_rate, silence.pts, silence.time_base = 8000, 0, Fraction(1, 8000)
        out.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux([*video.encode(None), *audio.encode(silence), *audio.encode(None)])
    with path.open("rb") as file:
        assert probe(file).audio_codec == "aac"


@pytest.mark.parametrize(
    "when",
    [
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:07:00Z",
        "2000-01-01T00:00:00Z",
        "2000-03-02T10:00:00Z",
    ],
)
def test_unset_clock_is_no_creation_time(clip: Path, when: str) -> None:
    """A camera that counts from 1904, 1970 or 2000 has no clock, so there is no creation time, also weeks later."""
    seconds = int((datetime.fromisoformat(when) - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())
    data = bytearray(clip.read_bytes())
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(kind) + 8  # after the kind: one byte of version, three of flags (ISO/IEC 14496-12, 8.2.2)
        struct.pack_into(">I", data, at, seconds)
    found = look(bytes(data))
    assert found.problem is None
    assert found.creation_time is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes(4096),
        b"no video at all\n" * 40,
        b"#EXTM3U\nhttp://192.0.2.1/a.mp4\n",
        b"ffconcat version 1.0\n",
    ],
    ids=["empty", "one zero", "zeros", "text", "playlist", "list of files"],
)
def test_what_is_no_video_is_a_problem(data: bytes) -> None:
    """Text, zeros, playlists and an empty file are reported as no video."""
    found = look(data)
    assert found.problem is not None
    assert is_one_verdict(found)


@pytest.mark.parametrize("kind", ["index first", "index last", "hybrid"])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=rounds(40, 120), deadline=None)
def test_cut_short_is_a_problem(kinds: dict[str, bytes], kind: str, share: float) -> None:
    """An ordinary MP4 without its end is never readable, wherever it was cut."""
    data = kinds[kind]
    found = look(data[: int(len(data) * share)])
    assert found.problem is not None
    assert is_one_verdict(found)


@given(share=st.floats(0, 1))
@settings(max_examples=rounds(50, 150), deadline=None)
def test_fragments_that_are_whole_count(kinds: dict[str, bytes], share: float) -> None:
    """A fragmented recording that was cut off has the duration of its whole fragments: ten or twelve seconds."""
    data = kinds["fragmented"]
    found = look(data[: int(len(data) * share)])
    assert is_one_verdict(found)
    assert found.duration_s is None or round(found.duration_s, 3) in {10, 12}


def test_killed_recorder_leaves_a_readable_file(kinds: dict[str, bytes]) -> None:
    """A fragmented file that ends inside the index of its last fragment is readable up to there."""
    data = kinds["fragmented"]
    found = look(data[: data.rindex(b"moof") + 20])
    assert found.duration_s == pytest.approx(10, abs=0.001)


@given(data=st.binary(max_size=400), start=st.sampled_from([b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\0\x08moov"]))
@settings(max_examples=rounds(100, 300), deadline=None)
def test_any_bytes_give_a_verdict(data: bytes, start: bytes) -> None:
    """Any bytes give a Probe and no exception."""
    assert is_one_verdict(look(start + data))


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30))
@settings(max_examples=rounds(40, 100), deadline=None)
def test_flipped_bytes_give_a_verdict(kinds: dict[str, bytes], kind: str, flips: list[tuple[float, int]]) -> None:
    """A real MP4 with any bytes overwritten, in the index above all, never makes the probe raise."""
    data = bytearray(kinds[kind])
    index = data.index(b"moov")
    for number, (share, value) in enumerate(flips):
        reach = len(data) if number % 4 == 0 else min(len(data), index + 1200)
        data[int(share * reach) if number % 4 == 0 else index + int(share * (reach - index))] = value
    assert is_one_verdict(look(bytes(data)))


def test_ten_gigabytes_are_not_read(
    kinds: dict[str, bytes], tmp_path: Path, counting: Callable[[Path], BinaryIO]
) -> None:
    """Of a 10 GiB recording with its index at the end less than 100 kB are read."""
    data = kinds["index last"]
    index, hole = data.rindex(b"moov") - 4, 10 * 2**30
    path = tmp_path / "big.mp4"
    with path.open("wb") as file:
        file.write(data[:index] + struct.pack(">I4sQ", 1, b"free", hole))
        file.seek(index + hole)
        file.write(data[index:])
    with counting(path) as file:
        assert probe(file).duration_s == pytest.approx(12, abs=0.001)
        assert 0 < file.count < 100_000  # type: ignore[attr-defined]


def test_name_of_the_file_means_nothing(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose name is a protocol of FFmpeg is read as a file."""
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mp4|b.mp4", "data:video,x", "cache:pipe:0"):
        Path(name).write_bytes(clip.read_bytes())
        with Path(name).open("rb") as file:
            assert probe(file).is_readable


def test_many_threads_agree(kinds: dict[str, bytes]) -> None:
    """Probing whole and damaged files from eight threads gives what one thread gives."""
    inputs = [data[: len(data) - cut] for data in kinds.values() for cut in (0, 1, 500, 5000)] * 6
    expected = [look(data) for data in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, inputs)) == expected


def test_nothing_is_printed(kinds: dict[str, bytes], tmp_path: Path) -> None:
    """FFmpeg prints nothing about damage: standard error stays empty."""
    data = bytearray(kinds["index first"])
    at = data.index(b"stsd")
    data[at : at + 60] = bytes(range(100, 160))
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    code = "import sys; from labcrate.video.probe import probe; print(probe(open(sys.argv[1], 'rb')).problem)"
    path_of_package = str(Path(boxes.__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", code, path],
        env={"PYTHONPATH": path_of_package},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    assert run.stdout.strip() not in {"", "None"}


def test_failing_disk_is_an_error(kinds: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    """A disk that fails while FFmpeg reads raises OSError, and is no damaged recording."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size != 16:  # reading the boxes does not fail
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        probe(Failing(kinds["index first"]))
    assert capfd.readouterr().err == ""


def test_reading_has_a_limit(kinds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is too large is reported."""
    monkeypatch.setattr(probe_module, "MAX_READ_BYTES", 0)
    assert look(kinds["index first"]).problem == "its index is too large to be read"


def test_number_of_boxes_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with too many tiny boxes is reported."""
    monkeypatch.setattr(boxes, "MAX_BOXES", 50)
    assert "more than 50 boxes" in str(look(b"\0\0\0\x08free" * 51).problem)


def test_padding_after_the_end_is_no_damage(kinds: dict[str, bytes]) -> None:
    """Zeros at the end, left by a recorder that preallocates, are no damage."""
    assert look(kinds["index first"] + bytes(5000)).is_readable


def test_a_tag_that_is_not_utf8_does_not_matter(kinds: dict[str, bytes]) -> None:
    """A camera that writes its name in another encoding has readable recordings, with every PyAV."""
    tagged = kinds["index first"]
    assert b"Kueche" in tagged
    assert look(tagged.replace(b"Kueche", b"K\xfcche\xff")) == look(tagged)
