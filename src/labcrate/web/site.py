"""What every route stands on: the settings, the lab, and threads for work that would hold up the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.lab.folder import Lab

P = ParamSpec("P")
T = TypeVar("T")

SETTINGS = web.AppKey("settings", ServeSettings)
LAB = web.AppKey("lab", Lab)
WORK = web.AppKey("work", ThreadPoolExecutor)


async def work(app: web.Application, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something that reads the disk or computes, in one of the server's threads."""
    return await asyncio.get_running_loop().run_in_executor(app[WORK], partial(function, *args, **kwargs))


@asynccontextmanager
async def repeating(app: web.Application, seconds: float, function: Callable[[], object]) -> AsyncIterator[None]:
    """In the block, run something in one of the server's threads again and again, with so many seconds between."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            await work(app, function)

    task = asyncio.get_running_loop().create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def path_prefix(settings: ServeSettings) -> str:
    """The path below which a proxy serves this server: empty, or like ``/labcrate``."""
    return urlsplit(settings.base_url).path.rstrip("/") if settings.base_url else ""


def url(app: web.Application, path: str) -> str:
    """A path of this server as a page or redirect has to name it."""
    return path_prefix(app[SETTINGS]) + path


def session_url(app: web.Application, session_id: str, below: str = "") -> str:
    """The path of a session's page, or of what lies below it (``/readings``), its id percent-encoded."""
    return url(app, f"/sessions/{quote(session_id, safe='')}{below}")


def session_api_url(app: web.Application, session_id: str, below: str = "") -> str:
    """The path of a session in the API, or of what lies below it (``/plan``), its id percent-encoded."""
    return url(app, f"/api/sessions/{quote(session_id, safe='')}{below}")
