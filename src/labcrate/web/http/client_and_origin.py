"""Where a request comes from: the client's address, the host it names, and the origin of its page."""

import ipaddress
import re
from urllib.parse import urlsplit

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.errors import NotAllowedError, UsageError
from labcrate.messages.text import printable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


def is_loopback(host: str) -> bool:
    """Return whether an address or name is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def is_secure(settings: ServeSettings) -> bool:
    """Return whether browsers reach this server through TLS, its own or that of a proxy in front of it."""
    return bool(settings.tls_cert) or (settings.base_url or "").startswith("https://")


def client_address(request: web.Request, settings: ServeSettings) -> str:
    """Return the client's address; behind a trusted proxy, the one that the proxy names.

    Only the last entry of X-Forwarded-For was added by the proxy: a client may send any others. Where that entry is
    another trusted proxy's address, the one before it was added by that proxy, and so on.
    """
    address = _normalize_address(request.remote or "") or ""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while forwarded and is_proxy(settings, address):
        previous = _normalize_address(forwarded.pop().strip())
        if previous is None:
            break
        address = previous
    return address


def is_proxy(settings: ServeSettings, address: str) -> bool:
    """Return whether an address is that of a proxy in front of this server."""
    ip = _parse_address(address)
    return bool(settings.base_url and ip and any(ip in network for network in settings.trusted_proxies))


_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5}", re.ASCII)


def _normalize_address(address: str) -> str | None:
    """Return an address in one form, IPv4 also when it came as IPv6, without a port; None for what is no address."""
    with_port = _WITH_PORT.fullmatch(address)
    ip = _parse_address(with_port[1] or with_port[2] if with_port else address)
    return None if ip is None else str(ip)


def _parse_address(address: str) -> Address | None:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def client_network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 client has all of."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def check_host(request: web.Request, settings: ServeSettings) -> None:
    """Refuse a request that was meant for another name, which a foreign page made point here (DNS rebinding).

    Raises UsageError.
    """
    host_header = request.headers.get("Host")
    if host_header is None or not (settings.base_url or is_loopback(settings.host)):
        return  # no browser, or a server on the network whose name is not configured
    name = _host_name(host_header)
    # A proxy in front may pass on its client's host name, or the loopback one under which it reached us.
    own_names = {_host_name(urlsplit(settings.base_url or "").netloc), settings.host.lower()}
    if name is None or not (is_loopback(name) or name in own_names):
        own_url = settings.base_url or f"http{'s' if settings.tls_cert else ''}://localhost:{settings.port}"
        raise UsageError(f"This server is not called '{printable(host_header[:100])}'; open it as {own_url}/.")


def _host_name(netloc: str) -> str | None:
    try:
        return urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None


def check_origin(request: web.Request, settings: ServeSettings) -> None:
    """Refuse what another site's page has a browser send here. Raises NotAllowedError.

    Browsers say it in Sec-Fetch-Site (Fetch Metadata), older ones in Origin (RFC 6454); scripts say neither.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_own = (
        site in ("same-origin", "none")
        if site is not None
        else origin is None or _is_own_origin(request, settings, origin)
    )
    if not is_own:
        raise NotAllowedError("Another site's page sent this; open the page here, and do it there.")


def _is_own_origin(request: web.Request, settings: ServeSettings, origin: str) -> bool:
    """Return whether an origin is this site, by its host and port: a proxy may add TLS."""
    own_hosts = {urlsplit(settings.base_url.lower()).netloc} if settings.base_url else set()
    return urlsplit(origin.lower()).netloc in own_hosts | {request.headers.get("Host", "").lower()} - {""}
