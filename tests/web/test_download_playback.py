"""Playback: any part of a recording of the session, and nothing else."""

import os
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.waiting import wait_for_ended

from labcrate.people.export_log import Outcome
from labcrate.people.export_log_formats import describe_contents
from labcrate.people.roles import Role
from labcrate.plan.options import Options

FOLDER = "/api/sessions/42/recordings/"


def play(server: Any, name: str, **headers: str) -> Any:
    """Request a recording as an operator's video player does."""
    return server.get(FOLDER + quote(name, safe=""), Role.OPERATOR, headers=headers)


def test_a_player_gets_any_part(serve: Any, usual_lab: Any) -> None:
    """The whole recording or a part, shown inline as video, with a tag for continuing."""
    server = serve(usual_lab.root)
    whole = play(server, "any.mp4")
    assert (whole.status_code, whole.content) == (200, usual_lab.clip)
    assert whole.headers["Content-Type"] == "video/mp4"
    assert whole.headers["Content-Disposition"] == 'inline; filename="any.mp4"'
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = play(server, "any.mp4", **{"Range": "bytes=1000-1999", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, usual_lab.clip[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(usual_lab.clip)}"
    assert play(server, "any.mp4", **{"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert play(server, "any.mp4", Range=f"bytes={len(usual_lab.clip)}-").status_code == 416
    since = whole.headers["Last-Modified"]
    assert play(server, "any.mp4", **{"If-Modified-Since": since}).status_code == 304
    assert play(server, "any.mp4", **{"If-Unmodified-Since": since}).content == usual_lab.clip
    os.utime(usual_lab.root / "sessions/Session42/recordings/any.mp4")
    assert play(server, "any.mp4", **{"If-Modified-Since": since}).content == usual_lab.clip
    assert play(server, "any.mp4", **{"If-Unmodified-Since": since}).status_code == 412


def test_playback_is_logged(serve: Any, usual_lab: Any) -> None:
    """Every part sent to a player has its line in the export log; requests that send nothing have none."""
    server = serve(usual_lab.root)
    tag = play(server, "any.mp4").headers["ETag"]
    play(server, "any.mp4", Range="bytes=1000-1999")
    play(server, "any.mp4", **{"If-None-Match": tag})
    play(server, "any.mp4", Range=f"bytes={len(usual_lab.clip)}-")
    server.as_(Role.OPERATOR).head(server.url + FOLDER + "any.mp4")
    assert server.get(FOLDER + "any.mp4", Role.VIEWER).status_code == 403
    part, whole = wait_for_ended(server)
    size = len(usual_lab.clip)
    assert (whole.session, whole.options, whole.etag, whole.who) == ("42", "recording=any.mp4", tag, "the operator")
    assert (whole.start, whole.bytes_sent, whole.total, whole.outcome) == (0, size, size, Outcome.FINISHED)
    assert (part.start, part.length, part.bytes_sent, part.total) == (1000, 1000, 1000, size)
    assert [describe_contents(line) for line in (whole, part)] == [
        ["recording any.mp4"],
        ["recording any.mp4", "from byte 1,000"],
    ]


def test_recordings_that_change(serve: Any, usual_lab: Any) -> None:
    """A recording that grew is played in its current state, with another tag; a deleted one is a 404."""
    server = serve(usual_lab.root)
    before = play(server, "any.mp4")
    usual_lab.recording("sessions/Session42/recordings/any.mp4", content=usual_lab.clip + b"more")
    after = play(server, "any.mp4", **{"Range": "bytes=10-", "If-Range": before.headers["ETag"]})
    assert (after.status_code, after.content) == (200, usual_lab.clip + b"more")
    assert after.headers["ETag"] != before.headers["ETag"]
    (usual_lab.root / "sessions/Session42/recordings/any.mp4").unlink()
    assert play(server, "any.mp4").status_code == 404


@pytest.mark.parametrize("name", ["кухня 厨房 👩‍🔬.mp4", "a b%20c.mp4", 'q"uo\\te;.mp4', "#?&=+.mp4"])
def test_any_name(serve: Any, usual_lab: Any, name: str) -> None:
    """A recording is found by its name in the plan, with any characters, and its header is one header."""
    usual_lab.recording(f"sessions/Session42/recordings/{name}", content=b"its own bytes" * 9)
    server = serve(usual_lab.root)
    recordings = server.resources.archives.plan("42", Options()).plan.recordings
    own = next(recording.member for recording in recordings if recording.identity.size_bytes == 9 * 13)
    answer = play(server, own.removeprefix("recordings/"))
    assert (answer.status_code, answer.content) == (200, b"its own bytes" * 9)
    assert answer.headers["Content-Disposition"].isascii()


NOT_ITS_OWN = [
    "cam1_session7_a.mp4", "..%2F..%2Fdata%2Fusers.json", "%2E%2E%2Fany.mp4", "..", ".", "README.txt", "ANY.MP4",
    "any.mp4%00", "any.mp4/", "recordings%2Fany.mp4", "sessions%2FSession42%2Frecordings%2Fany.mp4", ".hidden.mp4",
    "linked.mp4",
]  # fmt: skip


@pytest.mark.parametrize("name", NOT_ITS_OWN)
def test_nothing_else_is_played(serve: Any, usual_lab: Any, name: str) -> None:
    """Another session's recording, a path, a link out of the lab: no such recording, no further details."""
    outside = usual_lab.root.parent / "outside.mp4"
    outside.write_bytes(b"outside")
    (usual_lab.root / "sessions/Session42/recordings/linked.mp4").symlink_to(outside)
    usual_lab.recording("sessions/Session42/recordings/.hidden.mp4")
    server = serve(usual_lab.root)
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.request("GET", FOLDER + name, headers={"Authorization": f"Bearer {server.token(Role.OPERATOR)}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 404
    for word in (b"outside", b"argon2", usual_lab.clip[:64], os.fsencode(usual_lab.root)):
        assert word not in body


def test_a_recording_that_became_a_link(serve: Any, usual_lab: Any) -> None:
    """A link that replaced a recording after planning is not followed."""
    server = serve(usual_lab.root)
    assert play(server, "any.mp4").status_code == 200
    file, outside = usual_lab.root / "sessions/Session42/recordings/any.mp4", usual_lab.root.parent / "outside.mp4"
    outside.write_bytes(b"outside")
    file.unlink()
    file.symlink_to(outside)
    answer = play(server, "any.mp4")
    assert answer.status_code == 404
    assert b"outside" not in answer.content
