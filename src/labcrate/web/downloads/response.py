"""Answers to requests for bytes that have a length and a tag: conditions, ranges, headers, file name, and the body."""

import asyncio
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Literal, Protocol
from urllib.parse import quote

from aiohttp import hdrs, web

from labcrate.archive.entity import Segment
from labcrate.errors import CatalogError, NotAllowedError, SourceChangedError
from labcrate.export.writer import archive_name
from labcrate.messages.text import printable
from labcrate.people.export_log import Outcome
from labcrate.plan.member_names import safe_name
from labcrate.plan.plan import Plan
from labcrate.web.downloads.sender import ClientGoneError, Sender, Transfer, abort_connection, wait_until_done
from labcrate.web.http.conditional import CONDITIONAL_HEADERS, Representation, SelectedRange, select_range

_REPORT_INTERVAL_S = 5.0
# RFC 8187, section 3.2.1: what need not be written as a percentage.
_ATTR_CHAR = "!#$&+-.^_`|~"
# RFC 6266, appendix D: no quotation mark or backslash, which are escaped differently everywhere, and no percentage.
_UNSAFE_IN_QUOTES = re.compile(r'[^ -~]|["\\%]')
_MAX_NAME_BYTES = 180  # a file's name has 255 at most, and browsers add to it
_CLIENT_GONE, _STOPPED = "the client went away", "the server was stopped"
_log = logging.getLogger("labcrate.web")

SegmentReader = Callable[[int, int], Iterable[Segment]]
"""Returns the bytes from one offset up to another (exclusive)."""


class TransferObserver(Protocol):
    """Notes how a body is sent; each note may wait for a disk."""

    async def begin(self, start: int, length: int) -> None:
        """Note that so many bytes from ``start`` will be sent. If this raises, nothing is sent."""

    async def progress(self, sent: int) -> None:
        """Note that so many bytes are sent. Raises NotAllowedError when no more may be."""

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """Note how it ended."""


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
    observer: TransferObserver | None = None,
) -> web.StreamResponse:
    """Send what was asked for of ``there``, with these headers beside those that every such answer has.

    ``about`` names it in the server's log when it turns out not to be what was planned; the connection ends then.
    """
    selected = select_range(request.method, conditional_headers(request), representation)
    common = _headers(representation) | dict(headers)
    if selected.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=selected.status, headers=common)
    _raise_failed_condition(selected, representation)
    response = web.StreamResponse(status=selected.status, headers=common)
    response.content_length = selected.length
    if content_range := selected.content_range(representation.length):
        response.headers[hdrs.CONTENT_RANGE] = content_range
    if request.method == hdrs.METH_GET and selected.length:
        with sender.running_transfer():
            if observer:
                await _log_begin(sender, selected, observer)
            await _send(sender, request, response, segments(selected.start, selected.stop), log_name, observer)
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
    """Return Content-Disposition (RFC 6266, RFC 8187) for a file name: in ASCII, and as it is where that differs."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, suffix = _UNSAFE_IN_QUOTES.sub("_", ascii_only).rpartition(".")
    plain = f"{stem.rstrip()}{dot}{suffix}"
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR, errors='replace')}"


def archive_file_name(plan: Plan) -> str:
    """Return ``Session42 Morning in the kitchen.zip``: the session's id and name, and PARTIAL in the name of a part."""
    stem, _, suffix = archive_name(plan.session.id, partial=plan.options.is_partial).rpartition(".")
    full_name = safe_name(f"{stem} {printable(plan.session.name or '')}".strip())
    cut = full_name.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    return f"{cut.rstrip()}.{suffix}"


def http_date(modified: datetime) -> str:
    """Return a time of change as ``Last-Modified`` has it: never later than now, though files may be (8.8.2.1)."""
    return format_datetime(min(modified, datetime.now(UTC)).astimezone(UTC).replace(microsecond=0), usegmt=True)


def _raise_failed_condition(selected: SelectedRange, representation: Representation) -> None:
    """Raise the error that the status is, if it is one."""
    if selected.status == HTTPStatus.PRECONDITION_FAILED:
        raise web.HTTPPreconditionFailed(
            headers={hdrs.ETAG: representation.etag},
            text="What is there is not, or no longer, what the request is about.",
        )
    if selected.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise web.HTTPRequestRangeNotSatisfiable(
            headers={
                hdrs.CONTENT_RANGE: selected.content_range(representation.length) or "",
                hdrs.ETAG: representation.etag,
            },
            text=f"There are {representation.length} bytes, and the range begins after them.",
        )


async def _log_begin(sender: Sender, selected: SelectedRange, observer: TransferObserver) -> None:
    """Have the observer note what will be sent, and that it ended if the client leaves meanwhile."""
    try:
        await wait_until_done(observer.begin(selected.start, selected.length))
    except asyncio.CancelledError:
        await wait_until_done(observer.end(0, Outcome.ABORTED, _cancel_reason(sender)))
        raise


def _cancel_reason(sender: Sender) -> str:
    return _STOPPED if sender.is_stopping else _CLIENT_GONE


async def _send(
    sender: Sender,
    request: web.Request,
    response: web.StreamResponse,
    segments: Iterable[Segment],
    log_name: str,
    observer: TransferObserver | None,
) -> None:
    transfer = Transfer()
    reporting = (
        asyncio.get_running_loop().create_task(_report_progress(request, transfer, observer)) if observer else None
    )
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
        outcome, reason = Outcome.ABORTED, _cancel_reason(sender)
        if reason == _CLIENT_GONE and transfer.sent == response.content_length:
            outcome, reason = Outcome.FINISHED, ""  # it left with the last byte
        raise
    except OSError as error:
        reason = f"the server has reached a limit ({error.strerror or 'out of resources'})"
    finally:
        if transfer.refusal_reason:
            outcome, reason = Outcome.BROKEN, transfer.refusal_reason
        if outcome is not Outcome.FINISHED:
            response.force_close()
        if outcome is Outcome.BROKEN:
            _log.warning("%s was broken off: %s", log_name, reason)
        if observer and reporting:
            reporting.cancel()
            await wait_until_done(observer.end(transfer.sent, outcome, reason or None))


async def _report_progress(request: web.Request, transfer: Transfer, observer: TransferObserver) -> None:
    while not transfer.refusal_reason:
        await asyncio.sleep(_REPORT_INTERVAL_S)
        try:
            await observer.progress(transfer.sent)
        except NotAllowedError as error:
            transfer.refusal_reason = str(error)
            abort_connection(request)
