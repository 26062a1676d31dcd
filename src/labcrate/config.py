"""The settings of the server, and the names of the environment variables."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

LAB_VARIABLE = "LABCRATE_LAB"
BASE_TOPIC_VARIABLE = "LABCRATE_BASE_TOPIC"

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
"""The loopback addresses of this machine."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The settings of the server.

    ``base_url`` is the address of a proxy in front of the server (without a slash at the end), ``time_zone`` the IANA
    zone of times on pages if the session has none. ``recorders`` are the folders outside the lab in which recorders'
    files may be read. ``trusted_proxies`` are the networks of the proxies whose X-Forwarded-For header is trusted;
    without ``base_url`` there is no proxy.
    """

    lab_folder: Path
    host: str = "127.0.0.1"
    port: int = 8642
    base_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    time_zone: str = "UTC"
    base_topic: str | None = None
    workers: int | None = None
    recorders: tuple[Path, ...] = ()
    trusted_proxies: tuple[Network, ...] = LOOPBACK
