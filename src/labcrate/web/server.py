"""Running the server until it is stopped: its sockets, TLS, and the path prefix of a proxy."""

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
from labcrate.messages.message import Message
from labcrate.web.app import make_app
from labcrate.web.http.client_and_origin import is_loopback, is_proxy, is_secure
from labcrate.web.http.connection_limits import ConnectionLimits, raise_file_limit
from labcrate.web.http.connections import Connections, limit_accept_error_log, open_listeners
from labcrate.web.http.urls import path_prefix
from labcrate.web.resources import RESOURCES

# The time that running requests have to end when the server is stopped; downloads can be resumed.
_SHUTDOWN_TIMEOUT_S = 2.0
_ACCEPT_BACKLOG = 512
_THREAD_SWITCH_S = 0.001


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of a running server, and the one-time link that creates the first administrator.

    ``hint`` explains what to use instead of an address that only works on this machine.
    """

    url: str
    setup_url: str | None
    warning: str | None
    hint: str | None


async def serve(settings: ServeSettings, on_start: Callable[[ServerAddress], None]) -> None:
    """Serve a lab until the process receives SIGINT, SIGTERM or SIGHUP.

    Raises ServeError if the address is in use or the certificate is invalid, and what ``lifespan`` does.
    """
    # Threads that plan large sessions yield to requests five times as often as with Python's default.
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
        # The link must lead to the proxy, if there is one.
        base = settings.base_url or f"http{'s' if tls else ''}://{_url_host(settings.host)}:{port}"
        link = app[RESOURCES].accounts.setup_link()
        warnings = " ".join(filter(None, (_people_folder_warning(settings), _no_tls_warning(settings)))) or None
        on_start(ServerAddress(f"{base}/", f"{base}{link}" if link else None, warnings, _address_hint(settings)))
        await stop.wait()
    finally:
        await runner.cleanup()


class ServerRunner(web.AppRunner):
    """A runner whose connections are made by ``Connections`` instead of aiohttp's own server."""

    def __init__(
        self, app: web.Application, settings: ServeSettings, *, shutdown_timeout: float, **options: Any
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, **options)
        self._settings, self._shutdown_s = settings, shutdown_timeout
        self._connections: Connections | None = None

    @property
    def server(self) -> web.Server | None:
        """Return the factory of connections, while the application runs."""
        return self._connections

    async def setup(self) -> None:
        """Start the application."""
        await super().setup()
        if (app_server := super().server) is not None:
            self._connections = Connections(self._settings, app_server)

    async def shutdown(self) -> None:
        """Close idle connections, shut the application down, and close the other connections after a time limit."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.pre_shutdown()
            await super().shutdown()
            await connections.shutdown(self._shutdown_s)


async def run_app(app: web.Application, settings: ServeSettings) -> web.AppRunner:
    """Start an application. The paths of its requests may have the proxy's prefix or not."""
    runner = ServerRunner(app, settings, shutdown_timeout=_SHUTDOWN_TIMEOUT_S, handler_cancellation=True)
    await runner.setup()
    prefix = path_prefix(settings)
    if prefix and runner.server is not None:
        runner.server.request_factory = _strip_prefix(prefix, runner.server.request_factory)
    return runner


def _strip_prefix(prefix: str, make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Return a factory of requests that first removes the proxy's prefix from their paths."""

    def make_request(message: RawRequestMessage, *others: Any) -> web.BaseRequest:
        if message.path == prefix or message.path.startswith((f"{prefix}/", f"{prefix}?")):
            # One slash: text after two slashes would be parsed as a host.
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
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name, as in "a..b"
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number).lower() if number > 0 else Message("server.unknown_host")
        raise ServeError(
            Message("server.address_in_use", host=settings.host, port=str(settings.port), reason=reason)
        ) from None
    port: int = runner.addresses[0][1]
    return port


def tls_context(settings: ServeSettings) -> ssl.SSLContext | None:
    """Return the TLS context, or None without a certificate. Raises ServeError for an invalid certificate or key."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or Message("server.not_pem")
        files = [path.name for path in (cert, key) if path]
        raise ServeError(Message("server.certificate", files=files, reason=reason)) from None
    return context


def _people_folder_warning(settings: ServeSettings) -> str | None:
    """Return a warning if users and the export log are not stored in the lab."""
    if people_folder(LabFolder(settings.lab_folder).root).name == STATE_FOLDER:
        return None
    return Message("server.people_folder_apart", folder=STATE_FOLDER)


def _no_tls_warning(settings: ServeSettings) -> str | None:
    """Return a warning if passwords would be sent through the network without TLS."""
    if settings.tls_cert or is_loopback(settings.host):
        return None
    remedy = "server.no_tls.behind_proxy" if is_secure(settings) else "server.no_tls.use_tls"
    return f"{Message('server.no_tls', host=settings.host)} {Message(remedy)}"


# A server on all addresses is reachable on this machine at the loopback address.
_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def _url_host(host: str) -> str:
    """Return a host as a URL contains it."""
    host = _ALL_ADDRESSES.get(host, host)
    return f"[{host}]" if ":" in host else host


def _address_hint(settings: ServeSettings) -> str | None:
    """Return how to reach a server on all addresses by a name; labcrate cannot know the name for certain."""
    if settings.base_url or settings.host not in _ALL_ADDRESSES:
        return None
    name = "the name in the certificate" if settings.tls_cert else "this machine's name"
    return f"From another machine, use {name} instead of {_url_host(settings.host)}."
