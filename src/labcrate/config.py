"""What the user decided about one run, as frozen values, and the environment variables that may decide it."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

LAB_VARIABLE = "LABCRATE_LAB"
BASE_TOPIC_VARIABLE = "LABCRATE_BASE_TOPIC"

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
"""This machine itself, as those on it name it."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How a lab is served.

    ``base_url`` is where a proxy in front of the server is reached (no slash at its end), ``time_zone`` the IANA
    zone that times are shown in when a session names none. ``recorders`` are the folders outside the lab in which
    recorders' files may be read. ``trusted_proxies`` are the networks of the proxies, whose word counts of where a
    request comes from; without ``base_url`` there is no proxy.
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
