"""Sentences of the core on Spanish pages: each is found again, and none is missed."""

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from labcrate.web.pages.i18n import Locale
from labcrate.web.pages.phrasebook import Phrasebook

SOURCE = Path(str(resources.files("labcrate")))
PLACE = re.compile(r"%\((\w+)\)s")
NUMBERS = {"count", "days", "least", "most", "number", "seconds", "total"}
OTHERS = {"camera", "names", "numbers", "prefixes"}
# Values that are sentences themselves, with one that fits.
INNER = {
    "advice": (
        "link it and name its camera with --camera CAMERA",
        "vincúlelo e indique su cámara con --camera CAMERA",
    ),
    "amount": ("2 recordings", "2 grabaciones"),
    "instead": ("it has no sessions at all.", "no hay ninguna sesión."),
    "known": ("the lab knows none.", "el laboratorio no conoce ninguno."),
    "problem": ("It is empty", "Está vacía"),
    "readings": ("1 reading", "1 lectura"),
    "remedy": ("Restore the file.", "Recupere el archivo."),
    "rule": (
        "an id has 1 to 64 letters, digits, spaces, '.', '_' or '-', begins with a letter or digit, and does not end "
        "in a space or dot; a number has no leading zero",
        "un id tiene de 1 a 64 letras, cifras, espacios, «.», «_» o «-», empieza por una letra o cifra y no termina "
        "en espacio ni en punto; un número no empieza por cero",
    ),
    "source": ("file name", "nombre del archivo"),
    "topics": ("2 topics", "2 topics"),
    "warning": ("name says session 7", "el nombre indica la sesión 7"),
    "what": ("this is no list of messages, so it was left out", "no es una lista de mensajes y no se incluyó"),
    "where": ("line 3", "línea 3"),
    "why": ("they lie outside the chosen time", "están fuera del tiempo elegido"),
}


def sentences() -> list[tuple[str, str]]:
    """The core's sentences in the book, with their Spanish."""
    with (SOURCE / "web/pages/translations/es/LC_MESSAGES/labcrate.po").open("rb") as file:
        catalog = read_po(file, locale="es")
    return [(str(m.id), str(m.string)) for m in catalog if m.context == "core"]


@pytest.mark.parametrize("sentence", sentences(), ids=lambda pair: pair[0][:60])
def test_every_sentence_is_found_again(sentence: tuple[str, str]) -> None:
    """With values in it, each sentence becomes its own Spanish one: none is taken for another that fits more."""
    english, spanish = sentence
    values = dict.fromkeys(PLACE.findall(english), ("data/a_1.mp4", "data/a_1.mp4"))
    values |= {name: ("12", "12") for name in values if name in NUMBERS}
    values |= {name: ("P07 morning-2.1", "P07 morning-2.1") for name in values if name == "session"}
    values |= {name: INNER[name] for name in values if name in INNER}
    said = Locale("es").translation(english % {name: value for name, (value, _) in values.items()})
    assert said == spanish % {name: value for name, (_, value) in values.items()}


# Modules whose sentences stand on pages, and what in them does not.
SPEAKERS = {
    "linking/judgement.py": {"labcrate link"},
    "linking/near_miss.py": {"no session in the name"},
    "plan/linked_files.py": set[str](),
    "plan/sensors.py": set[str](),
    "plan/recordings.py": {"was planned without having been probed"},
    "plan/choices.py": set[str](),
    "plan/session_time.py": set[str](),
    "export/assemble.py": set[str](),
    "plan/not_taken.py": {
        "hidden file",
        "system file",
        "lock file",
        "unfinished copy",
        "labcrate archive",
        "no file",
    },
    "plan/session_files.py": set[str](),
    "video/containers.py": set[str](),
    "plan/overview.py": set[str](),
    "plan/inventory.py": set[str](),
    "plan/warnings.py": set[str](),
    "repair/link_files.py": set[str](),
    "lab/session_descriptions.py": {", key"},
    "lab/device_files.py": set[str](),
    "lab/json_file.py": set[str](),
    "lab/registers.py": set[str](),
    "lab/device_selection.py": set[str](),
    "lab/sensor_times.py": set[str](),
    "lab/session_register.py": {"key recordings[", "key recordings"},
    "lab/sessions.py": set[str](),
    "readings/load/csv_source.py": {"line 1"},
    "readings/load/date_formats.py": {'the date format "', '" needs one of', '" cannot be read:'},
    "readings/load/json_flat.py": set[str](),
    "readings/load/json_source.py": {"JSON is malformed:"},
    "readings/load/problems.py": set[str](),
    "readings/load/selection.py": set[str](),
    "readings/load/source.py": set[str](),
    "video/boxes.py": set[str](),
    "video/probe.py": set[str](),
}


def pieces(module: str) -> Iterator[str]:
    """What the sentences of a module's code are made of, without their values and without docstrings."""
    tree = ast.parse((SOURCE / module).read_text("utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    skipped = {id(value) for value in told}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "\n".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | skipped:
            text = node.value
        else:
            continue
        if " " in text.strip() and re.search("[a-z]{3}", text) and not re.search(r"[\\^]|\?:|\[0-9", text):
            yield from (piece for piece in re.split(r"[\n|]", text) if re.search("[a-z]{3}", piece))


@pytest.mark.parametrize("module", SPEAKERS)
def test_no_sentence_of_the_core_is_missed(module: str) -> None:
    """Whoever changes a sentence of the core, or adds one, is told here that its Spanish is to be written."""
    book = [PLACE.sub("\n", english) for english, _ in sentences()]
    missed = [piece for piece in pieces(module) if not any(piece.strip(" .") in sentence for sentence in book)]
    assert [piece for piece in missed if piece.strip() not in SPEAKERS[module]] == []


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        (
            "data/recordings.json, key 4: the entry has an end before its start; neither time is used; so have 1,234 "
            "others.",
            "data/recordings.json, clave 4: la entrada tiene un final anterior a su inicio; no se usa ninguna de las "
            "dos horas; también otras 1.234.",
        ),
        (
            "data/zigbee-sensors.csv, line 3: the payload is not JSON, so the reading was left out (outside the "
            "session's time) (2 times, first here)",
            "data/zigbee-sensors.csv, línea 3: el payload no es JSON y la lectura no se incluyó (fuera del tiempo de "
            "la sesión) (2 veces, la primera aquí)",
        ),
        (
            "data/zigbee-sensors.csv, line 2: a time of this kind can mean several dates, so the reading was left out; "
            'say in labcrate.toml how it is written, for example date_formats = ["%d/%m/%Y %H:%M"]',
            "data/zigbee-sensors.csv, línea 2: una hora de este tipo puede significar varias fechas y la lectura no se "
            'incluyó; indique en labcrate.toml cómo está escrita, por ejemplo date_formats = ["%d/%m/%Y %H:%M"]',
        ),
        (
            'Sensor "sensor1" was selected, and more than one topic ends in that name (z/a/sensor1 and z/b/sensor1): '
            "none of them was taken; select the sensor by the topic without its base.",
            "Se eligió el sensor «sensor1», y más de un topic termina en ese nombre (z/a/sensor1 and z/b/sensor1): no "
            "se tomó ninguno; elija el sensor por el topic sin su base.",
        ),
    ],
)
def test_sentences_within_sentences(english: str, spanish: str) -> None:
    """What is put together from several sentences is translated whole, with its values as they are."""
    assert Locale("es").translation(english) == spanish


def test_what_is_not_in_the_book_is_not_half_translated() -> None:
    """A sentence is unknown as a whole when a sentence in it is unknown."""
    spanish = Locale("es")
    assert spanish.translation("recordings/a.mp4 is damaged and kept as it is: Something new.") is None
    assert spanish.translation("recordings/a.mp4: something new.") is None
    assert spanish.translation("2 things were left out: other cameras were chosen.") is None


def test_numbers_are_written_as_in_the_language() -> None:
    """Thousands are grouped as readers of Spanish group them, whatever depth they stand at."""
    told = Locale("es").translation("Zigbee messages by topic: 1,234,567 readings of 8 topics")
    assert told == "mensajes Zigbee por topic: 1.234.567 lecturas de 8 topics"


@pytest.mark.thorough
@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_any_text_is_said_or_not(text: str, value: str, more: list[tuple[str, str]]) -> None:
    """No name of a file, camera or session upsets the book: a sentence keeps its values as they are."""
    book = Phrasebook([("%(file)s is gone", "%(file)s ya no está"), ("gone", "fuera")], str)
    assert book.say(f"{value} is gone") == (f"{value} ya no está" if 0 < len(value) <= 900 else None)
    assert book.say(text) is None or "gone" in text
    assert all(Locale("es").translation(f"{a}: {b}") != "" for a, b in more)
