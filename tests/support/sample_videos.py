"""The videos of the sample lab, encoded once for all tests. That equal arguments give equal bytes has its own test."""

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
    """Let sample labs that are built in this context share their videos."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "_encode", _encode_once)
        yield


@pytest.fixture(name="encoded_once")
def encode_once_fixture() -> Iterator[None]:
    """Let the sample labs of a test share their videos."""
    with encode_once():
        yield
