"""Answering a request for bytes that have a length and a tag: conditions, ranges, headers, and the body."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol

from aiohttp import hdrs, web

from labcrate.archive.entity import Segment
from labcrate.errors import CatalogError, NotAllowedError, SourceChangedError
from labcrate.people.exports import Outcome
from labcrate.web.finishing import finish
from labcrate.web.ranges import CONDITIONS, Answer, Representation, answer
from labcrate.web.sending import ClientGoneError, Sender, Transfer, break_off

_TELL_EVERY_SECONDS = 5.0
_CLIENT_GONE, _STOPPED = "the client went away", "the server was stopped"
_log = logging.getLogger("labcrate.web")

Segments = Callable[[int, int], Iterable[Segment]]
"""Gives what lies from one offset up to another (exclusive)."""


class Witness(Protocol):
    """Is told how a body is sent, and may wait for a disk each time."""

    async def begin(self, start: int, length: int) -> None:
        """So many bytes from there will be sent. What this raises has nothing sent."""

    async def progress(self, sent: int) -> None:
        """So many bytes are on their way. Raises NotAllowedError when no more may be."""

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """How it ended."""


def conditions(request: web.Request) -> dict[str, str]:
    """The headers of a request that say under which condition which part is wanted."""
    return {name: ", ".join(request.headers.getall(name)) for name in CONDITIONS if name in request.headers}


async def deliver(
    sender: Sender,
    request: web.Request,
    there: Representation,
    headers: Mapping[str, str],
    segments: Segments,
    about: str,
    witness: Witness | None = None,
) -> web.StreamResponse:
    """Send what was asked for of ``there``, with these headers beside those that every such answer has.

    ``about`` names it in the server's log when it turns out not to be what was planned; the connection breaks then.
    """
    part = answer(request.method, conditions(request), there)
    common = _headers(there) | dict(headers)
    if part.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=part.status, headers=common)
    _refuse(part, there)
    response = web.StreamResponse(status=part.status, headers=common)
    response.content_length = part.length
    if content_range := part.content_range(there.length):
        response.headers[hdrs.CONTENT_RANGE] = content_range
    if request.method == hdrs.METH_GET and part.length:
        with sender.under_way():
            if witness:
                await _begin(sender, part, witness)
            await _send(sender, request, response, segments(part.start, part.stop), about, witness)
    return response


def _headers(there: Representation) -> dict[str, str]:
    headers: dict[str, str] = {
        hdrs.ETAG: there.etag,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "private, no-cache, no-transform",
    }
    if there.modified is None:
        return headers
    return headers | {hdrs.LAST_MODIFIED: http_date(there.modified)}


def http_date(changed: datetime) -> str:
    """When something was last changed, for ``Last-Modified``: never later than now, though files may be (8.8.2.1)."""
    return format_datetime(min(changed, datetime.now(UTC)).astimezone(UTC).replace(microsecond=0), usegmt=True)


def _refuse(part: Answer, there: Representation) -> None:
    """Raise the error that the status is, if it is one."""
    if part.status == HTTPStatus.PRECONDITION_FAILED:
        raise web.HTTPPreconditionFailed(
            headers={hdrs.ETAG: there.etag}, text="What is there is not, or no longer, what the request is about."
        )
    if part.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise web.HTTPRequestRangeNotSatisfiable(
            headers={hdrs.CONTENT_RANGE: part.content_range(there.length) or "", hdrs.ETAG: there.etag},
            text=f"There are {there.length} bytes, and the range begins after them.",
        )


async def _begin(sender: Sender, part: Answer, witness: Witness) -> None:
    """Have it written down what will be sent; whoever leaves meanwhile leaves a line that has ended."""
    try:
        await finish(witness.begin(part.start, part.length))
    except asyncio.CancelledError:
        await finish(witness.end(0, Outcome.ABORTED, _why_cancelled(sender)))
        raise


def _why_cancelled(sender: Sender) -> str:
    return _STOPPED if sender.stopping else _CLIENT_GONE


async def _send(
    sender: Sender,
    request: web.Request,
    response: web.StreamResponse,
    segments: Iterable[Segment],
    about: str,
    witness: Witness | None,
) -> None:
    transfer = Transfer()
    telling = asyncio.get_running_loop().create_task(_tell(request, transfer, witness)) if witness else None
    outcome, reason = Outcome.BROKEN, "the server failed"
    try:
        await response.prepare(request)
        await sender.send(request, segments, transfer)
        outcome, reason = Outcome.FINISHED, ""
    except (SourceChangedError, CatalogError) as error:
        reason = str(error)
    except (ClientGoneError, ConnectionError):
        outcome, reason = Outcome.ABORTED, _CLIENT_GONE
    except asyncio.CancelledError:
        outcome, reason = Outcome.ABORTED, _why_cancelled(sender)
        if reason == _CLIENT_GONE and transfer.sent == response.content_length:
            outcome, reason = Outcome.FINISHED, ""  # it left with the last byte
        raise
    except OSError as error:
        reason = f"the server has reached a limit ({error.strerror or 'out of resources'})"
    finally:
        if transfer.refused:
            outcome, reason = Outcome.BROKEN, transfer.refused
        if outcome is not Outcome.FINISHED:
            response.force_close()
        if outcome is Outcome.BROKEN:
            _log.warning("%s was broken off: %s", about, reason)
        if witness and telling:
            telling.cancel()
            await finish(witness.end(transfer.sent, outcome, reason or None))


async def _tell(request: web.Request, transfer: Transfer, witness: Witness) -> None:
    while not transfer.refused:
        await asyncio.sleep(_TELL_EVERY_SECONDS)
        try:
            await witness.progress(transfer.sent)
        except NotAllowedError as error:
            transfer.refused = str(error)
            break_off(request)
