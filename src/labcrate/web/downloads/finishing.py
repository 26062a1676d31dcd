"""Seeing things through: a client that leaves and a server that stops cancel whoever waits, not what is waited for."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def finish(what: Awaitable[T]) -> T:
    """Wait for something to its end, however often whoever waits is cancelled; they hear of that afterwards.

    ``asyncio.shield`` is not enough: it keeps what is waited for from being cancelled, but waits no longer itself.
    """
    task = asyncio.ensure_future(what)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    found = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return found
