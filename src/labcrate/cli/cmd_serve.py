"""``labcrate serve``: serve the lab to browsers."""

import asyncio
import json
import logging
import os
import re
import sys
from argparse import Namespace
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from labcrate.cli.machine_zone import machine_zone
from labcrate.cli.screen import lab_folder, open_lab, say
from labcrate.config import BASE_TOPIC_VARIABLE, LOOPBACK, Network, ServeSettings
from labcrate.errors import UsageError
from labcrate.lab.folder import LabFolder
from labcrate.lab.settings_file import read_settings
from labcrate.lab.text import expand_home
from labcrate.messages.message import Message
from labcrate.plan.option_values import parse_zone
from labcrate.web.server import ServerAddress, serve

_PORT_COUNT = 65536
# A host name within DNS limits (RFC 1035, 2.3.4), as browsers send it.
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)
# No user, query or fragment, and only simple path segments.
_BASE_URL = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]+)?(?:/[\w.~!$&'()*+,;=:@%-]+)*/*", re.IGNORECASE | re.ASCII
)
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def run(options: Namespace) -> int:
    """Serve until Ctrl-C or a signal."""
    chosen = serve_settings(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    asyncio.run(serve(chosen, lambda started: _print_start(started, as_json=options.json)))
    return 0


def _print_start(started: ServerAddress, *, as_json: bool) -> None:
    if as_json:
        # Print one line at once: the program that started the server waits for it.
        answer = {"url": started.url, "setupUrl": started.setup_url, "warning": started.warning}
        print(json.dumps(answer), flush=True)
        return
    say(f"Serving the lab at {started.url}")
    if started.warning:
        say(f"warning: {started.warning}")
    if started.setup_url:
        say("There are no users yet. Create the first administrator here (the link works once):")
        say(f"  {started.setup_url}")
    if started.hint:
        say(started.hint)
    say("Press Ctrl-C to stop. Interrupted downloads can be resumed later.")
    sys.stdout.flush()


def serve_settings(options: Namespace) -> ServeSettings:
    """Return the settings of the server. Raises UsageError for invalid ones."""
    if not 0 <= options.port < _PORT_COUNT:
        raise UsageError(Message("cli.port", port=str(options.port), highest=str(_PORT_COUNT - 1)))
    if bool(options.tls_cert) != bool(options.tls_key):
        raise UsageError(Message("cli.tls_both"))
    if options.trusted_proxy and options.base_url is None:
        raise UsageError(Message("cli.proxy_without_url"))
    return ServeSettings(
        lab_folder=lab_folder(options),
        host=options.host,
        port=options.port,
        base_url=parse_base_url(options.base_url),
        tls_cert=Path(options.tls_cert) if options.tls_cert else None,
        tls_key=Path(options.tls_key) if options.tls_key else None,
        time_zone=_choose_time_zone(options.time_zone, open_lab(options)),
        base_topic=(options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE) or "").strip("/") or None,
        workers=options.workers,
        recorders=tuple(_parse_recorder_folder(folder) for folder in options.recorder),
        trusted_proxies=tuple(map(_parse_network, options.trusted_proxy)) or LOOPBACK,
    )


def _parse_recorder_folder(text: str) -> Path:
    folder = expand_home(text)
    if not text or not folder.is_dir():
        raise UsageError(Message("cli.recorder_folder", folder=text))
    return folder


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise UsageError(Message("cli.trusted_proxy", network=text)) from None


def parse_base_url(text: str | None) -> str | None:
    """Return the base URL of a proxy without a slash at its end. Raises UsageError for an invalid one."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        name, bracketed = parts.hostname or "", "[" in parts.netloc
        sound = (_is_address(name) if bracketed else bool(_HOST_NAME.fullmatch(name))) and parts.port != 0
    except ValueError:  # unbalanced brackets, an invalid port
        sound = False
    if not sound or not _BASE_URL.fullmatch(text) or _DOT_SEGMENT.search(parts.path):
        raise UsageError(Message("cli.base_url", url=text))
    return text.rstrip("/")


def _is_address(text: str) -> bool:
    """Return whether a text is an IPv6 address, as in the brackets of a URL."""
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _choose_time_zone(text: str | None, lab: LabFolder) -> str:
    """Return the requested time zone, or labcrate.toml's, or this machine's. Raises UsageError, DocumentError."""
    if text is not None:
        return parse_zone(text)
    return read_settings(lab).time_zone or machine_zone()
