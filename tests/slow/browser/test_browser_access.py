"""The pages are usable for everyone: by keyboard, with a screen reader, on a phone, in dark mode."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.slow.browser.conftest import LATE, NAME, NOON, PASSWORD, Server, create_administrator

from labcrate.demo.lab import DemoLab

PAGES = ("/", "/?q=nothing", "/sessions/42", "/sessions/43", "/sessions/44", "/sessions/42/readings", "/log", "/people",
         "/account", "/account/second-factor", "/key", "/sessions/99")  # fmt: skip
LONG = "Onomatopoeia" * 25
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

CHECKS = Path(__file__).with_name("checks.js").read_text()


def found(page: Page, check: str) -> list[Any]:
    """Return what one of the checks finds on a page."""
    faults: list[Any] = page.evaluate(f"() => ({CHECKS}).{check}()")
    return faults


@pytest.fixture(scope="module", params=[NOON, LATE])
def awkward(
    request: pytest.FixtureRequest, demo: DemoLab, tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> Iterator[Server]:
    """Serve the sample lab with an awkward session: long words, no end, right-to-left text.

    Its clock is at noon, and then at an hour when the lab's day is not that of UTC.
    """
    lab = Path(shutil.copytree(demo.root, tmp_path_factory.mktemp("awkward") / "lab"))
    session = {
        "id": 44, "name": LONG, "description": LONG + "\nשלום " * 50, "startTime": "2025-05-02T06:40:00Z",
        "status": "active", "tags": [LONG, "جلسة"], "notes": LONG, "metadata": {"researcher": LONG},
    }  # fmt: skip
    folder = lab / "sessions/Session44/recordings"
    folder.mkdir(parents=True)
    (folder.parent / "session_data.json").write_text(json.dumps(session))
    (folder / f"{LONG[:200]}.mp4").write_bytes(b"no video")
    server = Server(lab, request.param)
    server.start()
    context = chromium.new_context()
    page = context.new_page()
    create_administrator(page, server)
    context.request.get(f"{server.url}/api/sessions/43/archive.zip?only=sensors")
    server.login = context.storage_state()
    context.close()
    yield server
    server.kill()


def opened(context: Any, server: Server, path: str) -> Page:
    """Return a page with everything open that can be opened."""
    page: Page = context.new_page()
    page.goto(server.url + path)
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    return page


def test_pages_are_accessible(awkward: Server, chromium: Browser) -> None:
    """Names, labels, headings, landmarks and references are in order, and all text has enough contrast."""
    anonymous, logged_in = chromium.new_context(), chromium.new_context(storage_state=awkward.login)
    wrong = {}
    for context, paths in ((logged_in, PAGES), (anonymous, ("/login",))):
        for path in paths:
            page = opened(context, awkward, path)
            wrong[path, "faults"] = found(page, "faults")
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                wrong[path, scheme] = found(page, "pale")
            page.close()
        context.close()
    assert {where: what for where, what in wrong.items() if what} == {}


def test_a_page_that_waits_for_its_plan_fits_a_phone(awkward: Server, browse: Any) -> None:
    """What a session's page says while sensor messages are read is no wider than the smallest phone."""
    context = browse(viewport={"width": 320, "height": 800}, storage_state=awkward.login, locale="es")
    page = opened(context, awkward, "/sessions/42")
    page.locator("#reading").wait_for(state="detached")  # else the plan would replace the state
    page.locator("#state").evaluate(
        """e => { e.innerHTML = '<span class="badge busy">ZIP: se leen los mensajes de los sensores</span>'; }"""
    )
    assert page.locator("#state .busy").is_visible()
    assert found(page, "wide") == []


def test_pages_fit_a_phone(awkward: Server, browse: Any) -> None:
    """No page is wider than a phone, for any names: only tables and boxes made for it scroll sideways."""
    context = browse(viewport={"width": 390, "height": 800}, storage_state=awkward.login, locale="es")
    wide = {}
    for path in PAGES[:-1]:  # a 404 would be a complaint
        page = opened(context, awkward, path)
        assert page.locator("html").get_attribute("lang") == "es"
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            wide[path, width] = found(page, "wide")
        page.close()
    assert {where: what for where, what in wide.items() if what} == {}


def test_people_and_tokens_need_no_scrolling_sideways(awkward: Server, browse: Any) -> None:
    """On a phone, users and tokens are cards with each value beside its name."""
    context = browse(viewport={"width": 390, "height": 800}, storage_state=awkward.login)
    page = opened(context, awkward, "/account")
    page.get_by_label("Purpose").fill("nightly")
    page.locator("#token-current").fill(PASSWORD)
    page.get_by_role("button", name="Create token").click()
    for path in ("/account", "/people"):
        page.goto(awkward.url + path)
        expect(page.get_by_role("button", name="Revoke token nightly")).to_be_visible()
        assert found(page, "sideways") == []


def test_everything_can_be_reached_by_keyboard(awkward: Server, browse: Any) -> None:
    """A user can log in, skip to the content, open a session, choose, and reach the download without a mouse.

    The element with the focus is always visible.
    """
    page = browse().new_page()
    page.goto(awkward.url)
    focus(page, "[name=name]")
    page.keyboard.type(NAME)
    focus(page, "[name=password]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    focus(page, 'a[href="/sessions/42"]')
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Morning routine, kitchen and hall")
    focus(page, ".export summary")
    page.keyboard.press("Enter")
    size = page.locator("#exact").inner_text()
    focus(page, "[name=only]:checked")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#exact")).not_to_have_text(size)
    # A new answer takes the place of the one before; the focus stays where it was.
    expect(page.get_by_label("Only sensor data")).to_be_focused()
    focus(page, "#download", back=True)
    with page.expect_download() as begun:
        page.keyboard.press("Enter")
    assert begun.value.suggested_filename.endswith(".zip")


def focus(page: Page, selector: str, *, back: bool = False) -> None:
    """Type Tab until an element has the focus; check that every stop on the way is visible."""
    for _ in range(120):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
        assert found(page, "unseen") == []
    raise AssertionError(f"{selector} cannot be reached by keyboard")


def test_motion_can_be_switched_off(awkward: Server, browse: Any) -> None:
    """With reduced motion in the system, nothing moves."""
    page = browse(reduced_motion="reduce", storage_state=awkward.login).new_page()
    page.goto(awkward.url)
    assert found(page, "moving") == []
