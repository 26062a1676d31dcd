"""A real clip, and the same frames in every kind of MP4 that a recorder writes."""

import io
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest

from labcrate.video.synthetic import make_clip

START = datetime(2025, 5, 2, 6, 40, 7, tzinfo=UTC)
KINDS = {
    "index first": "+faststart",
    "index last": "+write_colr",
    "fragmented": "+frag_keyframe+empty_moov+default_base_moof",
    "hybrid": "+hybrid_fragmented+frag_keyframe",
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip of twelve seconds by a camera called Kitchen, with a key frame each ten."""
    path = tmp_path_factory.mktemp("clip") / "kitchen.mp4"
    make_clip(path, "Kitchen", START, 12, creation_time=True)
    return path


@pytest.fixture(scope="session")
def kinds(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the clip's frames as MP4s of every kind."""
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: remux(clip, folder / f"{kind}.mp4", flags) for kind, flags in KINDS.items()}


def remux(source: Path, goal: Path, movflags: str) -> bytes:
    """Return the same packets in another kind of MP4."""
    with av.open(str(source)) as old, av.open(str(goal), "w", options={"movflags": movflags}) as out:
        out.metadata.update(creation_time=old.metadata["creation_time"], title="Kueche")
        stream = out.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return goal.read_bytes()


class Counting(io.FileIO):
    """A file that counts the bytes read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.count += len(data)
        return data


@pytest.fixture
def counting() -> type[Counting]:
    """Return a class that opens a file by its path; its ``count`` is the number of bytes read."""
    return Counting
