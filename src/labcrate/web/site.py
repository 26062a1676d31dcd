"""What every route stands on: the settings, the lab, and threads for work that would hold up the others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

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


def path_prefix(settings: ServeSettings) -> str:
    """The path below which a proxy serves this server: empty, or like ``/labcrate``."""
    return urlsplit(settings.base_url).path.rstrip("/") if settings.base_url else ""


def url(app: web.Application, path: str) -> str:
    """A path of this server as a page or redirect has to name it."""
    return path_prefix(app[SETTINGS]) + path
