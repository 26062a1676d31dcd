"""Exports of labs in which one file or folder cannot be read, each with a command of its own."""

from pathlib import Path
from typing import Any

import pytest
from tests.lab import test_faulty_labs

whole_lab = test_faulty_labs.whole_lab  # the fixture


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize(
    ("path", "code"),
    [
        *test_faulty_labs.DOCUMENTS.items(),
        ("data/zigbee-sensors.csv", 6),
        ("recordings/cam1_session42_a.mp4", 6),
        ("sessions/Session42/recordings/any.mp4", 6),
        ("sessions/Session42/sensor_data/own.csv", 6),
        ("recordings", 6),
        ("sessions/Session42/recordings", 6),
        ("sessions/Session42/sensor_data", 6),
        ("sessions/Session42", 4),
        ("sessions", 6),
        ("data", 6),
    ],
)
def test_unreadable_files_are_named(
    command: Any, clear: Any, whole_lab: Any, tmp_path: Path, path: str, code: int
) -> None:
    """A file or folder without permission is named and nothing is packed, also if it may contain other sessions."""
    test_faulty_labs.test_unreadable_files_are_named(command, clear, whole_lab, tmp_path, path, code)
