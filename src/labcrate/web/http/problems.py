"""Problem details (RFC 9457) of failures; ``routes/failures`` makes a page of them for browsers.

The type is a URN such as ``urn:labcrate:error:no-session`` for each class of ``LabcrateError``, so that scripts can
distinguish them, and ``about:blank`` for failures that only have an HTTP status (RFC 9457, section 4.2.1).
"""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from labcrate.errors import (
    DocumentError,
    IncompleteError,
    LabcrateError,
    NotReadyError,
    SecretsError,
    TooManyError,
)
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message, plain_text
from labcrate.messages.text import printable_lines

MEDIA_TYPE = "application/problem+json"
_ABOUT_HTTP = "about:blank"
_STATUS_TEXTS = {
    HTTPStatus.NOT_FOUND: Message("server.no_address"),
    HTTPStatus.METHOD_NOT_ALLOWED: Message("server.method_not_allowed"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Message("server.request_too_large"),
}
_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """The failure of a request (RFC 9457, section 3), with its extension members."""

    type: str
    title: str
    status: int
    detail: Message | str
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def as_object(self, instance: str | None = None) -> dict[str, Any]:
        """Return the JSON object; ``instance`` is the address of the request."""
        members = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return members | ({"instance": instance} if instance else {}) | dict(self.extensions)


def problem_of_error(error: LabcrateError) -> ProblemDetails:
    """Return the problem details of an error of labcrate."""
    extensions: dict[str, Any] = {}
    detail = error.message
    if isinstance(error, TooManyError | NotReadyError):
        extensions["retryAfterSeconds"] = error.retry_after_s
    elif isinstance(error, DocumentError):
        extensions |= {"file": printable_lines(error.file), "where": printable_lines(error.where)}
    elif isinstance(error, IncompleteError) and error.missing:
        extensions["missing"] = [{"what": what, "why": why, "remedy": remedy} for what, why, remedy in error.missing]
        missing = tuple(Message("server.missing", what=what, why=why) for what, why, _ in error.missing)
        detail = Message("server.incomplete", missing=missing)
    elif isinstance(error, SecretsError):
        extensions["files"] = [
            {"file": member, "kinds": kinds, "redactable": can} for member, kinds, can in error.files
        ]
        files = tuple(
            Message("server.redactable_file" if can else "server.unredactable_file", file=member, kinds=list(kinds))
            for member, kinds, can in error.files
        )
        detail = Message("server.secrets", files=files)
    return ProblemDetails(error.urn, error.title, error.http_status, _printable(detail), extensions)


def http_error(error: web.HTTPException, message: Message) -> web.HTTPException:
    """Return an HTTP error with a message as its text, which ``problem_of_http`` finds again with id and values."""
    error.text = message
    error.args = (message,)
    return error


def problem_of_http(error: web.HTTPException) -> ProblemDetails:
    """Return the problem details of a failure that has an HTTP status only."""
    status = HTTPStatus(error.status)
    text = error.text if error.text and error.text != f"{error.status}: {error.reason}" else None
    message = next((one for one in error.args if isinstance(one, Message)), None)
    default = Message("server.http_status", text=status.description or status.phrase)
    detail = message or _STATUS_TEXTS.get(status) or text or default
    extensions: dict[str, Any] = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        extensions["allowed"] = sorted(error.allowed_methods)
    return ProblemDetails(_ABOUT_HTTP, status.phrase, error.status, _printable(detail), extensions)


def _printable(text: Message | str) -> Message | str:
    """Return a text with its control characters escaped; the values of a message are already."""
    return text if isinstance(text, Message) else printable_lines(text)


def log_unexpected_error(lab: LabFolder, activity: str, error: BaseException) -> None:
    """Log an unexpected error with its traceback; ``activity`` is what failed."""
    _log.error("%s failed unexpectedly:\n%s", activity, format_traceback(lab, error))


def format_traceback(lab: LabFolder, error: BaseException) -> str:
    """Return the traceback of an error for the log, without the path of the lab folder."""
    return printable_lines("".join(traceback.format_exception(error)).replace(str(lab.root), "LAB"))


def unexpected_problem() -> ProblemDetails:
    """Return the problem details of an unexpected failure, which is a defect of this server."""
    return ProblemDetails(_ABOUT_HTTP, "Internal Server Error", 500, Message("server.unexpected"))


def response_without_handler(status: int) -> web.Response:
    """Return the response to a request that no handler received; even its address is unknown."""
    is_defect = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    message = Message("server.unexpected" if is_defect else "server.not_http")
    problem = ProblemDetails(_ABOUT_HTTP, HTTPStatus(status).phrase, status, message)
    body = msgspec.json.encode(problem.as_object(), enc_hook=plain_text)
    return web.Response(body=body, status=status, content_type=MEDIA_TYPE)
