"""Responses to errors: problem details below ``/api/``, a page elsewhere."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from labcrate.errors import LabcrateError, LoginError, NotReadyError, TooManyError
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import plain_text
from labcrate.messages.text import printable
from labcrate.web.auth.require_role import Handler
from labcrate.web.http.problems import (
    MEDIA_TYPE,
    ProblemDetails,
    log_unexpected_error,
    problem_of_error,
    problem_of_http,
    unexpected_problem,
)
from labcrate.web.pages.render import Pages

_STATUS_CLIENT_CLOSED = 499  # never sent: the status that nginx logs for a client that has disconnected
_log = logging.getLogger("labcrate.web")


async def answer_failures(lab: LabFolder, pages: Pages, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run a handler and turn every error into a response that shows no more than its reader may see."""
    try:
        return await handler(request)
    except LabcrateError as error:
        problem, headers = problem_of_error(error), _headers_of(error)
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NotReadyError):
            _log.warning("%s %s: %s", request.method, printable(request.path), printable(str(error)))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        problem = problem_of_http(error)
        headers = {name: value for name, value in error.headers.items() if name not in _BODY_HEADERS}
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
        if isinstance(error, ConnectionError) and _is_disconnected(request):
            return web.Response(status=_STATUS_CLIENT_CLOSED)
        log_unexpected_error(lab, f"{request.method} {printable(request.path)}", error)
        problem, headers = unexpected_problem(), {}
    return _answer(pages, request, problem, headers)


_BODY_HEADERS = (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING)


def _headers_of(error: LabcrateError) -> dict[str, str]:
    if isinstance(error, TooManyError | NotReadyError):
        return {hdrs.RETRY_AFTER: str(error.retry_after_s)}
    if isinstance(error, LoginError):  # RFC 9110, section 11.6.1: a 401 names a way to log in
        return {hdrs.WWW_AUTHENTICATE: 'Bearer realm="labcrate"'}
    return {}


def _accepts_page(request: web.Request) -> bool:
    """Return whether a browser opens this address as a page; scripts of pages request JSON."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "") and hdrs.AUTHORIZATION not in request.headers


def _is_disconnected(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _answer(
    pages: Pages, request: web.Request, problem: ProblemDetails, headers: Mapping[str, str]
) -> web.StreamResponse:
    if request.writer.output_size > 0:
        # The response has begun: only a broken connection shows the client that it is incomplete.
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=problem.status)
    if request.path.startswith("/api/") and not _accepts_page(request):
        body = msgspec.json.encode(problem.as_object(request.path), enc_hook=plain_text)
        answer = web.Response(body=body, status=problem.status, content_type=MEDIA_TYPE)
    else:
        retry_after_s = (
            problem.extensions.get("retryAfterSeconds") if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else None
        )
        answer = pages.render(
            request,
            "error.html",
            status=problem.status,
            title=problem.title,
            detail=problem.detail,
            retry_after_s=retry_after_s,
        )
        if retry_after_s and request.method == hdrs.METH_GET:
            answer.headers["Refresh"] = str(retry_after_s)  # the download starts once the archive is ready
    if problem.status == HTTPStatus.REQUEST_TIMEOUT:
        answer.force_close()  # the rest of the data is not a request
    answer.headers.update(headers)
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    return answer
