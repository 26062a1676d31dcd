"""Responses with bytes of known length and entity tag: conditions, ranges, headers, file name, and the body."""

import asyncio
import logging
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import Literal, Protocol
from urllib.parse import quote

from aiohttp import hdrs, web

from labcrate.archive.entity import Segment
from labcrate.errors import CatalogError, NotAllowedError, SourceChangedError, TargetError
from labcrate.export.writer import archive_name
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.people.export_log import Outcome
from labcrate.plan.member_names import safe_name
from labcrate.plan.plan import Plan
from labcrate.web.downloads.sender import ClientGoneError, Sender, Transfer, abort_connection, wait_until_done
from labcrate.web.http.conditional import CONDITIONAL_HEADERS, Representation, SelectedRange, select_range
from labcrate.web.http.problems import http_error

_REPORT_INTERVAL_S = 5.0
# RFC 8187, section 3.2.1: characters that need no percent-encoding.
_ATTR_CHAR = "!#$&+-.^_`|~"
# RFC 6266, appendix D: no quotation mark or backslash, which clients unescape differently, and no percent sign.
_UNSAFE_IN_QUOTES = re.compile(r'[^ -~]|["\\%]')
_MAX_NAME_BYTES = 180  # file systems allow 255, and browsers add to a name
_CLIENT_GONE, _STOPPED = Message("server.client_gone"), Message("server.stopped")
_INTERNAL_ERROR = Message("server.internal_error")
_log = logging.getLogger("labcrate.web")

SegmentReader = Callable[[int, int], Iterable[Segment]]
"""Returns the segments of the bytes from one offset to another (exclusive)."""

BeforeBody = Callable[[int, int], Awaitable[None]]
"""Makes what the bytes from one offset to another (exclusive) are read from."""


class LogEntry(Protocol):
    """A record of one transfer. Its methods may wait for a disk."""

    async def begin(self, start: int, length: int) -> None:
        """Record that ``length`` bytes from offset ``start`` will be sent. If this raises, nothing is sent."""

    async def progress(self, sent: int) -> None:
        """Record the number of bytes sent so far. Raises NotAllowedError if no more may be sent."""

    async def end(self, sent: int, outcome: Outcome, reason: Message | str | None) -> None:
        """Record how the transfer ended, with the number of bytes sent."""


def conditional_headers(request: web.Request) -> dict[str, str]:
    """Return the conditional headers of a request."""
    return {name: ", ".join(request.headers.getall(name)) for name in CONDITIONAL_HEADERS if name in request.headers}


async def send_representation(
    sender: Sender,
    request: web.Request,
    representation: Representation,
    headers: Mapping[str, str],
    segments: SegmentReader,
    log_name: str,
    log_entry: LogEntry | None = None,
    before_body: BeforeBody | None = None,
) -> web.StreamResponse:
    """Send the requested part of a representation, with ``headers`` added to those that every such response has.

    ``log_name`` names it in the server's log if a file has changed since it was planned; then the connection is closed.
    ``before_body`` is awaited between the headers and the body, for the bytes from its first argument to its second.
    """
    selected = select_range(request.method, conditional_headers(request), representation)
    all_headers = _headers(representation) | dict(headers)
    if selected.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=selected.status, headers=all_headers)
    _raise_failed_condition(selected, representation)
    response = web.StreamResponse(status=selected.status, headers=all_headers)
    response.content_length = selected.length
    if content_range := selected.content_range(representation.length):
        response.headers[hdrs.CONTENT_RANGE] = content_range
    if request.method == hdrs.METH_GET and selected.length:
        with sender.running_transfer():
            if log_entry:
                await _log_begin(sender, selected, log_entry)
            parts = segments(selected.start, selected.stop)
            making = partial(before_body, selected.start, selected.stop) if before_body else None
            await _send(sender, request, response, parts, log_name, log_entry, making)
    return response


def _headers(representation: Representation) -> dict[str, str]:
    headers: dict[str, str] = {
        hdrs.ETAG: representation.etag,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "private, no-cache, no-transform",
    }
    if representation.modified is None:
        return headers
    return headers | {hdrs.LAST_MODIFIED: http_date(representation.modified)}


def content_disposition(name: str, kind: Literal["attachment", "inline"] = "attachment") -> str:
    """Return Content-Disposition (RFC 6266, RFC 8187) for a file name: in ASCII, and in full if that differs."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, suffix = _UNSAFE_IN_QUOTES.sub("_", ascii_only).rpartition(".")
    plain = f"{stem.rstrip()}{dot}{suffix}"
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR, errors='replace')}"


def archive_file_name(plan: Plan) -> str:
    """Return a name such as ``Session42 Morning in the kitchen.zip``, with PARTIAL in the name of a partial export."""
    stem, _, suffix = archive_name(plan.session.id, partial=plan.options.is_partial).rpartition(".")
    full_name = safe_name(f"{stem} {printable(plan.session.name or '')}".strip())
    cut = full_name.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    return f"{cut.rstrip()}.{suffix}"


def http_date(modified: datetime) -> str:
    """Return a time of change for ``Last-Modified``: the current time for a later one (8.8.2.1)."""
    return format_datetime(min(modified, datetime.now(UTC)).astimezone(UTC).replace(microsecond=0), usegmt=True)


def _raise_failed_condition(selected: SelectedRange, representation: Representation) -> None:
    """Raise HTTPException if the status is an error: 412 or 416."""
    if selected.status == HTTPStatus.PRECONDITION_FAILED:
        raise http_error(
            web.HTTPPreconditionFailed(headers={hdrs.ETAG: representation.etag}),
            Message("server.precondition_failed"),
        )
    if selected.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        content_range = selected.content_range(representation.length) or ""
        headers = {hdrs.CONTENT_RANGE: content_range, hdrs.ETAG: representation.etag}
        raise http_error(
            web.HTTPRequestRangeNotSatisfiable(headers=headers),
            Message("server.range_not_satisfiable", count=representation.length),
        )


async def _log_begin(sender: Sender, selected: SelectedRange, log_entry: LogEntry) -> None:
    """Record which bytes will be sent; if the client disconnects meanwhile, also record the end."""
    try:
        await wait_until_done(log_entry.begin(selected.start, selected.length))
    except asyncio.CancelledError:
        await wait_until_done(log_entry.end(0, Outcome.ABORTED, _cancel_reason(sender)))
        raise


def _cancel_reason(sender: Sender) -> Message:
    return _STOPPED if sender.is_stopping else _CLIENT_GONE


async def _send(
    sender: Sender,
    request: web.Request,
    response: web.StreamResponse,
    segments: Iterable[Segment],
    log_name: str,
    log_entry: LogEntry | None,
    making: Callable[[], Awaitable[None]] | None,
) -> None:
    transfer = Transfer()
    reporting = (
        asyncio.get_running_loop().create_task(_report_progress(request, transfer, log_entry)) if log_entry else None
    )
    outcome = Outcome.BROKEN
    reason: Message | str | None = _INTERNAL_ERROR
    try:
        await response.prepare(request)
        if making:
            request.writer.send_headers()  # the client knows that it will be answered, however long this takes
            await making()
        await sender.send(request, segments, transfer)
        outcome, reason = Outcome.FINISHED, None
    except (SourceChangedError, CatalogError, TargetError) as error:
        reason = error.message
    except (ClientGoneError, ConnectionError):
        outcome, reason = Outcome.ABORTED, _CLIENT_GONE
    except asyncio.CancelledError:
        outcome, reason = Outcome.ABORTED, _cancel_reason(sender)
        if reason == _CLIENT_GONE and transfer.sent == response.content_length:
            outcome, reason = Outcome.FINISHED, None  # the client disconnected after the last byte
        raise
    except OSError as error:
        reason = Message("server.resource_limit", error=error.strerror or "out of resources")
    finally:
        if transfer.refusal_reason:
            outcome, reason = Outcome.BROKEN, transfer.refusal_reason
        if outcome is not Outcome.FINISHED:
            response.force_close()
        if outcome is Outcome.BROKEN:
            _log.warning("%s failed: %s", log_name, reason)
        if log_entry and reporting:
            reporting.cancel()
            await wait_until_done(log_entry.end(transfer.sent, outcome, reason))


async def _report_progress(request: web.Request, transfer: Transfer, log_entry: LogEntry) -> None:
    while not transfer.refusal_reason:
        await asyncio.sleep(_REPORT_INTERVAL_S)
        try:
            await log_entry.progress(transfer.sent)
        except NotAllowedError as error:
            transfer.refusal_reason = error.message
            abort_connection(request)
