"""Long texts on pages: cut where one would make a page too long, and read on part by part."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from markupsafe import Markup

from labcrate.config import ServeSettings
from labcrate.model.session import Session
from labcrate.web.http.urls import session_url

PART = 20_000
"""Characters of one text that a page shows at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text: the characters from ``first`` (counted from 1) to ``last`` of ``total``, and its neighbours."""

    text: str
    first: int
    last: int
    total: int
    before: str | None
    after: str | None


def bounded(value: Any) -> Any:
    """Cut a text that is too long for a page, and say how long it is; what the page itself made stays whole."""
    if isinstance(value, str) and len(value) > PART and not isinstance(value, Markup):
        return f"{value[:PART]}… ({PART:,} / {len(value):,})"
    return value


def part_of(request: web.Request, settings: ServeSettings, session: Session, name: str) -> Part | None:
    """Return the part of a session's text that the query of that name counts (``?notes=2``), the first without one."""
    text = session.notes if name == "notes" else session.description
    if not text:
        return None
    wanted, parts = request.query.get(name, ""), -(-len(text) // PART)
    number = min(parts, max(1, int(wanted))) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 1

    def to(other: int) -> str:
        return f"{session_url(settings, session.id)}?{name}={other}#{name}"

    return Part(
        text[(number - 1) * PART : number * PART],
        (number - 1) * PART + 1,
        min(number * PART, len(text)),
        len(text),
        to(number - 1) if number > 1 else None,
        to(number + 1) if number < parts else None,
    )
