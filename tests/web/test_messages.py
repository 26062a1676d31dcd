"""Messages are ids with values: each has an English and a Spanish text with the same places."""

import string
from collections.abc import Mapping
from enum import StrEnum

import pytest

from labcrate.doctor.findings import Severity
from labcrate.linking.verdict import Rule
from labcrate.messages.english import CATALOGUES, ENGLISH
from labcrate.messages.message import Message, Pattern
from labcrate.model.recording import TimeSource
from labcrate.model.session_bound import EndSource
from labcrate.people.export_log import Outcome
from labcrate.plan.plan import State
from labcrate.secrets.values import SecretKind
from labcrate.web.http.bodies import encode_json
from labcrate.web.pages.i18n import Locale, message_patterns, words

SPANISH = Locale("es")


def forms(pattern: Pattern) -> tuple[str, ...]:
    """Return the texts of a pattern: one, or singular and plural."""
    return pattern if isinstance(pattern, tuple) else (pattern,)


def places(text: str) -> set[str]:
    """Return the names of the places in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def all_places(pattern: Pattern) -> set[str]:
    """Return the names of the places in all texts of a pattern."""
    return set().union(*map(places, forms(pattern)))


def test_every_id_has_an_english_and_a_spanish_text() -> None:
    """Neither language has an id that the other lacks, and no id is in two catalogues."""
    assert set(message_patterns("es")) == set(ENGLISH)
    assert sum(len(catalogue.ENGLISH) for catalogue in CATALOGUES) == len(ENGLISH)


@pytest.mark.parametrize("message_id", sorted(ENGLISH))
def test_both_languages_have_the_same_values_and_forms(message_id: str) -> None:
    """A translation drops no value, adds none, is not empty, and has a singular and a plural where English has."""
    english, spanish = ENGLISH[message_id], message_patterns("es")[message_id]
    assert all(forms(spanish))
    assert all_places(spanish) == all_places(english)
    assert len(forms(spanish)) == len(forms(english))


@pytest.mark.parametrize("message_id", sorted(ENGLISH))
def test_a_page_shows_each_message_in_spanish(message_id: str) -> None:
    """The Spanish text of an id is shown with the message's values."""
    values: dict[str, object] = dict.fromkeys(all_places(ENGLISH[message_id]), "192-x")
    if isinstance(ENGLISH[message_id], tuple):
        values["count"] = ""
    for count in (1, 2):
        texts = forms(message_patterns("es")[message_id])
        text = texts[-1 if count == 2 else 0] if "count" in values else texts[0]
        expected = {name: str(count) if name == "count" else value for name, value in values.items()}
        given = {name: count if name == "count" else value for name, value in values.items()}
        assert SPANISH.translation(Message(message_id, **given)) == text.format_map(expected)


@pytest.mark.parametrize("words_of", [State, Outcome, Rule, Severity, SecretKind, EndSource, TimeSource])
def test_every_word_that_users_see_has_a_spanish_one(words_of: type[StrEnum]) -> None:
    """The members of each enumeration that pages show are in the list of words."""
    assert set(words_of) <= set(words("es"))


def catalogue(monkeypatch: pytest.MonkeyPatch, english: Mapping[str, Pattern]) -> None:
    """Replace the English catalogue."""
    monkeypatch.setattr("labcrate.messages.message.ENGLISH", english)


def test_messages_within_a_message_are_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages, sentences, lists and words that are values of a message are written in the page's language."""
    catalogue(monkeypatch, {"a": "{one}; {many}; {list}; {word}; {count}"} | dict(ENGLISH))
    monkeypatch.setitem(message_patterns("es"), "a", "{one} / {many} / {list} / {word} / {count}")
    inner = Message("names.and_more", names="x", count=2)
    message = Message("a", one=inner, many=(inner, inner), list=["x", "y", "z"], word=State.INCOMPLETE, count=1234)
    assert message == "x and 2 more; x and 2 more x and 2 more; x, y and z; incomplete; 1,234"
    assert SPANISH.translation(message) == "x y 2 más / x y 2 más x y 2 más / x, y y z / incompleto / 1.234"


def test_singular_and_plural_follow_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first text is for a count of one, the second for none and many."""
    catalogue(monkeypatch, {"a": ("{count} file", "{count} files")})
    assert [Message("a", count=count) for count in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_a_message_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is equal to its text, encodes to JSON as text, and braces in its values are left alone."""
    catalogue(monkeypatch, {"test.two": "{count} files: {names}"})
    message = Message("test.two", count=1234, names="{count} {x}")
    assert message == "1,234 files: {count} {x}"
    assert encode_json([message]) == b'["1,234 files: {count} {x}"]'
    assert isinstance(str(message), Message)


def test_a_text_without_a_translation_is_marked_as_english() -> None:
    """A screen reader reads it in English; what is translated is not marked. Both are escaped."""
    assert str(SPANISH.message("<b> is new")) == '<span lang="en">&lt;b&gt; is new</span>'
    assert str(SPANISH.message(Message("names.and_more", names="<b>", count=1))) == "&lt;b&gt; y 1 más"
    assert str(Locale("en").message("<b>")) == "&lt;b&gt;"
