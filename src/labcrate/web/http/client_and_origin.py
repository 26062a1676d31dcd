"""The client's address, the host that a request names, and the origin of the page that sent it."""

import ipaddress
import re
from urllib.parse import urlsplit

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.errors import NotAllowedError, UsageError
from labcrate.messages.message import Message

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that only read (RFC 9110, 9.2.1)."""


def is_loopback(host: str) -> bool:
    """Return whether an address or name is reachable only from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def is_secure(settings: ServeSettings) -> bool:
    """Return whether browsers reach this server through TLS: its own, or that of a proxy in front of it."""
    return bool(settings.tls_cert) or (settings.base_url or "").startswith("https://")


def client_address(request: web.Request, settings: ServeSettings) -> str:
    """Return the client's address; behind a trusted proxy, the address that the proxy names.

    Only the last entry of X-Forwarded-For was added by the proxy: a client may send any others. If that entry is the
    address of another trusted proxy, the entry before it was added by that proxy, and so on.
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
    """Return whether an address is one of the trusted proxies in front of this server."""
    ip = _parse_address(address)
    return bool(settings.base_url and ip and any(ip in network for network in settings.trusted_proxies))


_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5}", re.ASCII)


def _normalize_address(address: str) -> str | None:
    """Return an address without its port, IPv4-mapped IPv6 as IPv4; None if the text is not an address."""
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
    """Return the network that counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def check_host(request: web.Request, settings: ServeSettings) -> None:
    """Raise UsageError for a request to a host name that is not this server's: it may be DNS rebinding."""
    host_header = request.headers.get("Host")
    if host_header is None or not (settings.base_url or is_loopback(settings.host)):
        return  # the client is not a browser, or the server's name is not configured
    name = _host_name(host_header)
    # A proxy may forward the client's host name, or use the loopback name under which it reaches this server.
    own_names = {_host_name(urlsplit(settings.base_url or "").netloc), settings.host.lower()}
    if name is None or not (is_loopback(name) or name in own_names):
        own_url = settings.base_url or f"http{'s' if settings.tls_cert else ''}://localhost:{settings.port}"
        raise UsageError(Message("server.wrong_host", host=host_header[:100], url=f"{own_url}/"))


def _host_name(netloc: str) -> str | None:
    try:
        return urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None


def check_origin(request: web.Request, settings: ServeSettings) -> None:
    """Raise NotAllowedError for a request that a page of another site made a browser send.

    Browsers send Sec-Fetch-Site (Fetch Metadata), older ones Origin (RFC 6454); scripts send neither.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_own = (
        site in ("same-origin", "none")
        if site is not None
        else origin is None or _is_own_origin(request, settings, origin)
    )
    if not is_own:
        raise NotAllowedError(Message("server.other_site"))


def _is_own_origin(request: web.Request, settings: ServeSettings, origin: str) -> bool:
    """Return whether an origin is this site. Host and port are compared, not the scheme: a proxy may add TLS."""
    own_hosts = {urlsplit(settings.base_url.lower()).netloc} if settings.base_url else set()
    return urlsplit(origin.lower()).netloc in own_hosts | {request.headers.get("Host", "").lower()} - {""}
