"""Hostile texts in every field of a lab: a plan of it costs little more than with harmless texts of the same length.

The ratio is of processor time in the same run, so that the machine and its load do not matter.
"""

import random
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.hostile_texts import SHAPES, repeat_to_length
from tests.support.platform_lab import PlatformLab

from labcrate import Lab
from labcrate.errors import DocumentError

SEED, LENGTH = 11, 6_000
MAX_RATIO = 25
"""The maximum processor time relative to a harmless text of the same length; quadratic code takes 100 times more."""
REFUSALS = (DocumentError,)
"""Errors caused by the lab's own faults; a secret in a generated document is a defect of labcrate instead."""
HARMLESS = "The participant sat down and read for a while. "


def lab_with(root: Path, text: str) -> None:
    """Build a lab with a text in every text field."""
    lab = PlatformLab(root).build()
    fields = {"name": text, "description": text, "notes": text, "tags": [text], "status": text[:50], text[:9999]: text}
    deep = {"labInfo": {"a": [text, {text[:5000]: text}]}, "researcher": text}
    session = {"id": 77, "startTime": "2025-05-02T08:00:00Z", "endTime": "2025-05-02T09:00:00Z", "metadata": deep}
    chosen = {"sensors": [{"id": "x", "name": text}], "cameras": [{"id": 9, "name": text, "recordingPrefix": text}]}
    lab.json("sessions/Session77/session_data.json", {**session, **fields, "selectedDevices": chosen})
    cameras = [{"id": 9, "name": text, "recordingPrefix": text, "note": text}, {"id": 10, "name": text}]
    lab.json("data/user_3/cameras.json", cameras)
    lab.json("data/devices.json", [{"id": "0x77", "name": text, "model": text, "more": text}])
    at = "2025-05-02T08:30:00.000Z"
    payloads = [{"timestamp": at, "payload": {"a": text}}, {"timestamp": at, "payload": text}]
    lab.json("sessions/Session77/zigbee-data.json", {"messages": {f"zigbee2mqtt/{text}": payloads}})
    name = "".join(c for c in text[:60] if c.isprintable() and c not in "/\\\0" and c.isascii())
    lab.write(f"recordings/{name}_session77.mp4", b"no video")
    registered = [{"filename": text, "sessionId": 77, "cameraId": text}]
    lab.json("recordings.json", registered)


def cost(root: Path, text: str) -> float:
    """Return the processor time of a plan, in seconds."""
    lab_with(root, text)
    begin = time.process_time()
    with suppress(*REFUSALS):  # a refusal with its reason affects only this session
        Lab(root).plan("77")
    return time.process_time() - begin


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return the processor time of a plan with harmless texts, after a first plan loaded the modules."""
    cost(tmp_path_factory.mktemp("first") / "lab", "short")
    return cost(tmp_path_factory.mktemp("harmless") / "lab", repeat_to_length(HARMLESS, LENGTH))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_plan_of_hostile_texts_costs_little_more(tmp_path: Path, harmless: float, name: str) -> None:
    """Each shape is in every field at once."""
    text = repeat_to_length(SHAPES[name].encode("utf-8", "replace").decode(), LENGTH)
    assert cost(tmp_path / "lab", text) < MAX_RATIO * max(harmless, 0.2)


@pytest.mark.parametrize("seed", range(SEED, SEED + 10))
def test_a_plan_of_mixed_texts_costs_little_more(tmp_path: Path, harmless: float, seed: int) -> None:
    """The texts are random mixtures of the shapes."""
    chance = random.Random(seed)  # noqa: S311 - an attack that repeats
    pieces = "".join(chance.choice([*SHAPES.values()]) * chance.randint(1, 40) for _ in range(200))
    text = repeat_to_length(pieces.encode("utf-8", "replace").decode(), LENGTH)
    assert cost(tmp_path / "lab", text) < MAX_RATIO * max(harmless, 0.2)
