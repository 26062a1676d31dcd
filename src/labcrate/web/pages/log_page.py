"""Which lines of the export log somebody wants to see: the words of a query, for page, API and CSV alike."""

from collections.abc import Iterable
from datetime import timedelta

from multidict import MultiMapping

from labcrate.errors import UsageError
from labcrate.lab.text import visible
from labcrate.people.export_log import Filter, Outcome
from labcrate.plan.option_words import parse_bound, parse_session

FILTERS = ("session", "who", "outcome", "from", "to")
_LARGEST_NUMBER = 10**18 - 1


def line_filter(query: MultiMapping[str], zone: str) -> Filter:
    """Which lines a query wants; dates without a time are days of ``zone``. Raises UsageError."""
    for name in FILTERS:
        if len(query.getall(name, [])) > 1:
            raise UsageError(f"The option {name!r} is given more than once.")
    outcome = query.get("outcome") or None
    if outcome is not None and outcome not in list(Outcome):
        raise UsageError(f"outcome is {visible(outcome)!r}; it is {', '.join(Outcome)}.")
    return Filter(
        parse_session(session) if (session := query.get("session", "").strip()) else None,
        query.get("who", "").strip(),
        Outcome(outcome) if outcome else None,
        parse_bound("from", query.get("from"), zone),
        parse_bound("to", query.get("to"), zone, timedelta(days=1)),
    )


def whole_number(query: MultiMapping[str], name: str, least: int, most: int = _LARGEST_NUMBER) -> int | None:
    """A number of a query, None where it is not given or empty. Raises UsageError."""
    given = [text for text in query.getall(name, []) if text.strip()]
    if not given:
        return None
    text = given[0].strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
    if len(given) > 1 or not least <= number <= most:
        raise UsageError(f"{name} is {visible(', '.join(given))!r}; it is one whole number from {least} to {most}.")
    return number


def refuse_others(query: MultiMapping[str], names: Iterable[str]) -> None:
    """Raise UsageError for a word that means nothing here."""
    for name in query:
        if name not in names:
            raise UsageError(f"There is no option {visible(name)!r}; there are {', '.join(names)}.")
