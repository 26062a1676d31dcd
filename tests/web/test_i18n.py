"""English and Spanish: which one, and how it writes."""

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from labcrate.web.pages.i18n import LANGUAGES, Locale, preferred

WEB = Path(str(resources.files("labcrate.web")))
AT = datetime(2025, 5, 2, 22, 30, 5, tzinfo=UTC)


def spanish_catalog() -> Catalog:
    """Return the Spanish sentences of the pages."""
    with (WEB / "pages/translations/es/LC_MESSAGES/labcrate.po").open("rb") as file:
        return read_po(file, locale="es")


def test_every_sentence_of_the_pages_has_its_spanish() -> None:
    """Whatever templates and code say through gettext is translated, with both forms of a plural."""
    catalog = spanish_catalog()
    found = extract_from_dir(
        WEB,
        [("**.py", "python"), ("pages/templates/**.html", "jinja2")],
        {"pages/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}},
        {"_": None, "gettext": None, "ngettext": (1, 2)},
    )
    messages = {message for _, _, message, _, _ in found}
    assert len(messages) > 200
    missing = []
    for message in messages:
        known = catalog.get(message[0] if isinstance(message, tuple) else message)
        text = known.string if known else ""
        if not (all(text) if isinstance(text, (tuple, list)) else text):
            missing.append(message)
    assert missing == []
    used = {message[0] if isinstance(message, tuple) else message for message in messages}
    assert {str(m.id[0] if isinstance(m.id, (tuple, list)) else m.id) for m in catalog if m.id} == used


def test_translations_hold_the_same_values() -> None:
    """A sentence that names a number or a file names it in Spanish too: no placeholder is lost or invented."""
    catalog = spanish_catalog()
    faults = [str(error) for message in catalog for error in message.check(catalog)]
    assert faults == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-US,en;q=0.9,es;q=0.8", "en"),
        ("fr,de", "en"),
        ("fr, es;q=0.1", "es"),
        ("es;q=0, en;q=0", "en"),
        ("en;q=0.2, es;q=0.7", "es"),
        ("*", "en"),
        ("es;q=many", "en"),
    ],
)
def test_the_language_that_the_reader_likes_best(accepted: str, language: str) -> None:
    """Weights count, regions do not, and English is what is left."""
    assert preferred(accepted) == language


@given(st.text())
def test_any_header_gives_a_language(accepted: str) -> None:
    """Whatever a client sends, there is a language and no error."""
    assert preferred(accepted) in LANGUAGES


def test_times_stand_in_the_zone_with_utc_beside() -> None:
    """Half past ten at night UTC is the next day in Madrid; both are told, the machine's form as well."""
    html = str(Locale("en", "Europe/Madrid").at(AT))
    assert '<time datetime="2025-05-02T22:30:05.000Z">3 May 2025, 00:30:05</time>' in html
    assert "2 May 2025, 22:30:05 UTC" in html
    assert "3 may 2025, 00:30:05" in str(Locale("es", "Europe/Madrid").at(AT))
    assert str(Locale("en", "UTC").at(AT)).count("UTC") == 1
    assert str(Locale("en").at(None)) == "–"


def test_sizes_and_numbers_are_written_as_in_the_language() -> None:
    """Powers of 1000, the language's own separators, and the size to the byte."""
    english, spanish = Locale("en"), Locale("es")
    assert (english.size(3_412_345), spanish.size(3_412_345)) == ("3.4 MB", "3,4 MB")
    assert english.exact(3_412_345) == "3,412,345 bytes"
    assert spanish.exact(3_412_345) == "3.412.345 bytes"
    assert english.exact(1) == "1 byte"
    assert english.size(999) == "999 B"
    assert english.size(999_999) == "1.0 MB"


@given(st.integers(0, 10**18))
def test_a_size_is_never_far_from_the_truth(size: int) -> None:
    """The short form is within a twentieth of the exact one."""
    number, unit = Locale("en").size(size).split()
    shown = float(number.replace(",", "")) * 1000 ** ["B", "kB", "MB", "GB", "TB"].index(unit)
    assert abs(shown - size) <= 0.05 * size + 0.5
