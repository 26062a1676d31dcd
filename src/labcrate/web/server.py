"""Running the server: a socket, perhaps TLS, perhaps a proxy's path in front, until it is told to stop."""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from yarl import URL

from labcrate.config import ServeSettings
from labcrate.errors import ServeError
from labcrate.export.people_folder import people_folder
from labcrate.index.state_folder import STATE_FOLDER
from labcrate.lab.folder import LabFolder
from labcrate.messages.text import printable
from labcrate.web.app import make_app
from labcrate.web.http.client_and_origin import is_loopback, is_proxy, is_secure
from labcrate.web.http.connection_limits import ConnectionLimits, raise_file_limit
from labcrate.web.http.connections import Connections, limit_accept_error_log, open_listeners
from labcrate.web.http.urls import path_prefix
from labcrate.web.resources import RESOURCES

# How long requests that run may take to end once the server is told to stop: downloads resume.
_SHUTDOWN_TIMEOUT_S = 2.0
_ACCEPT_BACKLOG = 512
_THREAD_SWITCH_S = 0.001


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server that runs: where it is reached, and the one-time link that creates the first administrator.

    ``hint`` says what to put in place of an address that leads there from this machine alone.
    """

    url: str
    setup_url: str | None
    warning: str | None
    hint: str | None


async def serve(settings: ServeSettings, on_start: Callable[[ServerAddress], None]) -> None:
    """Serve a lab until the process is told to stop (SIGINT, SIGTERM, SIGHUP).

    Raises ServeError when the address is taken or the certificate does not fit, and what ``lifespan`` does.
    """
    # A thread that plans a large session gives way to requests five times as often as Python's default has it.
    sys.setswitchinterval(_THREAD_SWITCH_S)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signal_number, stop.set)
    limit_accept_error_log(loop)
    limits = ConnectionLimits.for_descriptors(raise_file_limit(), is_proxy=partial(is_proxy, settings))
    tls = tls_context(settings)
    app = make_app(settings)
    runner = await run_app(app, settings)
    try:
        port = await _listen(runner, settings, tls, limits)
        # A link that is printed once must lead to the proxy, where there is one.
        base = settings.base_url or f"http{'s' if tls else ''}://{_url_host(settings.host)}:{port}"
        link = app[RESOURCES].accounts.setup_link()
        warnings = " ".join(filter(None, (_people_folder_warning(settings), _no_tls_warning(settings)))) or None
        on_start(ServerAddress(f"{base}/", f"{base}{link}" if link else None, warnings, _address_hint(settings)))
        await stop.wait()
    finally:
        await runner.cleanup()


class ServerRunner(web.AppRunner):
    """Run an application with connections of ours; the server that aiohttp makes for it gets none."""

    def __init__(
        self, app: web.Application, settings: ServeSettings, *, shutdown_timeout: float, **options: Any
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, **options)
        self._settings, self._shutdown_s = settings, shutdown_timeout
        self._connections: Connections | None = None

    @property
    def server(self) -> web.Server | None:
        """Return what makes the connections, while the application runs."""
        return self._connections

    async def setup(self) -> None:
        """Start the application."""
        await super().setup()
        if (app_server := super().server) is not None:
            self._connections = Connections(self._settings, app_server)

    async def shutdown(self) -> None:
        """End idle connections, have the application end what it can, and end the others after a while."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.pre_shutdown()
            await super().shutdown()
            await connections.shutdown(self._shutdown_s)


async def run_app(app: web.Application, settings: ServeSettings) -> web.AppRunner:
    """Start an application; its requests' paths may come with the proxy's prefix or without it."""
    runner = ServerRunner(app, settings, shutdown_timeout=_SHUTDOWN_TIMEOUT_S, handler_cancellation=True)
    await runner.setup()
    prefix = path_prefix(settings)
    if prefix and runner.server is not None:
        runner.server.request_factory = _strip_prefix(prefix, runner.server.request_factory)
    return runner


def _strip_prefix(prefix: str, make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Takes the path below which a proxy serves this server off each request, before anybody looks at it."""

    def make_request(message: RawRequestMessage, *others: Any) -> web.BaseRequest:
        if message.path == prefix or message.path.startswith((f"{prefix}/", f"{prefix}?")):
            # One slash: what follows two of them would be read as a host.
            path = "/" + message.path.removeprefix(prefix).lstrip("/")
            message = message._replace(path=path, url=URL(path, encoded=True))
        return make(message, *others)

    return make_request


async def _listen(
    runner: web.AppRunner, settings: ServeSettings, tls: ssl.SSLContext | None, limits: ConnectionLimits
) -> int:
    """Open the sockets and return their port."""
    try:
        for listener in await open_listeners(settings.host, settings.port, limits):
            await web.SockSite(runner, listener, ssl_context=tls, backlog=_ACCEPT_BACKLOG).start()
    except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host, as a..b
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else "the name is not known"
        raise ServeError(
            f"The address {printable(settings.host)}, port {settings.port}, cannot be listened on ({reason.lower()}); "
            "choose others with --host and --port."
        ) from None
    port: int = runner.addresses[0][1]
    return port


def tls_context(settings: ServeSettings) -> ssl.SSLContext | None:
    """What speaks TLS, if the settings have a certificate. Raises ServeError for one that does not fit."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "not PEM"
        names = " and ".join(path.name for path in (cert, key) if path)
        raise ServeError(
            f"{names} cannot be used for TLS ({reason}); --tls-cert wants the certificate chain and --tls-key its "
            "private key, both as PEM."
        ) from None
    return context


def _people_folder_warning(settings: ServeSettings) -> str | None:
    """Say where the people are, if they are not in the lab."""
    if people_folder(LabFolder(settings.lab_folder).root).name == STATE_FOLDER:
        return None
    return (
        f"People and the export log of this lab are in your own state folder: it has had no {STATE_FOLDER} that could "
        "be written to."
    )


def _no_tls_warning(settings: ServeSettings) -> str | None:
    """Why passwords would cross the network in the clear, if they would."""
    if settings.tls_cert or is_loopback(settings.host):
        return None
    risk = (
        f"{settings.host} is reached from the network without TLS: passwords and recordings can be read on their way."
    )
    remedy = "Use --tls-cert and --tls-key, or a proxy with TLS on this machine, --base-url https://... and no --host."
    if is_secure(settings):
        remedy = (
            "Leave --host out if the proxy is on this machine, else name it with --trusted-proxy, and see that nobody "
            "but the proxy reaches the port."
        )
    return f"{risk} {remedy}"


# A server on all addresses is reached on this machine by its loopback one.
_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def _url_host(host: str) -> str:
    """A host as a URL names it."""
    host = _ALL_ADDRESSES.get(host, host)
    return f"[{host}]" if ":" in host else host


def _address_hint(settings: ServeSettings) -> str | None:
    """How to reach a server on all addresses by its name, which only its people know for sure."""
    if settings.base_url or settings.host not in _ALL_ADDRESSES:
        return None
    name = "the name that the certificate is for" if settings.tls_cert else "this machine's name"
    return f"From another machine, put {name} in place of {_url_host(settings.host)}."
