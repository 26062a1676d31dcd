"""The languages of the pages: which one a reader gets, its texts, and how it writes times, numbers and sizes."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from babel import Locale as Cldr
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_scientific
from babel.support import Translations
from markupsafe import Markup

from labcrate.messages.english import CATALOGUES
from labcrate.messages.message import Language, Message, Pattern, fill
from labcrate.model.timespan import format_duration, format_instant

COOKIE = "labcrate_language"
LANGUAGES = {"en": "English", "es": "Español"}
"""The name of each language, in that language, by its code (BCP 47)."""

_DEFAULT = "en"
_DOMAIN = "labcrate"
_WORDS = "words"
MESSAGE_DOMAINS = tuple(catalogue.__name__.rpartition(".")[2] for catalogue in CATALOGUES)
"""The ``.po`` files of messages: one for each catalogue of ``labcrate.messages.english``."""
# CLDR's British English: day before month and 24 hours, as in the lab's files.
_CLDR = {"en": Cldr("en", "GB"), "es": Cldr("es", "ES")}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_FIRST_WITH_EXPONENT = 10**15


def language_of(request: web.Request) -> str:
    """Return the language that the reader chose, else the best one for the browser."""
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def preferred(accepted: str) -> str:
    """Return the best language for an Accept-Language header (RFC 9110, section 12.5.4)."""
    weights: dict[str, float] = {}
    for part in accepted.split(",")[:50]:
        language, _, weight = part.partition(";")
        code = language.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            weights[code] = max(weights.get(code, 0.0), _weight(weight))
    return max(weights, key=lambda code: weights[code]) if any(weights.values()) else _DEFAULT


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


@cache
def translations(language: str) -> Translations:
    """Return the pages' own sentences in a language, read from its ``.po`` file; English ones are in the source."""
    if language == _DEFAULT:
        return Translations()
    compiled = io.BytesIO()
    write_mo(compiled, _catalog(language, _DOMAIN))
    compiled.seek(0)
    return Translations(compiled)


def _catalog(language: str, domain: str) -> Catalog:
    folder = resources.files("labcrate.web.pages").joinpath(f"translations/{language}/LC_MESSAGES")
    return read_po(io.BytesIO(folder.joinpath(f"{domain}.po").read_bytes()), locale=language)


@cache
def message_patterns(language: str) -> dict[str, Pattern]:
    """Return the patterns of all messages in a language by their ids, as its ``.po`` files have them."""
    patterns: dict[str, Pattern] = {}
    for domain in MESSAGE_DOMAINS:
        for entry in _catalog(language, domain):
            if isinstance(entry.id, str):
                if entry.id:  # the first entry is the file's head
                    patterns[entry.id] = str(entry.string)
            else:
                one, many = tuple(entry.string or ())
                patterns[entry.id[0]] = (one, many)
    return patterns


@cache
def words(language: str) -> dict[str, str]:
    """Return the words of a language for the members of enumerations that users see, by their English."""
    return {str(entry.id): str(entry.string) for entry in _catalog(language, _WORDS) if entry.id}


@dataclass(frozen=True, slots=True)
class Locale:
    """How a page writes: in a language, with times in an IANA zone and in UTC beside it."""

    language: str
    zone: str = "UTC"

    @property
    def zone_name(self) -> str:
        """Return the name of the zone for a page: ``UTC`` for each of its names (``Etc/UTC``), else the IANA name."""
        return "UTC" if datetime(2000, 1, 1, tzinfo=ZoneInfo(self.zone)).tzname() == "UTC" else self.zone

    def say(self, sentence: str) -> str:
        """Return a word or sentence of the pages in the language."""
        return translations(self.language).gettext(sentence) if sentence else sentence

    def word(self, word: str) -> str:
        """Return the word for a member of an enumeration (a state, an outcome, a rule) in the language."""
        return word if self.language == _DEFAULT else words(self.language).get(str(word), str(word))

    def message(self, text: str) -> Markup:
        """Return a message as HTML in the language, or a text that has no translation, marked as English."""
        translated = self.translation(text)
        if translated is None:
            return Markup('<span lang="en">{}</span>').format(text)
        return Markup("{}").format(translated)

    def text(self, text: str) -> str:
        """Return a message in the language, or a text that has no translation as it is."""
        translated = self.translation(text)
        return text if translated is None else translated

    def translation(self, text: str) -> str | None:
        """Return a message in the language, or None for a text that has no translation."""
        if self.language == _DEFAULT:
            return text
        if not isinstance(text, Message):
            return None
        pattern = message_patterns(self.language).get(text.id)
        return None if pattern is None else fill(pattern, text.values, self._writing())

    def _writing(self) -> Language:
        """Return how the language writes the values of a message."""

        def enumerate_texts(texts: Sequence[str]) -> str:
            return format_list(texts, locale=_CLDR[self.language])

        return Language(self.number, enumerate_texts, self.text, self.word)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with the language's separators and at most so many digits after the point.

        One that no column has room for is written with its exponent (``1E25``): a sensor may report anything.
        """
        if _FIRST_WITH_EXPONENT <= abs(value) < math.inf:
            return format_scientific(value, "0.###E0", locale=_CLDR[self.language])
        return format_decimal(value, "#,##0" + (f".{'#' * digits}" if digits else ""), locale=_CLDR[self.language])

    def size(self, size_bytes: float) -> str:
        """Return a size in bytes in powers of 1000, as disks and downloads show it: ``3.4 MB``."""
        size, units = float(size_bytes), iter(_UNITS)
        unit = next(units)
        while size >= 999.5 and unit != _UNITS[-1]:
            size, unit = size / 1000, next(units)
        return f"{format_decimal(size, '#,##0' if unit == 'B' else '#,##0.0', locale=_CLDR[self.language])} {unit}"

    def exact(self, size_bytes: int) -> str:
        """Return an exact size: ``3,412,345 bytes``."""
        word = translations(self.language).ngettext("%(num)s byte", "%(num)s bytes", size_bytes)
        return word % {"num": self.number(size_bytes)}

    def length(self, seconds: float | None) -> str:
        """Return a duration in seconds as ``1:02:03``, or a dash for None."""
        return "–" if seconds is None else format_duration(seconds)

    def day(self, day: date) -> str:
        """Return a day: ``2 May 2025``."""
        return format_date(day, "medium", locale=_CLDR[self.language])

    def local(self, at: datetime) -> datetime:
        """Return an instant in the zone, or in UTC if the zone's date is beyond the calendar."""
        try:
            return at.astimezone(ZoneInfo(self.zone))
        except OverflowError:
            return at

    def clock(self, at: datetime) -> str:
        """Return the time of day in the zone, to the second."""
        return format_time(self.local(at), "HH:mm:ss", locale=_CLDR[self.language])

    def at(self, at: datetime | None) -> Markup:
        """Return an instant as HTML: date and time in the zone, and in UTC beside it; a dash for None."""
        if at is None:
            return Markup("–")
        shown = self._dated(self.local(at))
        utc = at.astimezone(UTC)
        same_day = utc.date() == self.local(at).date()
        beside = format_time(utc, "HH:mm:ss", locale=_CLDR[self.language]) if same_day else self._dated(utc)
        if self.local(at).tzname() == "UTC":  # whatever the zone is called, Etc/UTC for one
            shown, beside = f"{shown} UTC", ""
        time = Markup('<time datetime="{}">{}</time>').format(format_instant(at), shown)
        return time + (Markup(' <span class="utc">{} UTC</span>').format(beside) if beside else "")

    def offset(self, at: datetime) -> str:
        """Return the zone's offset from UTC at an instant: ``UTC+02:00``."""
        text = f"{self.local(at):%z}"
        return f"UTC{text[:3]}:{text[3:5]}"

    def _dated(self, at: datetime) -> str:
        return format_datetime(at, "d MMM y, HH:mm:ss", tzinfo=at.tzinfo, locale=_CLDR[self.language])
