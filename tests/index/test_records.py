"""Rows of the index: what is stored of a file is read again."""

from typing import Any

import msgspec

from labcrate.index.records import IndexedFile, from_row, to_row
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe

IDENTITY = Identity(1, 2, 3, 4)


def test_a_problem_of_a_video_keeps_its_id() -> None:
    """A damaged recording's problem is stored by id and values, so that a page can show it in another language."""
    problem = Message("video.damaged", container=Message("video.container.avi"))
    row: Any = to_row(IndexedFile("recordings/a.avi", IDENTITY, probe=Probe(problem=problem)))
    stored = from_row(row).probe
    assert stored is not None
    assert isinstance(stored.problem, Message)
    assert (stored.problem, stored.problem.id) == (problem, "video.damaged")
    assert stored.problem.values["container"].id == "video.container.avi"


def test_a_problem_without_an_id_is_probed_again() -> None:
    """A text that an older version stored, or a message that this version lacks, counts as no probe."""
    row: list[Any] = list(to_row(IndexedFile("recordings/a.mp4", IDENTITY, probe=Probe())))
    at = next(place for place, value in enumerate(row) if isinstance(value, str) and "duration_s" in value)
    for text in ("It is empty.", '{"id": "video.unheard_of", "values": {}}'):
        fields = msgspec.json.decode(row[at]) | {"problem": text}
        changed: Any = (*row[:at], msgspec.json.encode(fields).decode(), *row[at + 1 :])
        assert from_row(changed).probe is None
