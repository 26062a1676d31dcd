"""Plans for pages: one that takes long goes on by itself, and the page says so instead of keeping anybody waiting."""

import asyncio

from aiohttp import web

from labcrate.export.build import Assembly
from labcrate.export.contents import Options
from labcrate.web.site import SETTINGS, work
from labcrate.web.standing import STANDING

PATIENCE_SECONDS = 2.5


class Planning:
    """The plans that are being made just now. Use it on the event loop."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._tasks: dict[tuple[int, Options], asyncio.Task[Assembly]] = {}

    async def ask(self, number: int, options: Options) -> Assembly | None:
        """A session's plan; None when it takes longer than somebody likes to wait.

        Then it goes on, and whoever asks again joins it.

        Raises what ``Standing.plan`` does.
        """
        key = number, options
        task = self._tasks.get(key)
        if task is None:
            planning = work(self._app, self._app[STANDING].plan, number, options)
            task = self._tasks[key] = asyncio.get_running_loop().create_task(planning)
            task.add_done_callback(lambda done: self._ended(key, done))
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        return task.result() if task.done() else None

    def whole(self) -> Options:
        """The options of a whole session's plan."""
        return Options(base_topic=self._app[SETTINGS].base_topic)

    def _ended(self, key: tuple[int, Options], task: asyncio.Task[Assembly]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # nobody may be left who asks for it


PLANNING = web.AppKey("planning", Planning)
