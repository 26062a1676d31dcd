"""The application: its parts put together, in the order in which they need each other."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.lab.folder import Lab
from labcrate.people.passwords import Passwords
from labcrate.web import (
    routes_archive,
    routes_doctor,
    routes_health,
    routes_jobs,
    routes_key,
    routes_links,
    routes_log,
    routes_login,
    routes_login_code,
    routes_media,
    routes_pages,
    routes_people,
    routes_plots,
    routes_second_factor,
    routes_session,
    routes_sessions,
    routes_static,
    routes_studies,
)
from labcrate.web.archives.archive_cache import STANDING, Standing, keep_tidy
from labcrate.web.archives.indexer import add_indexer
from labcrate.web.archives.inventory_cache import SNAPSHOT, Snapshot
from labcrate.web.archives.plan_queue import add_planning
from labcrate.web.archives.prepare_jobs import add_jobs
from labcrate.web.ends import add_ends
from labcrate.web.examining import add_examining
from labcrate.web.expecting import expecting
from labcrate.web.gate import access
from labcrate.web.listing import LISTING, Listing
from labcrate.web.login import open_people
from labcrate.web.plots import PLOTS, Plots
from labcrate.web.problem import problems
from labcrate.web.security import add_headers
from labcrate.web.sending import add_sender
from labcrate.web.site import LAB, SETTINGS, WORK
from labcrate.web.thumbnails import add_thumbnails
from labcrate.web.timeline import TIMELINES, Timelines

_WORKERS = 8
_LARGEST_BODY_BYTES = 64 * 1024


def make_app(settings: ServeSettings, passwords: Passwords | None = None) -> web.Application:
    """The application that serves one lab. Raises NoLabError, CatalogError, PeopleError."""
    app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[problems, access])
    app.on_response_prepare.append(add_headers)
    app[SETTINGS] = settings
    app[LAB] = Lab(settings.lab_folder)
    open_people(app, passwords)
    app[SNAPSHOT] = Snapshot(app[LAB], settings.recorders)
    app[STANDING] = Standing(app[LAB], app[SNAPSHOT], settings)
    app[WORK] = ThreadPoolExecutor(_WORKERS, "work")
    app.cleanup_ctx.append(_threads)
    app.cleanup_ctx.append(keep_tidy)
    add_ends(app)
    add_sender(app)
    app[LISTING] = Listing(app[SNAPSHOT])
    add_planning(app)
    add_examining(app)
    add_jobs(app)
    add_indexer(app)
    app.add_routes(expecting(routes_studies.routes))
    for part in (routes_health, routes_sessions, routes_jobs, routes_links, routes_log, routes_login, routes_people):
        app.add_routes(expecting(part.routes))
    for second in (routes_login_code, routes_second_factor):
        app.add_routes(expecting(second.routes))
    for downloads in (routes_archive, routes_media):
        app.add_routes(expecting(downloads.routes))
    app[PLOTS], app[TIMELINES] = Plots(), Timelines()
    add_thumbnails(app)
    for pages in (routes_static, routes_pages, routes_session, routes_plots, routes_doctor, routes_key):
        app.add_routes(expecting(pages.routes))
    return app


async def _threads(app: web.Application) -> AsyncIterator[None]:
    yield
    app[STANDING].close()
    app[WORK].shutdown(cancel_futures=True)
