"""The application: its parts put together, in the order in which they need each other."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.lab.folder import Lab
from labcrate.web.site import LAB, SETTINGS, WORK
from labcrate.web.snapshot import SNAPSHOT, Snapshot
from labcrate.web.standing import STANDING, Standing

_WORKERS = 8
_LARGEST_BODY_BYTES = 64 * 1024


def make_app(settings: ServeSettings) -> web.Application:
    """The application that serves one lab. Raises NoLabError, CatalogError, PeopleError."""
    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    app[SETTINGS] = settings
    app[LAB] = Lab(settings.lab_folder)
    app[SNAPSHOT] = Snapshot(app[LAB])
    app[STANDING] = Standing(app[LAB], app[SNAPSHOT], settings)
    app[WORK] = ThreadPoolExecutor(_WORKERS, "work")
    app.cleanup_ctx.append(_threads)
    return app


async def _threads(app: web.Application) -> AsyncIterator[None]:
    yield
    app[STANDING].close()
    app[WORK].shutdown(cancel_futures=True)
