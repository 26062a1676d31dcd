"""The cookie that a browser's login lives in, and the token that its forms carry."""

import base64
import hashlib

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.web.http.client_and_origin import is_secure
from labcrate.web.http.urls import path_prefix

_NAME = "labcrate_login"
_DEFAULT_PORT = 8642
PENDING_SUFFIX = "_half"
"""What the name of the cookie of a login that waits for its code ends with."""


def cookie_name(settings: ServeSettings, suffix: str = "") -> str:
    """The cookie's name, which binds it as far as it can be bound (RFC 6265bis, 4.1.3).

    Cookies know no ports: without a proxy, a server on another port than the usual has its own name.
    """
    name = _NAME + suffix
    own = name if settings.base_url or settings.port == _DEFAULT_PORT else f"{name}_{settings.port}"
    if not is_secure(settings):
        return own
    return f"__Secure-{own}" if path_prefix(settings) else f"__Host-{own}"


def login_secret(request: web.Request, settings: ServeSettings, suffix: str = "") -> str | None:
    """The secret of the login that a request's cookie names, if it has one."""
    return request.cookies.get(cookie_name(settings, suffix)) or None


def set_login(response: web.StreamResponse, settings: ServeSettings, secret: str, suffix: str = "") -> None:
    """Have the browser keep a login until it is closed; no script may read it, no other site's form uses it."""
    response.set_cookie(
        cookie_name(settings, suffix),
        secret,
        path=path_prefix(settings) or "/",
        secure=is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def drop_login(response: web.StreamResponse, settings: ServeSettings, suffix: str = "") -> None:
    """Have the browser forget a login."""
    response.del_cookie(
        cookie_name(settings, suffix),
        path=path_prefix(settings) or "/",
        secure=is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def csrf_token(secret: str) -> str:
    """What the forms of a login carry. It follows from the cookie, and the cookie does not follow from it."""
    digest = hashlib.sha256(b"labcrate form\0" + secret.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
