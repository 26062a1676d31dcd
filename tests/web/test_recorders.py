"""A server and recorders' files: read only where its operator allows, watched like all others, taken back in a form."""

import io
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.recorders import (
    FRIGATE,
    MOTIONEYE,
    START,
    describe_lab,
    read_register,
    write_frigate_segment,
    write_motioneye_film,
)

from labcrate.cli.main import main
from labcrate.people.roles import Role


@pytest.fixture
def nvr(tmp_path: Path, lab: Any) -> Path:
    """Return a Frigate folder outside the lab, with two segments linked to session 42."""
    folder = tmp_path / "frigate"
    describe_lab(lab, FRIGATE.format(folder=folder))
    for seconds in (0, 10):
        write_frigate_segment(folder, "kitchen", START + timedelta(seconds=seconds))
    assert main(["link", "42", "--by-time", "--yes", "--lab", str(lab.root)]) == 0
    return folder


def archive(server: Any) -> requests.Response:
    """Return the archive of session 42, complete or refused."""
    answer: requests.Response = server.get("/api/sessions/42/archive.zip", Role.OPERATOR)
    return answer


def test_without_the_operators_word_nothing_is_read(lab: Any, nvr: Path, serve: Any) -> None:
    """A folder outside the lab that serve was not started with is missing, with the remedy, without its path."""
    server = serve(lab.root)
    (missing,) = server.get("/api/sessions/42/plan").json()["missing"]
    assert missing["what"] == "nvr: 2025-05-02/08/kitchen/00.00.mp4 and 1 more"
    assert missing["why"] == "cannot be read: the server may not read the folder of the recorder nvr"
    assert "labcrate serve --recorder DIR" in missing["remedy"]
    in_zone = server.get("/api/sessions/42/plan?time_zone=Asia/Tokyo").json()["missing"]
    assert in_zone == [missing], "reading the lab again in another zone allows no more than before"
    assert archive(server).status_code == 409
    for language in ("en", "es"):
        page = server.get("/sessions/42", Role.ADMIN, headers={"Accept-Language": language}).text
        assert str(nvr) not in page
    assert "el servidor no puede leer la carpeta del grabador nvr" in page


@pytest.mark.parametrize("above", [False, True])
def test_an_allowed_folder_is_served(lab: Any, nvr: Path, serve: Any, *, above: bool) -> None:
    """With --recorder, also of a folder above, the archive holds the segments, and each can be played."""
    server = serve(lab.root, recorders=(nvr.parent if above else nvr,))
    assert server.get("/api/sessions/42/plan").json()["missing"] == []
    with zipfile.ZipFile(io.BytesIO(archive(server).content)) as held:
        names = [name for name in held.namelist() if name.startswith("recordings/")]
    assert names == [f"recordings/kitchen_20250502T0800{second}Z.mp4" for second in ("00", "10")]
    played = server.get("/api/sessions/42/" + names[0], Role.OPERATOR)
    assert played.content == (nvr / "2025-05-02/08/kitchen/00.00.mp4").read_bytes()
    assert server.get(f"/api/sessions/42/{names[0]}/thumbnail.jpg", Role.OPERATOR).status_code == 200
    assert server.get("/api/sessions").json()["sessions"][0]["recordings"] == 2


def test_a_folder_inside_the_lab_needs_no_word(lab: Any, serve: Any) -> None:
    """What lies in the lab is the lab's: the server reads it as everything else there."""
    describe_lab(lab, MOTIONEYE.format(folder="recordings/eye"))
    write_motioneye_film(lab.root / "recordings/eye", "Camera1", START)
    assert main(["link", "42", "--by-time", "--yes", "--lab", str(lab.root)]) == 0
    assert archive(serve(lab.root)).status_code == 200


def test_a_change_of_a_segment_is_seen(lab: Any, nvr: Path, serve: Any) -> None:
    """An archive that was served once is not served again when a segment was replaced, came back or went."""
    server = serve(lab.root, recorders=(nvr,))
    first = archive(server)
    file = nvr / "2025-05-02/08/kitchen/00.10.mp4"
    content, state = file.read_bytes(), file.stat()
    file.write_bytes(content[::-1])
    assert archive(server).status_code == 409
    file.write_bytes(content)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert archive(server).content == first.content
    file.unlink()
    assert archive(server).status_code == 409


def test_a_list_is_unlinked_over_http(lab: Any, nvr: Path, serve: Any) -> None:
    """The list of a session's links has one line for the whole list, and taking it back removes its entries."""
    server = serve(lab.root, recorders=(nvr,))
    (link,) = server.get("/api/sessions/42/links").json()["links"]
    assert (link["method"], link["source"]) == ("by time", "nvr: 2 recordings")
    answer = server.as_(Role.OPERATOR).delete(f"{server.url}/api/sessions/42/links/{link['number']}")
    assert answer.status_code == 200
    assert read_register(lab) == []
    assert server.get("/api/sessions/42/plan").json()["missing"] == []


def test_a_page_shows_many_segments_as_spans(lab: Any, nvr: Path, serve: Any) -> None:
    """The session's page has one row for a camera and one bar for segments that follow each other."""
    for seconds in range(20, 200, 10):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    assert main(["link", "42", "--by-time", "--yes", "--lab", str(lab.root)]) == 0
    server = serve(lab.root, recorders=(nvr,))
    server.get("/api/sessions/42/plan")
    page = server.get("/sessions/42", Role.OPERATOR).text
    assert "20 recordings, 10:00:00 to 10:03:20" in page
    assert page.count('class="recording"') == 2  # one bar, and the legend's
    assert 'aria-label="Recordings of each camera"' in page
