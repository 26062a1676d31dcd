"""Files with secrets of the lab, over HTTP: refused, redacted by operators, allowed by administrators, logged."""

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform_lab import ADDRESS, CANARIES, PASSWORD, PlatformLab
from tests.support.waiting import wait_for_ended, wait_for_next_tick

from labcrate.people.roles import Role

ARCHIVE = "/api/sessions/7/archive.zip"


@pytest.fixture
def platform_lab(tmp_path: Path) -> PlatformLab:
    """Return the complete lab of the reference platform."""
    return PlatformLab(tmp_path / "lab").build()


@pytest.fixture
def server(serve: Any, platform_lab: PlatformLab) -> Any:
    """Return a server of the lab."""
    return serve(platform_lab.root)


def test_a_download_with_a_secret_is_refused(server: Any) -> None:
    """409 with the file, the kinds of secrets and the remedies as query parameters, for all users; never the value."""
    for role in (Role.OPERATOR, Role.ADMIN):
        answer = server.get(ARCHIVE, role)
        assert answer.status_code == 409
        problem = answer.json()
        assert problem["type"] == "urn:labcrate:error:secrets"
        (one,) = problem["files"]
        assert one["kinds"] == ["a camera's password", "a URL with credentials", "a camera's address"]
        assert one["redactable"] is True
        assert "contains a camera's password" in problem["detail"]
        assert "redact=1" in problem["detail"]
        assert "--redact" not in problem["detail"]
        assert not any(canary in answer.text for canary in CANARIES)


def test_an_operator_can_redact(server: Any, platform_lab: PlatformLab) -> None:
    """The ZIP contains no canary, every range equals the same range of the whole, and the log has the option."""
    answer = server.get(f"{ARCHIVE}?redact=1", Role.OPERATOR)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert not any(canary.encode() in archive.read(name) for canary in CANARIES)
    choice = random.Random(7)  # noqa: S311
    for _ in range(20):
        start = choice.randrange(len(answer.content))
        stop = choice.randrange(start, min(start + 5000, len(answer.content)))
        part = server.get(f"{ARCHIVE}?redact=1", Role.OPERATOR, headers={"Range": f"bytes={start}-{stop}"})
        assert (part.status_code, part.content) == (206, answer.content[start : stop + 1])
    assert {line.options for line in wait_for_ended(server)} == {"redact=1"}


def test_only_administrators_allow_secrets(server: Any) -> None:
    """403 for an operator, also with redact=1; an administrator gets the file unchanged, and the log has the option."""
    for query in ("allow_secrets=1", "redact=1&allow_secrets=1"):
        refused = server.get(f"{ARCHIVE}?{query}", Role.OPERATOR)
        assert refused.status_code == 403
        assert "administrator" in refused.json()["detail"]
    answer = server.get(f"{ARCHIVE}?allow_secrets=1", Role.ADMIN)
    assert answer.status_code == 200
    assert PASSWORD.encode() in answer.content
    assert {line.options for line in wait_for_ended(server)} == {"allow_secrets=1"}
    # The administrator's cached archive is not sent to others.
    etag = answer.headers["ETag"]
    for query, status in (("", 409), ("?allow_secrets=1", 403)):
        resumed = server.get(ARCHIVE + query, Role.OPERATOR, headers={"Range": "bytes=10-", "If-Range": etag})
        assert resumed.status_code == status


def test_viewers_decide_nothing(server: Any) -> None:
    """A viewer's plan names no remedy that needs another role; a request to redact is refused."""
    assert server.get("/api/sessions/7/plan?redact=1", Role.VIEWER).status_code == 403
    assert server.get("/api/sessions/7/plan", Role.VIEWER).status_code == 200


def test_jobs_are_refused_as_well(server: Any) -> None:
    """Preparing an archive is refused for the same reason: 409 at once."""
    answer = server.as_(Role.OPERATOR).post(f"{server.url}/api/sessions/7/prepare", timeout=60)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:labcrate:error:secrets"


def test_a_secret_that_becomes_known_is_found(server: Any, platform_lab: PlatformLab) -> None:
    """A cached archive is not sent once a file in it turns out to contain a new password."""
    eight = "/api/sessions/8/archive.zip"
    platform_lab.write("sessions/Session8/a.txt", "the word is Another-Canary-9")
    assert server.get(eight, Role.OPERATOR).status_code == 200
    wait_for_next_tick()
    path = platform_lab.root / "data/user_2/cameras.json"
    path.write_text(path.read_text().replace(PASSWORD, "Another-Canary-9"))
    assert server.get(eight, Role.OPERATOR).status_code == 409


def test_a_secret_in_a_new_message_is_found(server: Any, platform_lab: PlatformLab) -> None:
    """Messages of the bridge are read when an archive is made, though they arrive every second."""
    eight = "/api/sessions/8/archive.zip"
    platform_lab.write("sessions/Session8/a.txt", "the word is Another-Canary-9")
    assert server.get(eight, Role.OPERATOR).status_code == 200
    wait_for_next_tick()
    table = platform_lab.root / "data/zigbee-sensors.csv"
    with table.open("a") as file:
        file.write('"2025-06-10T16:00:00.000Z","z/bridge/info","bridge","","","","","","{""network_key"":')
        file.write('""Another-Canary-9""}"\n')
    assert server.get(eight, Role.OPERATOR).status_code == 409


def test_pages_offer_what_the_user_may_decide(server: Any) -> None:
    """Operators see the file, no download, and a box to redact; administrators another box; never the value."""
    operator, administrator = (server.login(role) for role in (Role.OPERATOR, Role.ADMIN))
    page = operator.get(f"{server.url}/sessions/7", timeout=60).text
    assert 'name="redact"' in page
    assert 'name="allow_secrets"' not in page
    assert 'id="download"' not in page
    assert not any(canary in page for canary in CANARIES)
    assert 'name="allow_secrets"' in administrator.get(f"{server.url}/sessions/7", timeout=60).text
    chosen = operator.get(f"{server.url}/sessions/7?redact=1", timeout=60).text
    assert 'href="/api/sessions/7/archive.zip?redact=1"' in chosen
    assert operator.get(f"{server.url}/sessions/7?allow_secrets=1", timeout=60).status_code == 403


def test_no_response_contains_a_canary(server: Any) -> None:
    """The API's list, sessions and plans contain neither password nor address."""
    for path in ("/api/sessions", "/api/sessions/7", "/api/sessions/7/plan", "/", "/sessions/7"):
        answer = server.get(path, Role.ADMIN)
        assert answer.status_code == 200
        assert PASSWORD not in answer.text
        assert ADDRESS not in answer.text


def test_playback_contains_no_secret(server: Any, platform_lab: PlatformLab) -> None:
    """A recording that a browser plays is an export too: same length, no password in its tags, in any range."""
    (source,) = (platform_lab.root / "recordings").glob("c05_session7-*.mp4")
    path = f"/api/sessions/7/recordings/{source.name}"
    whole = server.get(path, Role.OPERATOR)
    assert whole.status_code == 200
    assert len(whole.content) == source.stat().st_size
    assert PASSWORD.encode() in source.read_bytes()
    assert not any(canary.encode() in whole.content for canary in CANARIES)
    part = server.get(path, Role.OPERATOR, headers={"Range": "bytes=500-1500", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, whole.content[500:1501])
