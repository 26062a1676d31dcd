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
from labcrate.web.routes.api import archive as routes_archive
from labcrate.web.routes.api import health as routes_health
from labcrate.web.routes.api import jobs as routes_jobs
from labcrate.web.routes.api import links as routes_links
from labcrate.web.routes.api import log as routes_log
from labcrate.web.routes.api import plots as routes_plots
from labcrate.web.routes.api import recordings as routes_media
from labcrate.web.routes.api import sessions as routes_sessions
from labcrate.web.routes.failures import answered
from labcrate.web.routes.html import doctor as routes_doctor
from labcrate.web.routes.html import lists as routes_key
from labcrate.web.routes.html import lists as routes_pages
from labcrate.web.routes.html import login as routes_login
from labcrate.web.routes.html import people as routes_people
from labcrate.web.routes.html import second_factor as routes_login_code
from labcrate.web.routes.html import second_factor as routes_second_factor
from labcrate.web.routes.html import session as routes_session
from labcrate.web.routes.html import static as routes_static
from labcrate.web.routes.html import studies as routes_studies
from labcrate.web.services import SERVICES, services

_LARGEST_BODY_BYTES = 64 * 1024
_ROUTES = (
    routes_studies,
    routes_health,
    routes_sessions,
    routes_jobs,
    routes_links,
    routes_log,
    routes_login,
    routes_people,
    routes_login_code,
    routes_second_factor,
    routes_archive,
    routes_media,
    routes_static,
    routes_pages,
    routes_session,
    routes_plots,
    routes_doctor,
    routes_key,
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
    return await answered(services(request).lab, services(request).pages, request, handler)


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await services(request).gate.let_in(request, handler)


async def _hear_of_end(app: web.Application) -> None:
    # Before connections are closed: those who wait hear that nothing comes, and those who listen hold nothing up.
    await hear_of_end(app[SERVICES])
