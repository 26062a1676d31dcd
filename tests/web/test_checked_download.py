"""Downloads check bytes while they send: nothing of a damaged recording is sent, and no other transfer is delayed."""

import logging
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.bit_rot import flip_byte, overwrite_in_place, read_index_record, set_confirmation_age
from tests.support.waiting import wait_for_ended

from labcrate.index.byte_checks import now_ms
from labcrate.plan.options import Options
from labcrate.web.downloads import checked_download
from labcrate.web.downloads.socket_writer import read_pieces

PATH = "/api/sessions/42/archive.zip"
FIRST, SECOND = "recordings/cam1_session42_a.mp4", "recordings/cam1_session42_b.mp4"


@pytest.fixture
def two(usual_lab: Any) -> Any:
    """Return the usual lab with a second recording; both need several steps to check."""
    for seed, path in enumerate((FIRST, SECOND)):
        usual_lab.recording(path, content=random.Random(seed).randbytes(9_000_000))  # noqa: S311
    return usual_lab


def offset_of(archive: bytes, root: Path, path: str) -> int:
    """Return where a recording begins in an archive."""
    return archive.index((root / path).read_bytes()[:64])


def last_line(server: Any) -> Any:
    """Return the newest line of the export log, once it has ended."""
    wait_for_ended(server)
    return server.get("/api/log").json()["lines"][0]


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_recordings_that_are_due_are_checked_while_they_are_sent(
    serve: Any, two: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """The bytes are the same, the log has the result of the check, and the index stores it."""
    monkeypatch.setattr(checked_download, "_MEMBERS_PER_LOOKUP", at_once)
    server = serve(two.root)
    whole = server.get(PATH).content
    assert last_line(server)["reason"] is None
    set_confirmation_age(two.root)
    began = now_ms()
    assert server.get(PATH).content == whole
    assert last_line(server)["reason"] == "checksums: 3 of 3 recordings match (3 compared now)"
    assert (read_index_record(two.root, FIRST).confirmed_ms or 0) >= began


def test_a_damaged_recording_ends_the_download_before_its_first_byte(
    serve: Any, two: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The bytes before the recording are sent, none of the recording; both logs name it and the reason."""
    server = serve(two.root)
    whole = server.get(PATH).content
    at = offset_of(whole, two.root, SECOND)
    flip_byte(two.root, SECOND)
    got = bytearray()
    with caplog.at_level(logging.WARNING), suppress(requests.exceptions.ChunkedEncodingError):
        for piece in server.get(PATH, stream=True).iter_content(65536):
            got += piece
    assert len(got) <= at
    assert whole.startswith(bytes(got))
    line = last_line(server)
    assert line["outcome"] == "broken"
    assert SECOND in line["reason"]
    assert "does not match its checksum" in line["reason"]
    assert "A download of session 42 failed: recordings/cam1_session42_b.mp4" in caplog.text
    answer = server.get(PATH)
    assert answer.status_code == 409
    assert "does not match its checksum" in answer.json()["detail"]


def test_a_range_checks_only_the_recordings_in_it(serve: Any, two: Any) -> None:
    """A range inside one recording is sent also if the other is damaged, and does not check the other."""
    server = serve(two.root)
    whole = server.get(PATH).content
    at = offset_of(whole, two.root, FIRST)
    flip_byte(two.root, SECOND)
    set_confirmation_age(two.root, path=FIRST)
    before = read_index_record(two.root, SECOND)
    answer = server.get(PATH, headers={"Range": f"bytes={at + 10}-{at + 5000}"})
    assert answer.content == whole[at + 10 : at + 5001]
    assert last_line(server)["reason"] == "checksums: 1 of 1 recording matches (1 compared now)"
    assert read_index_record(two.root, SECOND) == before


def test_checking_releases_the_thread_between_steps(serve: Any, two: Any) -> None:
    """Between two steps of a check a transfer can release its thread: a large recording does not delay others."""
    server = serve(two.root)
    server.get(PATH)
    set_confirmation_age(two.root)
    found = server.resources.archives.plan("42", Options())
    segments = list(
        checked_download.CheckedDownload(found, two.root / ".labcrate", 30).segments(0, found.ready_entity.length)
    )
    assert segments.count(checked_download.PAUSE) == 3 + 2 * (9_000_000 // (4 << 20))


def test_damage_that_is_known_is_not_sent(serve: Any, two: Any) -> None:
    """A recording that another process found damaged ends the download without being read."""
    server = serve(two.root)
    server.get(PATH)
    before = flip_byte(two.root, FIRST)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        server.get(PATH)
    overwrite_in_place(two.root, FIRST, before)  # the file is correct again, and has not been checked yet
    assert server.get(PATH).status_code == 409


def test_a_pause_does_not_end_a_transfer_over_tls() -> None:
    """With TLS, a pause is an empty piece and not the end of the transfer."""
    assert list(read_pieces([b"a", checked_download.PAUSE, b"b"])) == [b"a", b"", b"b"]


def test_the_doctor_page_shows_checked_bytes(serve: Any, two: Any) -> None:
    """The page has the numbers, also in Spanish, and the damaged recording with its remedy."""
    server = serve(two.root)
    server.get(PATH)
    assert "with their checksums within the last 30 days: " in server.get("/doctor").text
    spanish = server.get("/doctor", headers={"Accept-Language": "es"}).text
    assert "con su suma de comprobación en los últimos 30 días" in spanish
    flip_byte(two.root, FIRST)
    with suppress(requests.exceptions.ChunkedEncodingError):
        server.get(PATH)
    wait_for_ended(server)
    assert server.get("/api/doctor?session=42").json()["findings"][0]["kind"] == "other bytes"
