"""Messages are ids with values: each has an English and a Spanish text with the same places."""

import string
from functools import cache
from importlib import resources

import pytest
from babel.messages.pofile import read_po

from labcrate.model.english import ENGLISH
from labcrate.model.message import Message, fill
from labcrate.web.http.bodies import encode_json
from labcrate.web.pages.i18n import Locale


@cache
def spanish() -> dict[str, str]:
    """The Spanish text of each message by its id."""
    path = resources.files("labcrate.web.pages").joinpath("translations/es/LC_MESSAGES/labcrate.po")
    with path.open("rb") as file:
        catalog = read_po(file, locale="es")
    return {str(m.id): str(m.string) for m in catalog if m.context == "message"}


def places(text: str) -> set[str]:
    """The names of a pattern's places."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_message_has_a_spanish_text_and_every_text_its_message() -> None:
    """Neither catalogue has an id that the other lacks."""
    assert set(spanish()) == set(ENGLISH)


@pytest.mark.parametrize("message_id", sorted(ENGLISH))
def test_both_languages_name_the_same_values(message_id: str) -> None:
    """A translation drops no value and names none that is not there."""
    assert places(spanish()[message_id]) == places(ENGLISH[message_id])


@pytest.mark.parametrize("message_id", sorted(ENGLISH))
def test_pages_say_each_message_in_spanish(message_id: str) -> None:
    """The Spanish page shows the catalogue's text with the values in it, never the English one."""
    values = dict.fromkeys(places(ENGLISH[message_id]), "192-x")
    assert Locale("es").told(Message(message_id, **values)) == fill(spanish()[message_id], values)


def test_messages_in_a_message_are_said_in_spanish_too() -> None:
    """Sentences and words that are values of another message are translated by their own ids, numbers grouped."""
    taken = Message("clock.file_name")
    sentences = (Message("clock.local_time_in_some", count=1234, taken=taken), Message("clock.moved", seconds="+2"))
    said = Locale("es").told(Message("clock.camera", camera="Hall", sentences=sentences))
    assert said == (
        "Cámara Hall: El reloj de la cámara escribe la hora local en el contenedor como si fuera UTC en 1.234 de "
        "ellas: se tomó el nombre del archivo. Las horas de los nombres de sus archivos y contenedores se movieron "
        "+2 s, como dice labcrate.toml."
    )


def test_a_message_is_text_wherever_text_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is equal to its text, encodes to JSON as text, and braces in its values are left alone."""
    monkeypatch.setattr("labcrate.model.message.ENGLISH", {"test.two": "{count} files: {names}"})
    message = Message("test.two", count=1234, names="{count} {x}")
    assert message == "1,234 files: {count} {x}"
    assert encode_json([message]) == b'["1,234 files: {count} {x}"]'
