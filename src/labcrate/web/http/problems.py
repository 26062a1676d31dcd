"""Make problem details (RFC 9457) of failures; ``routes/failures`` shows people a page instead.

The type of a failure of ours is ``urn:labcrate:error:no-session`` (one for each class of error, for scripts to tell
apart); for one that HTTP itself has a word for it is ``about:blank`` (RFC 9457, section 4.2.1).
"""

import logging
import re
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
from labcrate.messages.message import plain_text
from labcrate.messages.text import printable_lines

MEDIA_TYPE = "application/problem+json"
_ABOUT_HTTP = "about:blank"
_NO_REQUEST = "What was sent is no HTTP request; the connection ends here."
_UNEXPECTED = "Something unexpected happened; the server's log says what. Try again, and tell the administrator."
_STATUS_TEXTS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method; 'Allow' names those that it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is larger than anything this server takes.",
}
_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """What went wrong with a request (RFC 9457, section 3); ``more`` are its extension members."""

    type: str
    title: str
    status: int
    detail: str
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def as_object(self, instance: str | None = None) -> dict[str, Any]:
        """The members of the JSON object; ``instance`` is the address it is about."""
        members = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return members | ({"instance": instance} if instance else {}) | dict(self.extensions)


def problem_of_error(error: LabcrateError) -> ProblemDetails:
    """The problem that an error of ours is to whoever asked."""
    extensions: dict[str, Any] = {}
    detail = str(error)
    if isinstance(error, TooManyError | NotReadyError):
        extensions["retryAfterSeconds"] = error.retry_after_s
    elif isinstance(error, DocumentError):
        extensions |= {"file": printable_lines(error.file), "where": printable_lines(error.where)}
    elif isinstance(error, IncompleteError) and error.missing:
        extensions["missing"] = [{"what": what, "why": why, "remedy": remedy} for what, why, remedy in error.missing]
        listed = "; ".join(f"{what} {why}" for what, why, _ in error.missing)
        detail = f"{detail.partition(':')[0]}: {listed}. Put that right, or ask for the rest with allow_incomplete=1."
    elif isinstance(error, SecretsError):
        extensions["files"] = [
            {"file": member, "kinds": kinds, "redactable": can} for member, kinds, can in error.files
        ]
        query = _CLI_FLAGS.sub(_query_parameter, " ".join(detail.split()))
        detail = f"{query} Only an administrator may ask for allow_secrets=1."
    return ProblemDetails(error.urn, error.title, error.http_status, printable_lines(detail), extensions)


_CLI_FLAGS = re.compile(r"--(redact|allow-secrets)")


def _query_parameter(flag: re.Match[str]) -> str:
    return f"{flag[1].replace('-', '_')}=1"


def problem_of_http(error: web.HTTPException) -> ProblemDetails:
    """The problem that HTTP itself has a word for."""
    status = HTTPStatus(error.status)
    text = error.text if error.text and error.text != f"{error.status}: {error.reason}" else None
    detail = _STATUS_TEXTS.get(status) or text or f"{status.description or status.phrase}."
    extensions: dict[str, Any] = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        extensions["allowed"] = sorted(error.allowed_methods)
    return ProblemDetails(_ABOUT_HTTP, status.phrase, error.status, printable_lines(detail), extensions)


def log_unexpected_error(lab: LabFolder, activity: str, error: BaseException) -> None:
    """Log an error that nobody foresaw, with its traceback."""
    _log.error("%s failed unexpectedly:\n%s", activity, format_traceback(lab, error))


def format_traceback(lab: LabFolder, error: BaseException) -> str:
    """An error's traceback for the log; where the lab lies is nobody's affair."""
    return printable_lines("".join(traceback.format_exception(error)).replace(str(lab.root), "LAB"))


def unexpected_problem() -> ProblemDetails:
    """Return the problem of a failure that is a mistake of this server."""
    return ProblemDetails(_ABOUT_HTTP, "Internal Server Error", 500, _UNEXPECTED)


def response_without_handler(status: int) -> web.Response:
    """The answer to what no handler saw, of which not even the address is known."""
    detail = _UNEXPECTED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _NO_REQUEST
    problem = ProblemDetails(_ABOUT_HTTP, HTTPStatus(status).phrase, status, detail)
    body = msgspec.json.encode(problem.as_object(), enc_hook=plain_text)
    return web.Response(body=body, status=status, content_type=MEDIA_TYPE)
