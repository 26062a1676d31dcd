"""The pictures of the docs, taken of the sample lab: ``python -m tests.slow.browser.screenshots docs/screenshots``."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright
from tests.slow.browser.conftest import CHROMIUM, Server, create_administrator

from labcrate.demo.lab import build_demo_lab

MOST_BYTES = 100_000
LONG_BYTES = 8 * 10**9


def main(folder: Path) -> None:
    """Write every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        lab = Path(temporary, "lab")
        build_demo_lab(lab)
        with _page(lab) as (page, url):
            page.goto(f"{url}/")
            _save(page, folder / "sessions.webp")
            page.goto(f"{url}/sessions/42")
            page.locator("#sensors").scroll_into_view_if_needed()
            page.locator("#plot .scatterlayer path.js-line").first.wait_for()
            page.evaluate("scrollTo(0, 0)")
            page.set_viewport_size({"width": 1280, "height": 1180})
            _save(page, folder / "session.webp")
            page.set_viewport_size({"width": 1280, "height": 760})
            _save(page.locator("#near"), folder / "plan.webp", height=760)
        # A recording that takes some seconds to read, and no disk space.
        with (lab / "recordings/kitchen_session42_long.mp4").open("wb") as file:
            file.truncate(LONG_BYTES)
        with _page(lab) as (page, url):
            page.goto(f"{url}/sessions/42")
            page.get_by_text("Choose what to export").click()
            page.get_by_role("link", name="Download ZIP").click()
            page.locator("#job-figures").filter(has_text=re.compile(r"[3-9]\.\d GB of")).wait_for()
            _save(page.locator(".export"), folder / "download.webp", height=900)


@contextmanager
def _page(lab: Path) -> Iterator[tuple[Page, str]]:
    server = Server(lab)
    server.start()
    try:
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": 1280, "height": 560}, locale="en-GB", color_scheme="light")
            page = context.new_page()
            if server.setup:
                create_administrator(page, server)
            else:
                page.goto(f"{server.url}/login")
                page.locator("[name=name]").fill("ada")
                page.locator("[name=password]").fill("correct horse battery")
                page.locator("[name=password]").press("Enter")
                page.get_by_role("heading", name="Sessions").wait_for()
            yield page, server.url
            browser.close()
    finally:
        server.kill()


def _save(what: Page | Locator, file: Path, height: int | None = None) -> None:
    """Save a picture, cut to a height, as WebP in the best quality below the limit."""
    picture: Image.Image = Image.open(io.BytesIO(what.screenshot(animations="disabled")))
    if height and picture.height > height:
        picture = picture.crop((0, 0, picture.width, height))
    for quality in (90, 80, 70, 60, 50):
        picture.convert("RGB").save(file, "WEBP", quality=quality, method=6)
        if file.stat().st_size < MOST_BYTES:
            break
    print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
