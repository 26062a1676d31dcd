"""Fixtures for all tests: a lab folder to fill, real clips, the command line, a clock."""

import argparse
import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.support.rounds import rounds, sample

from labcrate.cli import main as command_line
from labcrate.lab.folder import LabFolder
from labcrate.video.synthetic import make_clip

pytest_plugins = ["tests.support.processes"]

settings.register_profile("labcrate", deadline=None, derandomize=True, max_examples=rounds(15, 100))
settings.load_profile("labcrate")

_CASES_WITH_QUICK = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of ``make test``."""
    parser.addoption(
        "--quick", action="store_true", help=f"try {_CASES_WITH_QUICK} cases of each claim, and none marked thorough"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report what a quick run leaves out."""
    if config.getoption("--quick"):
        terminalreporter.write_line(
            f"quick: {_CASES_WITH_QUICK} cases of each claim, none that takes long; make test-all tries all."
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the first and the last case of each test with ``--quick``, and none that is marked thorough."""
    if not config.getoption("--quick"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("thorough") is None:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = {id(item) for of_test in cases.values() for item in sample(of_test, _CASES_WITH_QUICK)}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]


SECRETS = ("s3cret-password", "lab-user", "192.0.2.77", "$argon2id$")

Clear = Callable[..., None]
Message = tuple[str, str, dict[str, Any]]


class LabBuilder:
    """Writes a lab in the layout of the reference platform; every part is optional."""

    def __init__(self, root: Path, clip: bytes) -> None:
        self.root, self.clip = root, clip
        (root / "recordings").mkdir(parents=True)
        (root / "data").mkdir()
        (root / "sessions").mkdir()

    def open(self) -> LabFolder:
        """Return the folder as labcrate opens it."""
        return LabFolder(self.root)

    def write(self, path: str, content: bytes | str, mtime: datetime | None = None) -> Path:
        """Write one file, and give it a modification time."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if mtime:
            os.utime(file, ns=(0, int(mtime.timestamp()) * 10**9))
        return file

    def json(self, path: str, value: object) -> Path:
        """Write a JSON file."""
        return self.write(path, json.dumps(value))

    def recording(self, path: str, mtime: datetime | None = None, content: bytes | None = None) -> Path:
        """Put a real clip at a path; its modification time is about the recording's end."""
        mtime = mtime or datetime(2025, 5, 2, 8, 1, tzinfo=UTC)
        return self.write(path, self.clip if content is None else content, mtime)

    def cameras(self, *prefixes: str | None) -> None:
        """Configure cameras 1, 2, ... with these prefixes, and with secrets that must never leave."""
        self.json(
            "data/cameras.json",
            {
                str(i): {
                    "id": i,
                    "name": f"Camera {i}",
                    "ipAddress": "192.0.2.77",
                    "username": "lab-user",
                    "password": "s3cret-password",
                    "streamPath": "main",
                    "port": "554",
                    **({"recordingPrefix": prefix} if prefix else {}),
                }
                for i, prefix in enumerate(prefixes, 1)
            },
        )

    def session(self, session_id: int | str, **fields: Any) -> None:
        """Describe a session in its own folder: by default five minutes of 2 May 2025."""
        value = {
            "id": session_id,
            "name": "Morning",
            "startTime": "2025-05-02T08:00:00.000Z",
            "endTime": "2025-05-02T08:05:00.000Z",
            "status": "completed",
            **fields,
        }
        self.json(f"sessions/Session{session_id}/session_data.json", {k: v for k, v in value.items() if v != "absent"})

    def zigbee_json(self, messages: Sequence[Message]) -> None:
        """Write readings as ``data/zigbee-data.json``."""
        topics: dict[str, list[dict[str, Any]]] = {}
        for timestamp, topic, payload in messages:
            topics.setdefault(topic, []).append({"timestamp": timestamp, "payload": payload})
        self.json("data/zigbee-data.json", {"messages": topics, "topics": list(topics), "deviceCount": len(topics)})

    def zigbee_csv(self, messages: Sequence[Message]) -> None:
        """Write readings as ``data/zigbee-sensors.csv``."""
        text = io.StringIO()
        text.write("timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload\n")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for timestamp, topic, payload in messages:
            cells = [payload.get(key, "") for key in ("temperature", "humidity", "motion", "battery", "linkquality")]
            writer.writerow([timestamp, topic, topic.partition("/")[2], *cells, json.dumps(payload)])
        self.write("data/zigbee-sensors.csv", text.getvalue())


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the path of a real two-second MP4 without a creation time."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    make_clip(path, "Camera 1", datetime(2025, 5, 2, 8, 0, 58, tzinfo=UTC), 2.0, creation_time=False)
    return path.read_bytes()


@pytest.fixture
def lab(tmp_path: Path, clip: bytes) -> LabBuilder:
    """Return an empty lab folder."""
    return LabBuilder(tmp_path / "lab", clip)


@pytest.fixture
def usual_lab(lab: LabBuilder) -> LabBuilder:
    """Return a lab with two cameras, session 42 with two recordings, another session's recording, and readings."""
    lab.cameras("cam1", "cam2")
    lab.session(
        42,
        timeZone="Europe/Madrid",
        selectedDevices={
            "cameras": [{"id": 1, "name": "Camera 1", "recordingPrefix": "cam1"}, {"id": 2, "recordingPrefix": "cam2"}],
            "sensors": [],
        },
    )
    lab.json("data/devices.json", [{"id": "0x01", "name": "door", "type": "EndDevice", "battery": 90}])
    lab.json("data/users.json", [{"name": "lab-user", "hash": "$argon2id$never"}])
    lab.recording("recordings/cam1_session42_a.mp4")
    lab.recording("sessions/Session42/recordings/any.mp4")
    lab.recording("recordings/cam1_session7_a.mp4")
    messages: list[Message] = [
        ("2025-05-02T07:59:59.999Z", "zigbee2mqtt/door", {"contact": True, "battery": 90}),
        ("2025-05-02T08:00:00.000Z", "zigbee2mqtt/door", {"contact": False, "battery": 90}),
        ("2025-05-02T08:02:00.000Z", "zigbee2mqtt/hall/climate", {"temperature": 21.5, "humidity": 40}),
        ("2025-05-02T08:05:00.000Z", "zigbee2mqtt/door", {"contact": True, "battery": 90}),
        ("2025-05-02T08:05:00.001Z", "zigbee2mqtt/door", {"contact": False, "battery": 90}),
    ]
    lab.zigbee_json(messages[:4])
    lab.zigbee_csv(messages[1:])
    return lab


Cli = Callable[..., "Outcome"]


class Outcome:
    """The result of a command: exit code and output."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Return standard output as JSON."""
        return json.loads(self.out)


@cache
def _parser_once() -> argparse.ArgumentParser:
    return command_line._build_parser()


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs a command in this process and returns its outcome."""

    def run(*arguments: str | Path) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            parser = _parser_once()
            patch.setattr(command_line, "_build_parser", lambda: parser)  # a fourth of the time of a command here
            code = command_line.main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture
def clear(tmp_path: Path) -> Clear:
    """Return a check of a failure: exit code, words it must have, no traceback, no secret and no path of the lab."""

    def check(outcome: Any, code: int, *words: str) -> None:
        returned = outcome.returncode if isinstance(outcome, subprocess.CompletedProcess) else outcome.code
        said = outcome.stderr if isinstance(outcome, subprocess.CompletedProcess) else outcome.err
        assert returned == code, said
        assert said.startswith("labcrate: ")
        assert said.count("labcrate: ") == 1
        for word in words:
            assert word in said
        for word in ("Traceback", str(tmp_path / "lab"), *SECRETS):
            assert word not in said
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", said)

    return check


@dataclass
class Clock:
    """A clock with the time that a test sets, in seconds since 1970."""

    now: float = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that a test can advance."""
    return Clock()
