"""A researcher's way in a browser, from the first link to the archive on their disk."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.slow.browser.conftest import NAME, PASSWORD, Server, create_administrator

from labcrate.cli.main import main


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exported(lab: Path, target: Path, *words: str) -> Path:
    """Return what the command line exports."""
    assert main(["export", "42", "--lab", str(lab), "-o", str(target), *words]) == 0
    return target


def download(page: Page, target: Path) -> Path:
    """Open the download link and wait for the file."""
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download ZIP").click()
    begun.value.save_as(target)
    return target


def exact_size(page: Page) -> int:
    """Return the size on the page, in bytes."""
    return int(re.sub(r"\D", "", page.locator("#exact").inner_text()))


def test_from_the_first_link_to_the_archive(own_lab: Path, serve: Any, browse: Any, tmp_path: Path) -> None:
    """From the one-time link to the archive: set up, log in, link a near miss, download.

    The ZIP has the size shown before, and the same bytes as that of the command line.
    """
    server = serve(own_lab)
    page = browse().new_page()
    create_administrator(page, server)
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    page.get_by_role("link", name="Morning routine, kitchen and hall").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Morning routine, kitchen and hall")
    before = exact_size(page)

    near = "recordings/garden_session42_20250502T064000Z.mp4"
    page.locator("#near li").filter(has_text=near).get_by_role("button", name="Link to this session").click()
    expect(page.get_by_role("status").filter(has_text=near)).to_contain_text("was linked to this session")
    assert exact_size(page) > before

    shown_size = exact_size(page)
    got = download(page, tmp_path / "browser.zip")
    assert got.stat().st_size == shown_size
    assert sha256(got) == sha256(exported(own_lab, tmp_path / "cli.zip"))

    page.locator(".note.good").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text=near)).to_contain_text("near miss again")
    assert exact_size(page) == before


def test_options_change_the_size_before_anything_is_downloaded(shared: Server, browse: Any, tmp_path: Path) -> None:
    """Each option shows the exact size of the result; the download has it, and is the command line's."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    whole = exact_size(page)
    page.get_by_text("Choose what to export").click()
    page.get_by_label("Only sensor data").check()
    expect(page.locator("#exact")).not_to_have_text(f"{whole:,} bytes")
    sensors = exact_size(page)
    page.get_by_label("kitchen climate", exact=True).check()
    expect(page.locator("#exact")).not_to_have_text(f"{sensors:,} bytes")
    one = exact_size(page)
    assert one < sensors < whole
    got = download(page, tmp_path / "browser.zip")
    words = ("--only", "sensors", "--sensor", "kitchen climate")
    assert got.stat().st_size == one
    assert sha256(got) == sha256(exported(shared.lab, tmp_path / "cli.zip", *words))
    # The choice is in the URL: it survives a reload and can be shared.
    page.reload()
    assert exact_size(page) == one
    expect(page.get_by_label("Only sensor data")).to_be_checked()


def test_tables_are_chosen_and_come_back_after_a_reload(shared: Server, browse: Any, tmp_path: Path) -> None:
    """Parquet is one tick, a table less is another; both are off with "only recordings", and on again after it."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    page.get_by_text("Choose what to export").click()
    page.get_by_label("Also as Parquet").check()
    page.get_by_text("Leave out tables").click()
    page.get_by_label("sensor_readings.json").check()
    left_out = page.locator("#choice").get_by_text("Left out on request: data/sensor_data/sensor_readings.json.")
    expect(left_out).to_be_visible()
    size = exact_size(page)
    got = download(page, tmp_path / "browser.zip")
    words = ("--with", "parquet", "--without", "long-json")
    assert got.stat().st_size == size
    assert sha256(got) == sha256(exported(shared.lab, tmp_path / "cli.zip", *words))
    page.get_by_label("Only recordings").check()
    expect(page.get_by_label("Also as Parquet")).to_be_disabled()
    expect(left_out).to_have_count(0)
    page.get_by_label("Recordings and sensor data").check()
    expect(left_out).to_be_visible()
    page.reload()
    expect(page.get_by_label("Also as Parquet")).to_be_checked()
    expect(page.get_by_label("sensor_readings.json")).to_be_visible()
    expect(page.get_by_label("sensor_readings.json")).to_be_checked()


def test_a_time_span_is_chosen_on_the_session_clocks(shared: Server, browse: Any) -> None:
    """A time in Madrid, typed into the form, is in UTC in the archive's URL."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    whole = exact_size(page)
    page.get_by_text("Choose what to export").click()
    page.get_by_label("From", exact=True).fill("2025-05-02T08:41:30")
    expect(page.locator("#exact")).not_to_have_text(f"{whole:,} bytes")
    link = page.get_by_role("link", name="Download ZIP").get_attribute("href")
    assert link == "/api/sessions/42/archive.zip?from=2025-05-02T06:41:30.000Z"


@pytest.fixture
def slow_lab(own_lab: Path) -> Path:
    """Return a lab with a recording that takes some seconds to read: 8 GB that use no disk space."""
    with (own_lab / "recordings/kitchen_session42_long.mp4").open("wb") as file:
        file.truncate(8 * 10**9)
    return own_lab


def test_preparing_shows_progress_survives_its_tab_and_can_be_cancelled(
    slow_lab: Path, serve: Any, browse: Any
) -> None:
    """While recordings are read, bytes and time left show; a new tab joins the job; cancelling ends it."""
    server = serve(slow_lab)
    context: BrowserContext = browse()
    page = context.new_page()
    create_administrator(page, server)
    page.goto(f"{server.url}/sessions/42")
    page.get_by_role("link", name="Download ZIP").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#job-figures")).to_contain_text(re.compile(r"of 8\.0 GB"))
    expect(page.locator("#job-figures")).to_contain_text("left")
    page.close()
    again = context.new_page()
    again.goto(f"{server.url}/sessions/42")
    expect(again.get_by_role("progressbar")).to_be_visible()
    again.get_by_role("button", name="Cancel").click()
    expect(again.get_by_role("progressbar")).to_be_hidden()
    expect(again.locator("#job-said")).to_contain_text("Cancelled")


def inside(plot_range: Any) -> bool:
    """Return whether a plot shows a part of the session that starts later and ends earlier."""
    return bool(plot_range["from"] > "2025-05-02T06:40:00.000Z" and plot_range["to"] < "2025-05-02T06:42:30.000Z")


def test_plots_are_drawn_and_zoomed(shared: Server, browse: Any) -> None:
    """The readings are drawn as lines; zooming in requests the visible part from the server."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    page.locator("#sensors").scroll_into_view_if_needed()
    expect(page.locator("#plot .scatterlayer path.js-line").first).to_be_visible()
    drawn = page.locator("#plot .scatterlayer .trace").count()
    with page.expect_response(lambda answer: "readings/plot" in answer.url and "property=contact" in answer.url):
        page.get_by_label("contact", exact=True).check()
    expect(page.locator("#plot .scatterlayer .trace")).not_to_have_count(drawn)
    with page.expect_response(lambda answer: "readings/plot" in answer.url and inside(answer.json())):
        page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("group", name=re.compile("^Plot of sensor readings over time")).press("+")


def test_recordings_are_played_in_the_page(shared: Server, browse: Any) -> None:
    """A recording's card opens to a player that shows moving pictures and can seek to any time."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    card = page.locator("#recordings li").filter(has_text="kitchen_session42_20250502T064030Z.mp4")
    card.get_by_text("Play").click()
    video = card.locator("video")
    state = video.evaluate(
        """async (video) => {
            video.muted = true;
            await video.play();
            video.pause();
            const there = new Promise((done) => video.addEventListener("seeked", done, { once: true }));
            video.currentTime = 20;
            await there;
            return [video.videoWidth, video.currentTime, Math.round(video.duration)];
        }"""
    )
    assert state == [320, 20, 30]


def test_without_scripts_everything_can_be_read_and_downloaded(shared: Server, browse: Any, tmp_path: Path) -> None:
    """Without JavaScript, the form is sent to the server, the size is exact, and the link downloads."""
    page = browse(java_script_enabled=False, storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    page.get_by_text("Choose what to export").click()
    page.get_by_label("Only sensor data").check()
    page.get_by_role("button", name="Update size and contents").click()
    shown_size = exact_size(page)
    got = download(page, tmp_path / "browser.zip")
    assert got.stat().st_size == shown_size
    assert sha256(got) == sha256(exported(shared.lab, tmp_path / "cli.zip", "--only", "sensors"))
    page.get_by_role("link", name="Show values as a table").click()
    expect(page.get_by_role("rowheader", name="kitchen climate").first).to_be_visible()


def test_the_lab_is_left_as_it_was(shared: Server, browse: Any, demo: Any, tmp_path: Path) -> None:
    """Opening pages, pictures and plots writes nothing to the lab except labcrate's own folder."""
    page = browse(storage_state=shared.login).new_page()
    page.goto(f"{shared.url}/sessions/42")
    page.locator("#recordings").scroll_into_view_if_needed()
    expect(page.locator("#recordings img").first).to_be_visible()
    copy = Path(shutil.copytree(shared.lab, tmp_path / "now", ignore=shutil.ignore_patterns(".labcrate")))
    now = {path.relative_to(copy): sha256(path) for path in copy.rglob("*") if path.is_file()}
    then = {
        path.relative_to(demo.root): sha256(path)
        for path in demo.root.rglob("*")
        if path.is_file() and ".labcrate" not in path.parts
    }
    assert now == then
