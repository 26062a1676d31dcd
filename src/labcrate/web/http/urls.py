"""Paths of this server as pages, redirects and responses must name them: below the path at which a proxy serves it."""

from urllib.parse import quote, urlsplit

from labcrate.config import ServeSettings


def path_prefix(settings: ServeSettings) -> str:
    """Return the path below which a proxy serves this server: empty, or like ``/labcrate``."""
    return urlsplit(settings.base_url).path.rstrip("/") if settings.base_url else ""


def url(settings: ServeSettings, path: str) -> str:
    """Return a path of this server as a page or redirect must name it."""
    return path_prefix(settings) + path


def session_url(settings: ServeSettings, session_id: str, subpath: str = "") -> str:
    """Return the path of a session's page, or of a page below it (``/readings``), with the id percent-encoded."""
    return url(settings, f"/sessions/{quote(session_id, safe='')}{subpath}")


def session_api_url(settings: ServeSettings, session_id: str, subpath: str = "") -> str:
    """Return the path of a session in the API, or a path below it (``/plan``), with the id percent-encoded."""
    return url(settings, f"/api/sessions/{quote(session_id, safe='')}{subpath}")
