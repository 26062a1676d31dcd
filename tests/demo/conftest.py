"""The sample lab, built once for all tests that only read it."""

from pathlib import Path

import pytest
from tests.support.sample_videos import encode_once, encode_once_fixture

from labcrate.demo.lab import DemoLab, build_demo_lab

__all__ = ["encode_once_fixture"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> DemoLab:
    """Return the sample lab, built in an empty folder."""
    with encode_once():
        return build_demo_lab(tmp_path_factory.mktemp("demo") / "lab")


@pytest.fixture
def no_filming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every clip four bytes long, for tests that are not about video."""

    def write_four_bytes(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"clip")

    monkeypatch.setattr("labcrate.demo.lab.make_clip", write_four_bytes)
