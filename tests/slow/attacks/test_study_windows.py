"""A user of a study requests readings from outside their session: random queries with a fixed seed and number."""

import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.web import conftest as serving_labs
from tests.web.test_studies import member, script

from labcrate.model.timespan import parse_instant
from labcrate.people.roles import Role

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve

serve = serving_labs.serve  # the fixture of the server's tests
QUERIES = 300
START, END = datetime(2025, 5, 2, 8, tzinfo=UTC), datetime(2025, 5, 2, 8, 5, tzinfo=UTC)
LABS: dict[str, dict[str, Any]] = {
    "closed": {},
    "without zones": {"startTime": "2025-05-02T08:00:00", "endTime": "2025-05-02T08:05:00"},
    "without an end": {"endTime": "absent"},
    "without a start": {"startTime": "absent", "endTime": "absent"},
}
ZONES = ("UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Madrid", "America/New_York", "")


def time(choice: random.Random) -> str:
    """Return a time near the session's edges or far from them, in any form of writing."""
    at = choice.choice((START, END, START, END, datetime(2025, 5, 2, tzinfo=UTC)))
    at += timedelta(seconds=choice.choice((0, 0, 1, -1, 60, -60, 3600, -3600, 86400, -86400, 10**8, -(10**8))))
    at += timedelta(microseconds=choice.choice((0, 0, 1, -1)))
    form = choice.randrange(4)
    if form == 0:
        return at.isoformat().replace("+", "%2B")
    if form == 1:
        return at.replace(tzinfo=None).isoformat()
    hours = choice.choice((-12, -1, 1, 2, 14))
    return f"{(at + timedelta(hours=hours)).replace(tzinfo=None).isoformat()}{hours:+03d}:00".replace("+", "%2B")


def query(choice: random.Random) -> str:
    """Return some of the options, with valid and invalid values."""
    options: dict[str, Callable[[], str]] = {
        "from": lambda: time(choice),
        "to": lambda: time(choice),
        "pad": lambda: choice.choice(("0", "0s", "1s", "500ms", "5m", "1h", "0.000001s", "1e3", "")),
        "readings": lambda: choice.choice(("all", "session", "ALL", "")),
        "time_zone": lambda: choice.choice(ZONES),
        "only": lambda: choice.choice(("all", "sensors", "recordings")),
        "sensor": lambda: choice.choice(("door", "0x01", "hall/climate", "window")),
        "camera": lambda: choice.choice(("cam1", "2")),
        "redact": lambda: "1",
    }
    names = choice.sample(sorted(options), choice.randrange(1, 4))
    return "&".join(f"{name}={options[name]()}" for name in names)


@pytest.mark.parametrize("kind", LABS)
def test_no_query_takes_a_reading_from_beyond_the_session(serve: "Serve", usual_lab: "LabBuilder", kind: str) -> None:
    """For any query, an archive's window and readings are within the session's time, or there is no archive."""
    usual_lab.session(42, **LABS[kind])
    usual_lab.recording("recordings/cam1_session42_20250502T080100Z.mp4")
    rows = [START + timedelta(seconds=30 * number) for number in range(-200, 200)]
    usual_lab.zigbee_json([(f"{at:%Y-%m-%dT%H:%M:%S}.000Z", "zigbee2mqtt/door", {"contact": True}) for at in rows])
    usual_lab.zigbee_csv([(f"{at:%Y-%m-%d %H:%M:%S}", "zigbee2mqtt/hall/climate", {"temperature": 1}) for at in rows])
    serving = serve(usual_lab.root)
    serving.user(Role.ADMIN)
    client, choice = script(serving, member(serving, Role.OPERATOR, ["42"])), random.Random(kind)  # noqa: S311
    url = f"{serving.url}/api/sessions/42/archive.zip"
    whole = json.loads(_members(client.get(url).content)["data/session_metadata.json"])["readings"]["window"]
    statuses = Counter[int]()
    for _ in range(QUERIES):
        parameters = query(choice)
        answer = client.get(f"{url}?{parameters}")
        statuses[answer.status_code] += 1
        assert answer.status_code in (200, 400, 403), (parameters, answer.text)
        if answer.status_code == 200:
            found = json.loads(_members(answer.content)["data/session_metadata.json"])["readings"]
            window = found["window"]
            assert not window["all"], parameters
            if whole["start"] is None:
                assert not found["count"], parameters
            elif window["start"] and found["count"]:
                assert parse_instant(whole["start"]) <= parse_instant(window["start"]), parameters
                assert parse_instant(window["end"]) <= parse_instant(whole["end"]), parameters
                assert parse_instant(whole["start"]) <= parse_instant(found["first"]), parameters
                assert parse_instant(found["last"]) <= parse_instant(whole["end"]), parameters
    assert statuses[403] > QUERIES // 4
    assert statuses[200] > QUERIES // 20


def _members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist() if name.endswith(".json")}
