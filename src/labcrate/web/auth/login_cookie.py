"""The cookie that holds a browser's login, and the CSRF token of its forms."""

import base64
import hashlib

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.web.http.client_and_origin import is_secure
from labcrate.web.http.urls import path_prefix

_NAME = "labcrate_login"
_DEFAULT_PORT = 8642
PENDING_SUFFIX = "_half"
"""The suffix of the cookie's name for a pending login."""


def cookie_name(settings: ServeSettings, suffix: str = "") -> str:
    """Return the name of the login cookie, with the strictest prefix that applies (RFC 6265bis, 4.1.3).

    Cookies are the same for all ports: a server without a proxy on a port other than the default adds the port to the
    name.
    """
    name = _NAME + suffix
    own = name if settings.base_url or settings.port == _DEFAULT_PORT else f"{name}_{settings.port}"
    if not is_secure(settings):
        return own
    return f"__Secure-{own}" if path_prefix(settings) else f"__Host-{own}"


def login_secret(request: web.Request, settings: ServeSettings, suffix: str = "") -> str | None:
    """Return the secret in a request's login cookie; None without one."""
    return request.cookies.get(cookie_name(settings, suffix)) or None


def set_login(response: web.StreamResponse, settings: ServeSettings, secret: str, suffix: str = "") -> None:
    """Set the login cookie until the browser is closed: hidden from scripts, not sent with forms of other sites."""
    response.set_cookie(
        cookie_name(settings, suffix),
        secret,
        path=path_prefix(settings) or "/",
        secure=is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def drop_login(response: web.StreamResponse, settings: ServeSettings, suffix: str = "") -> None:
    """Delete the login cookie."""
    response.del_cookie(
        cookie_name(settings, suffix),
        path=path_prefix(settings) or "/",
        secure=is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def csrf_token(secret: str) -> str:
    """Return the CSRF token of a login, derived from its secret; the secret cannot be derived from the token."""
    digest = hashlib.sha256(b"labcrate form\0" + secret.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
