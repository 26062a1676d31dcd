"""The secrets of a small lab, and real MP4s with secrets in their tags."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest

from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets, collect_secrets
from labcrate.video.synthetic import make_clip

PASSWORD = "Not-For-Export-7"  # noqa: S105 - made up
URL = f"rtsp://operator:{PASSWORD}@192.0.2.40:554/live"
MOVFLAGS = {
    "index first": "+faststart",
    "index last": "+write_colr",
    "fragmented": "+frag_keyframe+empty_moov+default_base_moof",
    "QuickTime tags": "+use_metadata_tags",
    "QuickTime tags first": "+use_metadata_tags+faststart",
    "QuickTime tags fragmented": "+use_metadata_tags+frag_keyframe+empty_moov",
}


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    """Return one camera with a strong password, and one with a weak password."""
    cameras = {
        "5": {"ipAddress": "192.0.2.40", "username": "operator", "password": PASSWORD},
        "6": {"password": "admin"},
    }
    return collect_secrets([("data/cameras.json", cameras)])


@pytest.fixture(scope="session")
def matcher(secrets: Secrets) -> Matcher:
    """Return the search for them."""
    return Matcher(secrets)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three seconds of a camera called Kitchen."""
    path = tmp_path_factory.mktemp("clip") / "kitchen.mp4"
    make_clip(path, "Kitchen", datetime(2025, 5, 2, 6, 40, 7, tzinfo=UTC), 3)
    return path


Tagged = Callable[..., bytes]


@pytest.fixture(scope="session")
def tagged(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Tagged:
    """Return a function that makes the clip an MP4 or MOV of a kind, with tags of the file and of its video track."""
    folder = tmp_path_factory.mktemp("tagged")

    def make(kind: str, tags: dict[str, str], track: dict[str, str] | None = None, suffix: str = "mp4") -> bytes:
        goal = folder / f"out.{suffix}"
        with av.open(str(clip)) as old, av.open(str(goal), "w", options={"movflags": MOVFLAGS[kind]}) as out:
            out.metadata.update(tags)
            stream = out.add_stream_from_template(old.streams.video[0])
            stream.metadata.update(track or {})
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
        return goal.read_bytes()

    return make


def frames(data: bytes) -> list[bytes]:
    """Decode every frame of a file."""
    with av.open(io.BytesIO(data), "r") as container:
        return [bytes(frame.planes[0]) for frame in container.decode(video=0)]


def tags(data: bytes) -> dict[str, str]:
    """Read the tags of a file as FFmpeg does."""
    with av.open(io.BytesIO(data), "r") as container:
        return {**container.metadata, **{f"track {k}": v for k, v in container.streams.video[0].metadata.items()}}
