"""Read the queries of lists (sessions, export log); search, filter, sort and page the sessions."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from multidict import MultiMapping

from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.model.session import Session, id_sort_key, is_numeric_id
from labcrate.people.export_log import ExportLogFilter, Outcome
from labcrate.people.roles import SessionScope
from labcrate.plan.option_values import parse_bound, parse_session
from labcrate.plan.overview import SessionRow
from labcrate.web.archives.inventory_cache import InventoryCache

MAX_ROWS = 1000
_DEFAULT_ROWS = 100
_MAX_OFFSET = 10**9
_NAMES = ("q", "status", "from", "to", "sort", "order", "limit", "offset")


class Sort(StrEnum):
    """The columns that sessions can be sorted by."""

    ID = "id"
    NAME = "name"
    START = "start"
    DURATION = "duration"
    SIZE = "size"
    RECORDINGS = "recordings"


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """A search for sessions, with its order and page.

    Each of ``words`` must occur; ``statuses`` are alternatives (none: all); ``start`` and ``end`` (exclusive) limit the
    start times.
    """

    words: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    sort: Sort = Sort.ID
    descending: bool = False
    limit: int = _DEFAULT_ROWS
    offset: int = 0


@dataclass(frozen=True, slots=True)
class SessionPage:
    """One page of the sessions that match a query; ``total`` counts all of them."""

    rows: tuple[SessionRow, ...]
    total: int


def session_query(query: MultiMapping[str], zone: str) -> SessionQuery:
    """Return the search of a query; dates without a time are days in ``zone``. Raises UsageError."""
    for name in query:
        if name not in _NAMES:
            raise UsageError(Message("query.unknown_option", name=name, names=", ".join(_NAMES)))
        if name != "status" and len(query.getall(name)) > 1:
            raise UsageError(Message("query.repeated_option", name=name))
    sort, order = query.get("sort") or Sort.ID, query.get("order") or "asc"
    if sort not in list(Sort):
        raise UsageError(Message("query.not_one_of", name="sort", value=sort, allowed=", ".join(Sort)))
    if order not in ("asc", "desc"):
        raise UsageError(Message("query.not_one_of", name="order", value=order, allowed="asc, desc"))
    return SessionQuery(
        words=tuple(_folded(query.get("q", "")).split()),
        statuses=tuple(status for status in query.getall("status", []) if status),
        start=parse_bound("from", query.get("from"), zone),
        end=parse_bound("to", query.get("to"), zone, timedelta(days=1)),
        sort=Sort(sort),
        descending=order == "desc",
        limit=_number(query, "limit", _DEFAULT_ROWS, 1, MAX_ROWS),
        offset=_number(query, "offset", 0, 0, _MAX_OFFSET),
    )


def _number(query: MultiMapping[str], name: str, default: int, minimum: int, maximum: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) else -1
    if not minimum <= number <= maximum:
        raise UsageError(Message("query.whole_number", name=name, value=text, least=str(minimum), most=str(maximum)))
    return number


class SessionList:
    """A search over the sessions of a lab. Its methods read the disk: call them in a worker thread."""

    def __init__(self, inventories: InventoryCache) -> None:
        self._inventories = inventories
        self._sessions: Mapping[str, Session] | None = None
        self._texts: Mapping[str, str] = {}

    def rows(self, scope: SessionScope) -> list[SessionRow]:
        """Return the rows of the sessions in a scope, by ID. Raises DocumentError."""
        return [row for row in self._inventories.rows() if row.id in scope]

    def find(self, query: SessionQuery, scope: SessionScope) -> SessionPage:
        """Return the page of rows in a scope that match a query. Raises DocumentError."""
        rows: Sequence[SessionRow] = self.rows(scope)
        if query.statuses:
            rows = [row for row in rows if (row.status or "") in query.statuses]
        if query.start is not None or query.end is not None:
            rows = [row for row in rows if _starts_within(row, query.start, query.end)]
        if query.words:
            texts = self._searchable(self._inventories.inventory().book.sessions)
            rows = [row for row in rows if _matches(row.id, texts.get(row.id, ""), query.words)]
        ordered = _sorted_rows(rows, query.sort, descending=query.descending)
        return SessionPage(tuple(ordered[query.offset : query.offset + query.limit]), len(rows))

    def _searchable(self, sessions: Mapping[str, Session]) -> Mapping[str, str]:
        """Return the text to search for each session; computed once for each state of the lab."""
        if sessions is not self._sessions:
            texts = {i: _folded("\n".join((s.name or "", s.description or "", *s.tags))) for i, s in sessions.items()}
            self._texts, self._sessions = texts, sessions
            return texts
        return self._texts


def _folded(text: str) -> str:
    """Return a text without case and accents, so that "sesion" finds "Sesión"."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


@lru_cache(maxsize=32768)
def _folded_name(name: str) -> str:
    """Return a folded name; cached, because every sorted list needs it."""
    return _folded(name)


def _matches(session_id: str, text: str, words: Sequence[str]) -> bool:
    if is_numeric_id(session_id):  # 4 must not match session 42
        return all(word in text or word == session_id for word in words)
    folded_id = _folded_name(session_id)
    return all(word in text or word in folded_id for word in words)


def _starts_within(row: SessionRow, start: datetime | None, end: datetime | None) -> bool:
    at = row.span.start
    return at is not None and (start is None or start <= at) and (end is None or at < end)


_KEYS: Mapping[Sort, Callable[[SessionRow], object]] = {
    Sort.ID: lambda row: id_sort_key(row.id),
    Sort.NAME: lambda row: _folded_name(row.name) if row.name else None,
    Sort.START: lambda row: row.span.start,
    Sort.DURATION: lambda row: row.span.seconds,
    Sort.SIZE: lambda row: row.size_bytes,
    Sort.RECORDINGS: lambda row: row.recordings,
}


def _sorted_rows(rows: Sequence[SessionRow], sort: Sort, *, descending: bool) -> list[SessionRow]:
    """Return rows in order; rows without a value come last in both orders, equal ones by ID."""
    key = _KEYS[sort]
    known = [row for row in rows if key(row) is not None]
    known.sort(key=key, reverse=descending)  # type: ignore[arg-type] # the values of one key are of one type
    return known + [row for row in rows if key(row) is None]


LOG_OPTIONS = ("session", "who", "outcome", "from", "to")
_MAX_NUMBER = 10**18 - 1


def log_filter_of(query: MultiMapping[str], zone: str) -> ExportLogFilter:
    """Return the filter of a query; dates without a time are days in ``zone``. Raises UsageError."""
    for name in LOG_OPTIONS:
        if len(query.getall(name, [])) > 1:
            raise UsageError(Message("query.repeated_option", name=name))
    outcome = query.get("outcome") or None
    if outcome is not None and outcome not in list(Outcome):
        raise UsageError(Message("query.not_one_of", name="outcome", value=outcome, allowed=", ".join(Outcome)))
    return ExportLogFilter(
        parse_session(session) if (session := query.get("session", "").strip()) else None,
        query.get("who", "").strip(),
        Outcome(outcome) if outcome else None,
        parse_bound("from", query.get("from"), zone),
        parse_bound("to", query.get("to"), zone, timedelta(days=1)),
    )


def whole_number(query: MultiMapping[str], name: str, minimum: int, maximum: int = _MAX_NUMBER) -> int | None:
    """Return a number of a query; None if missing or empty. Raises UsageError."""
    values = [text for text in query.getall(name, []) if text.strip()]
    if not values:
        return None
    text = values[0].strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) else -1
    if len(values) > 1 or not minimum <= number <= maximum:
        raise UsageError(
            Message("query.whole_number", name=name, value=", ".join(values), least=str(minimum), most=str(maximum))
        )
    return number


def refuse_empty_options(query: MultiMapping[str], names: Iterable[str]) -> None:
    """Raise UsageError for one of these options without a value: forms may send it so, in a script it is a mistake."""
    for name in names:
        if "" in query.getall(name, []):
            raise UsageError(Message("query.empty_option", name=name))


def refuse_unknown_options(query: MultiMapping[str], names: Iterable[str]) -> None:
    """Raise UsageError for an option that a query does not have."""
    for name in query:
        if name not in names:
            raise UsageError(Message("query.unknown_option", name=name, names=", ".join(names)))
