"""Each file and folder of a lab without permission, one by one, in commands of their own."""

from pathlib import Path
from typing import Any

import pytest
from tests.lab import test_faults_input as quick

whole_lab = quick.whole_lab  # the fixture of the quick tests of this kind


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize(
    ("path", "code"),
    [
        *quick.DOCUMENTS.items(),
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
def test_what_may_not_be_read_is_named(
    command: Any, clear: Any, whole_lab: Any, tmp_path: Path, path: str, code: int
) -> None:
    """A file or folder without permission is named, and nothing is packed, also if it may belong to other sessions."""
    quick.test_what_may_not_be_read_is_named(command, clear, whole_lab, tmp_path, path, code)
