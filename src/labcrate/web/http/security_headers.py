"""Security headers of every response: they limit what a browser does with it."""

from urllib.parse import urlsplit

from aiohttp import web

from labcrate.config import ServeSettings

# A page loads only files of this server, and no inline script or style. The hash is that of an empty style element,
# which Plotly creates and fills by script (that is no inline style). Its images of a plot are blob: and data: URLs.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "img-src 'self' blob: data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_FIXED_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it, browsers also hide the origin of this site's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Server": "labcrate",
}
_HTTPS_PORT = 443
_YEAR_S = 365 * 24 * 3600


def add_security_headers(response: web.StreamResponse, settings: ServeSettings) -> None:
    """Add the security headers to a response. Headers about caching that it has already are not changed."""
    response.headers.update(_FIXED_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    if _has_https(settings):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")
    if response.status == 401:
        response.headers.setdefault("WWW-Authenticate", 'Bearer realm="labcrate"')  # RFC 6750, 3


def _has_https(settings: ServeSettings) -> bool:
    """Return whether this server has port 443: Strict-Transport-Security applies to every port (RFC 6797, 8.3).

    Sent from another port, it would make the other servers of this host unreachable by HTTP.
    """
    if settings.base_url is None:
        return settings.tls_cert is not None and settings.port == _HTTPS_PORT
    parts = urlsplit(settings.base_url)
    return parts.scheme == "https" and parts.netloc.rpartition("]")[2].partition(":")[2] in ("", str(_HTTPS_PORT))
