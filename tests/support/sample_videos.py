"""The films of the sample lab, encoded once in a run: that the same arguments give the same bytes has its own test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labcrate.demo import lab
from labcrate.demo.story import Clip

_VIDEOS: dict[Clip, bytes] = {}
_encode = lab._encode


def _encode_once(studio: Path, take: Clip) -> bytes:
    if take not in _VIDEOS:
        _VIDEOS[take] = _encode(studio, take)
    return _VIDEOS[take]


@contextmanager
def encode_once() -> Iterator[None]:
    """Have sample labs that are built meanwhile share their films."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "_encode", _encode_once)
        yield


@pytest.fixture(name="encoded_once")
def encode_once_fixture() -> Iterator[None]:
    """Have the sample labs of a test share their films."""
    with encode_once():
        yield
