"""What pages load beside themselves: files, pictures of recordings, the points of plots."""

import io
from typing import Any

import pytest
from PIL import Image
from tests.support.waiting import wait_for_plans

from labcrate.people.roles import Role
from labcrate.web.pages.assets import PLOTLY, assets, static_path
from labcrate.web.pages.plots import MAX_POINTS


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a plan as long as it takes: how busy the machine is decides nothing."""
    wait_for_plans(monkeypatch)


@pytest.fixture
def served(usual_lab: Any, serve: Any) -> Any:
    """Serve the usual lab."""
    return serve(usual_lab.root)


def test_files_are_kept_by_browsers_until_they_change(served: Any) -> None:
    """With its fingerprint a file is cached forever; without, it is revalidated with 304."""
    for name in assets():
        address = static_path(name)
        first = served.get(address, None)
        assert first.status_code == 200
        assert "immutable" in first.headers["Cache-Control"]
        again = served.get(address, None, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert served.get(f"/static/{name}?v=other", None).headers["Cache-Control"] == "no-cache"


def test_plotly_is_sent_compressed_and_the_same(served: Any) -> None:
    """A third of the bytes for browsers that take gzip, all of them for others, and the tags differ."""
    plain = served.get(f"/static/{PLOTLY}", None, headers={"Accept-Encoding": "identity"})
    packed = served.get(f"/static/{PLOTLY}", None, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content == assets()[PLOTLY].path.read_bytes()
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2.5
    assert packed.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/%2e%2e%2fapp.py", "/static/no.css"]
)
def test_no_other_file_is_served(served: Any, path: str) -> None:
    """Only the listed names lead anywhere."""
    assert served.get(path).status_code == 404


def recordings(served: Any) -> list[str]:
    """Return the names of the recordings as in URLs."""
    plan = served.get("/api/sessions/42/plan").json()
    members = [member["name"] for member in plan["members"]]
    return [name.removeprefix("recordings/") for name in members if name.startswith("recordings/")]


def test_every_recording_has_a_picture(served: Any) -> None:
    """A JPEG 320 pixels wide, which browsers cache and revalidate by its ETag."""
    for name in recordings(served):
        address = f"/api/sessions/42/recordings/{name}/thumbnail.jpg"
        answer = served.get(address, Role.OPERATOR)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (320, 180)
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert served.get(address, Role.OPERATOR, headers=tag).status_code == 304
        assert served.get(address, Role.VIEWER).status_code == 403


def test_a_damaged_recording_has_a_drawn_picture(usual_lab: Any, serve: Any) -> None:
    """What shows no picture is no error: the page has a drawing, and so has the address of the picture."""
    usual_lab.recording("recordings/cam1_session42_broken.mp4", content=usual_lab.clip[:700])
    served = serve(usual_lab.root)
    answer = served.get("/api/sessions/42/recordings/cam1_session42_broken.mp4/thumbnail.jpg")
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (320, 180)
    page = served.get("/sessions/42").text
    assert "cam1_session42_broken.mp4/thumbnail.jpg" not in page
    assert "damaged" in page


def test_a_recording_of_an_unknown_codec_has_a_drawn_picture(usual_lab: Any, serve: Any) -> None:
    """A codec that FFmpeg does not know: the address of the picture answers with the drawing, not with 500."""
    head, _, tail = usual_lab.clip.rpartition(b"avc1")
    usual_lab.recording("recordings/cam1_session42_odd.mp4", content=head + b"x?!1" + tail)
    answer = serve(usual_lab.root).get("/api/sessions/42/recordings/cam1_session42_odd.mp4/thumbnail.jpg")
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (320, 180)


@pytest.mark.parametrize("name", ["cam1_session7_a.mp4", "..%2f..%2fdata%2fusers.json", "%2e%2e", "any.mp4.txt"])
def test_pictures_of_other_files_are_not_there(served: Any, name: str) -> None:
    """Another session's recording, a path out of the lab, any other file: there is no picture of it."""
    assert served.get(f"/api/sessions/42/recordings/{name}/thumbnail.jpg").status_code == 404


def plot(served: Any, query: str, **options: Any) -> Any:
    """Return the response to a request for points."""
    return served.get(f"/api/sessions/42/readings/plot?{query}", Role.VIEWER, **options)


def test_a_plot_has_every_reading_of_a_small_session(served: Any) -> None:
    """Values, times in milliseconds of UTC, unit, kind, and how far the session's clocks are ahead of UTC."""
    told = plot(served, "property=temperature&property=contact").json()
    assert told["zone"] == "Europe/Madrid"
    assert told["offsetSeconds"] == 7200
    temperature, contact = told["panels"]
    assert (temperature["property"], temperature["unit"], temperature["kind"]) == ("temperature", "°C", "number")
    assert temperature["series"] == [{"device": "hall/climate", "t": [1746172920000.0], "v": [21.5], "readings": 1}]
    assert (contact["kind"], contact["series"][0]["v"]) == ("state", [0.0, 1.0])


def test_a_plot_of_a_part_leads_beyond_its_edges(served: Any) -> None:
    """Both neighbouring readings are included, so that the state between two readings shows."""
    told = plot(served, "property=contact&from=2025-05-02T08:01:00Z&to=2025-05-02T08:02:00Z").json()
    assert told["panels"][0]["series"][0]["v"] == [0.0, 1.0]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "property=a&buckets=0",
        "property=a&buckets=many",
        "property=a&from=noon",
        "property=a&colour=red",
        "property=a&from=2025-05-02T08:02:00Z&to=2025-05-02T08:01:00Z",
        "&".join(f"property={number}" for number in range(9)),
    ],
)
def test_invalid_requests_for_points_are_refused(served: Any, query: str) -> None:
    """Each is a problem with status 400."""
    answer = plot(served, query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_unknown_property_has_no_panel(served: Any) -> None:
    """Asking for something that no device reports is an empty answer."""
    assert plot(served, "property=phase_of_the_moon").json()["panels"] == []


@pytest.mark.thorough
def test_many_readings_are_few_points(lab: Any, serve: Any) -> None:
    """Twenty thousand readings of five sensors are no more points than the limit, with every extreme among them."""
    lab.session(42, endTime="2025-05-02T08:10:00.000Z")
    lines = ["timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload"]
    for number in range(20_000):
        value = 99 if number == 7777 else number % 50
        second = number * 600 / 20_000
        stamp = f"2025-05-02T08:{int(second // 60):02}:{second % 60:06.3f}Z"
        lines.append(f'"{stamp}","zigbee2mqtt/s{number % 5}","","","","","","","{{""t"":{value}}}"')
    lab.write("data/zigbee-sensors.csv", "\n".join(lines) + "\n")
    series = plot(serve(lab.root), "property=t&buckets=100").json()["panels"][0]["series"]
    assert sum(one["readings"] for one in series) == 20_000
    assert sum(len(one["t"]) for one in series) <= min(MAX_POINTS, 5 * 402)
    assert max(value for one in series for value in one["v"] if value is not None) == 99


def test_the_values_stand_in_a_table_as_well(served: Any) -> None:
    """The table has lowest, mean and highest value of every sensor, for users who cannot see plots."""
    page = served.get("/sessions/42/readings", Role.VIEWER).text
    for shown in ("hall/climate", "21.5", "temperature", "contact", "50 %"):
        assert shown in page
