"""The application: its routes, its middlewares, and what it has while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.people.passwords import Passwords
from labcrate.web.auth.require_role import Handler
from labcrate.web.http.bodies import expecting
from labcrate.web.http.security_headers import protect
from labcrate.web.lifespan import hear_of_end, lifespan
from labcrate.web.routes.api import archive, health, jobs, links, log, plots, recordings, sessions
from labcrate.web.routes.failures import answer_failures
from labcrate.web.routes.html import doctor, lists, login, people, second_factor, session, static, studies
from labcrate.web.services import SERVICES, services

_LARGEST_BODY_BYTES = 64 * 1024
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
    plots,
    doctor,
)


def make_app(settings: ServeSettings, passwords: Passwords | None = None) -> web.Application:
    """Return the application that serves one lab; starting it raises what ``lifespan`` does."""

    @asynccontextmanager
    async def living(app: web.Application) -> AsyncIterator[None]:
        async with lifespan(settings, passwords) as app[SERVICES]:
            yield

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        protect(response, settings)

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[_problems, _gate])
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(living)
    app.on_shutdown.append(_hear_of_end)
    for part in _ROUTES:
        app.add_routes(expecting(part.routes))
    return app


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await answer_failures(services(request).lab, services(request).pages, request, handler)


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await services(request).gate.handle(request, handler)


async def _hear_of_end(app: web.Application) -> None:
    # Before connections are closed: those who wait hear that nothing comes, and those who listen hold nothing up.
    await hear_of_end(app[SERVICES])
