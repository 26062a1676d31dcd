"""The web application: its routes, middlewares, and resources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.people.passwords import Passwords
from labcrate.web.auth.require_role import Handler
from labcrate.web.http.bodies import with_deferred_expect
from labcrate.web.http.security_headers import add_security_headers
from labcrate.web.lifespan import lifespan, notify_shutdown
from labcrate.web.resources import RESOURCES, resources
from labcrate.web.routes.api import archive, health, jobs, links, log, plots, recordings, sessions
from labcrate.web.routes.failures import answer_failures
from labcrate.web.routes.html import (
    doctor,
    export_choice,
    lists,
    login,
    people,
    reading_progress,
    second_factor,
    session,
    static,
    studies,
)

_MAX_BODY_BYTES = 64 * 1024
_ROUTES = (
    studies,
    health,
    sessions,
    jobs,
    links,
    log,
    login,
    people,
    second_factor,
    archive,
    recordings,
    static,
    lists,
    session,
    export_choice,
    reading_progress,
    plots,
    doctor,
)


def make_app(settings: ServeSettings, passwords: Passwords | None = None) -> web.Application:
    """Return the application that serves one lab. Starting it raises what ``lifespan`` does."""

    @asynccontextmanager
    async def run_resources(app: web.Application) -> AsyncIterator[None]:
        async with lifespan(settings, passwords) as app[RESOURCES]:
            yield

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        add_security_headers(response, settings)

    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_problems, _gate])
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(run_resources)
    app.on_shutdown.append(_notify_shutdown)
    for module in _ROUTES:
        app.add_routes(with_deferred_expect(module.routes))
    return app


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await answer_failures(resources(request).lab, resources(request).pages, request, handler)


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await resources(request).gate.handle(request, handler)


async def _notify_shutdown(app: web.Application) -> None:
    # Before connections are closed: waiting requests are answered, and event streams end.
    await notify_shutdown(app[RESOURCES])
