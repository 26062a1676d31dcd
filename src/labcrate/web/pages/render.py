"""Render pages: templates, their common values, and long texts in parts."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from labcrate import __version__
from labcrate.config import ServeSettings
from labcrate.messages.text import printable
from labcrate.model.session import Session, is_session_id, normalize_id
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import CALLER, Caller
from labcrate.web.http.urls import session_api_url, session_url, url
from labcrate.web.pages.assets import static_path
from labcrate.web.pages.i18n import LANGUAGES, Locale, language_of, translations

THEME_COOKIE = "labcrate_theme"
THEMES = ("light", "dark")


@cache
def environment(language: str) -> Environment:
    """Return the templates in one language."""
    templates = Environment(
        loader=PackageLoader("labcrate.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=shortened,
    )
    templates.filters["printable"] = printable
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return templates


class Pages:
    """The renderer of one server's pages. Any thread may use it."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings

    def render(
        self, request: web.Request, template: str, /, *, status: int = 200, zone: str | None = None, **context: Any
    ) -> web.Response:
        """Render a page; ``zone`` is the IANA zone of its times (None: the lab's)."""
        text = self.fragment(request, template, zone=zone, status=status, **context)
        response = web.Response(text=text, status=status, content_type="text/html")
        response.headers["Vary"] = "Accept-Language, Cookie"
        return response

    def fragment(self, request: web.Request, template: str, /, *, zone: str | None = None, **context: Any) -> str:
        """Render the HTML of a template: a page, or a part that a script replaces."""
        return (
            environment(language_of(request))
            .get_template(template)
            .render(self._common_context(request, zone) | context)
        )

    def _common_context(self, request: web.Request, zone: str | None) -> dict[str, Any]:
        """Return the values that every template may use."""
        settings = self._settings
        caller: Caller | None = request.get(CALLER)
        theme = request.cookies.get(THEME_COOKIE)
        return {
            "caller": caller,
            "csrf": caller.csrf if caller else "",
            "locale": Locale(language_of(request), zone or settings.time_zone),
            "languages": LANGUAGES,
            "theme": theme if theme in THEMES else None,
            "here": request.rel_url.raw_path_qs if request.method in ("GET", "HEAD") else "/",
            "session_page": self._session_page(request),
            "url": partial(url, settings),
            "session_url": partial(session_url, settings),
            "session_api_url": partial(session_api_url, settings),
            "static": lambda name: url(settings, static_path(name)),
            "version": __version__,
            "is_operator": caller is not None and caller.may(Role.OPERATOR),
            "is_limited": caller is not None and caller.scope.is_limited,
            "is_admin": caller is not None and caller.may(Role.ADMIN),
        }

    def _session_page(self, request: web.Request) -> str | None:
        """Return the URL of the session page of a request, for the way back from an error; None if there is none."""
        if not request.path.startswith(("/sessions/", "/api/sessions/")):
            return None
        session_id = normalize_id(request.match_info.get("id", ""))
        if not is_session_id(session_id) or request.path == f"/sessions/{session_id}":
            return None
        return session_url(self._settings, session_id)


TEXT_PAGE_CHARACTERS = 20_000
"""The most characters of one text on a page."""


@dataclass(frozen=True, slots=True)
class TextPage:
    """A part of a text: characters ``first`` (counted from 1) to ``last`` of ``total``, with links to the others."""

    text: str
    first: int
    last: int
    total: int
    before: str | None
    after: str | None


def shortened(value: Any) -> Any:
    """Return a text, cut if it is too long for a page, with its length; HTML of the pages stays whole."""
    if isinstance(value, str) and len(value) > TEXT_PAGE_CHARACTERS and not isinstance(value, Markup):
        return f"{value[:TEXT_PAGE_CHARACTERS]}… ({TEXT_PAGE_CHARACTERS:,} / {len(value):,})"
    return value


def text_page(request: web.Request, settings: ServeSettings, session: Session, name: str) -> TextPage | None:
    """Return the part of a session's text that the query numbers (``?notes=2``), the first without a number."""
    text = session.notes if name == "notes" else session.description
    if not text:
        return None
    given, pages = request.query.get(name, ""), -(-len(text) // TEXT_PAGE_CHARACTERS)
    number = min(pages, max(1, int(given))) if given.isascii() and given.isdigit() and len(given) < 6 else 1

    def page_url(other: int) -> str:
        return f"{session_url(settings, session.id)}?{name}={other}#{name}"

    return TextPage(
        text[(number - 1) * TEXT_PAGE_CHARACTERS : number * TEXT_PAGE_CHARACTERS],
        (number - 1) * TEXT_PAGE_CHARACTERS + 1,
        min(number * TEXT_PAGE_CHARACTERS, len(text)),
        len(text),
        page_url(number - 1) if number > 1 else None,
        page_url(number + 1) if number < pages else None,
    )
