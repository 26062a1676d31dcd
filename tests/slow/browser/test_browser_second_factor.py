"""The pages of the second factor in a real browser: they work without a script, fit a phone, and are accessible."""

from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import BrowserContext, Page, expect
from tests.slow.browser.conftest import NAME, PASSWORD, Serve, Server, create_administrator
from tests.slow.browser.test_browser_access import SCHEMES, found


def code(context: BrowserContext, server: Server, secret: str, steps_on: int = 0) -> str:
    """Return the code of an app with the server's clock, or some steps ahead of it."""
    date = context.request.get(f"{server.url}/api/health").headers["date"]
    return pyotp.TOTP(secret).at(parsedate_to_datetime(date), counter_offset=steps_on)


def faults(page: Page) -> dict[str, list[Any]]:
    """Return the faults of a page: for screen readers, in light and dark, and on narrow phones."""
    wrong = {"faults": found(page, "faults")}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wrong[scheme] = found(page, "pale")
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        wrong[f"wide {width}"] = found(page, "wide")
        wrong[f"sideways {width}"] = found(page, "sideways")
    return {check: what for check, what in wrong.items() if what}


def test_setting_it_up_and_logging_in_with_it(serve: Serve, own_lab: Path, browse: Any) -> None:
    """From the account's page to ten recovery codes and through a login, in Spanish, each page without a fault."""
    server = serve(own_lab)
    first: BrowserContext = browse()
    create_administrator(first.new_page(), server)
    context: BrowserContext = browse(locale="es", storage_state=first.storage_state())
    page, wrong = context.new_page(), {}
    page.goto(server.url + "/account")
    page.get_by_role("link", name="Configurar un segundo factor").click()
    wrong["off"] = faults(page)
    page.get_by_role("button", name="Configurar").click()
    secret = page.locator("#secret").inner_text().replace(" ", "")
    wrong["secret"] = faults(page)
    page.locator("#confirm-current").fill(PASSWORD)
    page.locator("#confirm-code").fill(code(context, server, secret))
    page.get_by_role("button", name="Activar").click()
    expect(page.locator("#codes li")).to_have_count(10)
    recovery = page.locator("#codes li").all_inner_texts()
    wrong["codes"] = faults(page)
    page.goto(server.url + "/account/second-factor")
    wrong["on"] = faults(page)
    page.goto(server.url + "/account")
    expect(page.locator("#token-code")).to_be_visible()
    wrong["account"] = faults(page)
    page.goto(server.url + "/people")
    wrong["people"] = faults(page)

    page.get_by_role("button", name="Salir").click()
    page.goto(server.url + "/sessions/42")
    page.locator("#name").fill(NAME)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    wrong["code"] = faults(page)
    page.keyboard.type(recovery[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Morning routine, kitchen and hall")
    assert {where: what for where, what in wrong.items() if what} == {}
