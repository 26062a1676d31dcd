"""Videos in other containers: each is read by its own demuxer only."""

import io
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.linking import LinkingRules, judge_file
from labcrate.messages.message import Message
from labcrate.video.containers import CONTAINERS, container_of
from labcrate.video.probe import probe

REMUXED = {"mov": "mov", "mkv": "matroska", "avi": "avi", "ts": "mpegts", "m2ts": "mpegts", "flv": "flv", "3gp": "3gp"}


def in_container(clip: Path, name: str) -> bytes:
    """Return a clip's frames in another container."""
    # AVI holds H.264 as transport streams do, not as MP4 does.
    return remuxed(remuxed(clip.read_bytes(), "mpegts") if name == "avi" else clip.read_bytes(), name)


def remuxed(video: bytes, name: str) -> bytes:
    """Return a video's packets in another container, unchanged."""
    goal = io.BytesIO()
    with av.open(io.BytesIO(video), "r") as source, av.open(goal, "w", format=name) as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return goal.getvalue()


@pytest.mark.parametrize("suffix", REMUXED)
def test_each_container_tells_length_codec_and_size(clip: Path, suffix: str) -> None:
    """A whole clip in each container has the codec, size and (to half a second) length that it has as MP4."""
    whole = probe(io.BytesIO(clip.read_bytes()))
    found = probe(io.BytesIO(in_container(clip, REMUXED[suffix])), f"tv/Phone.{suffix.upper()}")
    assert found.problem is None
    assert (found.video_codec, found.width, found.height) == (whole.video_codec, whole.width, whole.height)
    assert found.duration_s == pytest.approx(whole.duration_s, abs=0.5)


def test_pictures_without_times_have_no_length_and_no_rate(clip: Path) -> None:
    """A raw H.264 stream has codec and size; the 25 frames a second that FFmpeg assumes are not returned."""
    found = probe(io.BytesIO(in_container(clip, "h264")), "a.h264")
    assert (found.problem, found.video_codec, found.duration_s, found.frame_rate) == (None, "h264", None, None)


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mov"])
def test_a_video_that_was_cut_short_is_marked(clip: Path, suffix: str) -> None:
    """Half a Matroska, AVI or QuickTime file is reported as cut short, though a player would play the half."""
    whole = in_container(clip, REMUXED[suffix])
    problem = probe(io.BytesIO(whole[: len(whole) // 2]), f"a.{suffix}").problem
    assert problem is not None
    assert problem.startswith("it is cut short")


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("content", [b"#EXTM3U\nfile:///etc/passwd\n" * 50, bytes(5000), b"x", b"\x1a\x45\xdf\xa3\xff"])
def test_what_is_no_video_is_unreadable(suffix: str, content: bytes) -> None:
    """A playlist, zeros or a damaged header under any video suffix has a problem, and no exception."""
    assert probe(io.BytesIO(content), f"a.{suffix}").problem


@given(
    st.binary(max_size=400), st.sampled_from(sorted(CONTAINERS)), st.sampled_from([b"", b"RIFF", b"\x1a\x45\xdf\xa3"])
)
def test_any_bytes_give_a_probe(content: bytes, suffix: str, start: bytes) -> None:
    """Any content of a file gives a Probe."""
    found = probe(io.BytesIO(start + content), f"a.{suffix}")
    assert found.problem is None or isinstance(found.problem, Message)


def test_an_empty_file_is_empty() -> None:
    """An empty file is not read."""
    assert probe(io.BytesIO(), "a.mkv").problem == "it is empty"


def test_a_name_that_is_all_suffix_is_no_video() -> None:
    """Only a suffix after a name counts, in any case."""
    assert container_of("a/.mp4") is None
    assert container_of("mkv") is None
    assert container_of("a/b.x/c.MKV") is CONTAINERS["mkv"]


def test_linking_knows_the_same_suffixes() -> None:
    """Outside a session's folder each of these suffixes but .mp4 is the near miss of a video that is no MP4."""
    rules = LinkingRules.of_prefixes("cam1")
    for suffix in CONTAINERS.keys() - {"mp4"}:
        assert judge_file(f"recordings/cam1_session42_a.{suffix}", "42", rules).rule == "not MP4", suffix


def test_ffmpeg_has_every_demuxer() -> None:
    """Each demuxer that is named is one of this FFmpeg's."""
    assert {one.demuxer for one in CONTAINERS.values()} <= set(av.formats_available)


def test_media_types_are_well_formed() -> None:
    """A media type is type/subtype."""
    assert all(one.media_type.count("/") == 1 for one in CONTAINERS.values())
