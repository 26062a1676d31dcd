"""labcrate.toml: every key is checked, and every key is documented."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.errors import DocumentError
from labcrate.lab.path_pattern import PLACEHOLDERS
from labcrate.lab.recorders import RECORDER_TYPES
from labcrate.lab.settings_file import known_keys, parse_settings, read_settings
from labcrate.lab.settings_template import (
    SettingsSuggestions,
    SuggestedCamera,
    SuggestedRecorder,
    settings_text,
    toml_text,
)
from labcrate.model.lab_settings import CameraSettings, LabSettings, Recorder, SessionDefaults

PAGE = (Path(__file__).parents[2] / "docs/reference/labcrate-toml.md").read_text("utf-8")
LAB_ID = "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11"

WHOLE = """
lab_id = "5F0F9B1E-6f0e-4f57-9f4e-0c2f3a0d7a11"
time_zone = "Europe/Madrid"
base_topic = "home/zigbee/"
date_formats = ["%d/%m/%Y %H:%M:%S", "%m/%d/%y %I:%M %p"]
exclude = ["recordings/test/", "!keep.tmp"]
session.pad = "90s"

[cameras.5]
name = "cocina"
prefix = "c05"
time_zone = "America/Bogota"
offset_s = -3600
name_pattern = "{any}_{Y}{m}{d}{H}{M}{S}"

[[recorder]]
name = "nvr"
type = "frigate"
folder = "/srv/frigate/recordings"
cameras = { kitchen = 5, hall = "P-7" }

[[recorder]]
name = "eye"
type = "motioneye"
folder = "~/motioneye"
longest = "1h"

[[recorder]]
name = "own"
folder = "../ftp"
pattern = "{camera}_{epoch}.mp4"
"""


def test_every_key_has_its_value() -> None:
    """A file with every key gives them all, with defaults from the types of recorders and the lab's zone."""
    assert parse_settings(WHOLE.encode()) == LabSettings(
        lab_id=LAB_ID,
        time_zone="Europe/Madrid",
        base_topic="home/zigbee",
        date_formats=("%d/%m/%Y %H:%M:%S", "%m/%d/%y %I:%M %p"),
        exclude=("recordings/test/", "!keep.tmp"),
        session=SessionDefaults(timedelta(seconds=90)),
        cameras={"5": CameraSettings("5", "cocina", "c05", "America/Bogota", -3600.0, "{any}_{Y}{m}{d}{H}{M}{S}")},
        recorders=(
            Recorder("nvr", "/srv/frigate/recordings", RECORDER_TYPES["frigate"].pattern, "UTC", timedelta(minutes=10),
                     "frigate", {"kitchen": "5", "hall": "P-7"}),
            Recorder("eye", "~/motioneye", RECORDER_TYPES["motioneye"].pattern, "Europe/Madrid", timedelta(hours=1),
                     "motioneye"),
            Recorder("own", "../ftp", "{camera}_{epoch}.mp4", "Europe/Madrid", timedelta(hours=24)),
        ),
    )  # fmt: skip


def test_a_lab_without_a_file_has_the_defaults(lab: Any) -> None:
    """No file, an empty file and a file with a byte order mark are valid."""
    assert read_settings(lab.open()) == LabSettings()
    lab.write("labcrate.toml", b"\xef\xbb\xbf")
    assert read_settings(lab.open()) == LabSettings()


def test_a_symbolic_link_is_refused(lab: Any, tmp_path: Path) -> None:
    """A link in the file's place is not followed, and a folder is refused; both messages have a remedy."""
    (tmp_path / "other.toml").write_text("time_zone = 'UTC'")
    (lab.root / "labcrate.toml").symlink_to(tmp_path / "other.toml")
    with pytest.raises(
        DocumentError, match=r"labcrate.toml: cannot be read .*symbolic link.*; put the file itself"
    ) as caught:
        read_settings(lab.open())
    assert str(tmp_path) not in str(caught.value)
    (lab.root / "labcrate.toml").unlink()
    (lab.root / "labcrate.toml").mkdir()
    with pytest.raises(DocumentError, match="put a text file in its place"):
        read_settings(lab.open())


NVR = '[[recorder]]\nname = "nvr"\nfolder = "/home/ana/nvr"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('time_zon = "UTC"', "labcrate.toml, key time_zon: there is no such key; did you mean time_zone?"),
        ('password = "hunter22-long"', "labcrate.toml, key password: there is no such key; the keys are lab_id, "),
        ('[session]\npadd = "1s"', "labcrate.toml, key session.padd: there is no such key; did you mean pad?"),
        (
            '[cameras.5]\nprefiks = "a"',
            "labcrate.toml, key cameras.5.prefiks: there is no such key; did you mean prefix?",
        ),
        (f'{NVR}typ = "frigate"', 'labcrate.toml, recorder "nvr", key typ: there is no such key; did you mean type?'),
        ('time_zone = "Europe/Madird"', '"Europe/Madird" is not an IANA time zone; did you mean Europe/Madrid?'),
        ('time_zone = "madrid"', "did you mean Europe/Madrid?"),
        ('time_zone = "CEST"', '"CEST" is not an IANA time zone; write one like Europe/Madrid, or UTC.'),
        ('time_zone = "localtime"', '"localtime" is not an IANA time zone'),
        ("time_zone = 2", "key time_zone: must be text in quotes."),
        ('lab_id = "7"', "key lab_id: is not a UUID; 'labcrate init --print' shows a new one"),
        ('base_topic = "#"', "key base_topic: must be a topic"),
        ('date_formats = "%d"', "key date_formats: must be a list of texts"),
        ('date_formats = ["%d/%m/%Y"]', 'key date_formats[0]: "%d/%m/%Y" does not contain the date, hour and minute'),
        ('date_formats = ["%d/%m/%Y %I:%M"]', "does not contain the date, hour and minute"),
        ('date_formats = ["%d %b %Y %H:%M"]', "depends on the language of the machine"),
        ('date_formats = ["%Q"]', "does not contain"),
        ('date_formats = ["%d%d"]', "does not contain"),
        ('exclude = ["a", "[b"]', 'key exclude[1]: "[b" is not a valid pattern of git; close its ['),
        ("exclude = [1]", "key exclude[0]: must be text in quotes."),
        ("[session]\npad = 30", 'key session.pad: must be a length of time in quotes, like "30s"'),
        ('[session]\npad = "30 apples"', "key session.pad: must be a length of time"),
        (f'[session]\npad = "{"9" * 30}h"', "key session.pad: must be a length of time"),
        ("session = 1", "key session: must be a table; begin it with [session]."),
        ("cameras.5 = 1", "key cameras.5: must be a table; begin it with [cameras.5]."),
        ('[cameras.5]\noffset_s = "1"', "key cameras.5.offset_s: must be a number of seconds"),
        ("[cameras.5]\noffset_s = true", "must be a number of seconds"),
        ("[cameras.5]\noffset_s = nan", "must be a number of seconds of at most"),
        ('[cameras.5]\nname_pattern = "{Y}/{m}"', "key cameras.5.name_pattern: is for a file name only"),
        ('[cameras.5]\nprefix = "a/b"', "without a folder"),
        ("recorder = 1", "key recorder: must be a list of tables; begin each with [[recorder]]."),
        ("[[recorder]]", "labcrate.toml, recorder 1, key name: is missing"),
        ('[[recorder]]\nname = "../x"', "recorder 1, key name: must have 1 to 64 letters"),
        ('[[recorder]]\nname = "nvr"', 'recorder "nvr", key folder: is missing'),
        (
            NVR,
            "recorder \"nvr\", key pattern: is missing; write the pattern of the paths, or 'type' with one of frigate",
        ),
        (f'{NVR}type = "frigat"', '"frigat" is not a type of recorder; did you mean frigate?'),
        (f'{NVR}type = "motioneye"', 'recorder "nvr", key zone: is missing; write the IANA zone'),
        (f'{NVR}pattern = "{{camra}}_{{epoch}}.mp4"', "has the unknown placeholder {camra}; did you mean {camera}?"),
        (f'{NVR}type = "frigate"\n{NVR}type = "frigate"', 'recorder 2, key name: another recorder has the name "nvr"'),
        (f'{NVR}type = "frigate"\ncameras = 1', 'recorder "nvr", key cameras: must be a table; write it like {'),
        (f'{NVR}type = "frigate"\ncameras = {{ a = true }}', 'recorder "nvr", key cameras.a: must be text'),
        ("a = 1\n\nb = ", "labcrate.toml, at the end: is not valid TOML: invalid value. Correct the line."),
        ("a = 1\nb = x", "labcrate.toml, line 2, column 5: is not valid TOML: invalid value."),
        ("a = 1\na = 2", "is not valid TOML: a key or table occurs twice."),
        (f"a = {'[' * 9000}", "labcrate.toml: has lists or tables nested too deeply"),
        (f"a = {'1' * 9000}", "labcrate.toml: is not valid TOML: a number is too long."),
        ("a = 1\nb = '\xff'", "labcrate.toml, line 2: is not UTF-8 text"),
    ],
)
def test_invalid_settings_are_named(text: str, sentence: str) -> None:
    """Each mistake is refused with file, key or line, problem and remedy, without secrets and absolute paths."""
    with pytest.raises(DocumentError, match=re.escape(sentence)) as caught:
        parse_settings(text.encode("latin-1"))
    message = str(caught.value)
    assert "\n" not in message
    assert message[-1] in ".?"
    assert message[-2] not in ".?"
    assert "hunter22" not in message
    assert "/home/ana" not in message


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_settings_or_a_document_error(data: bytes) -> None:
    """Whatever the file contains, only DocumentError is raised."""
    try:
        parse_settings(data)
    except DocumentError as error:
        assert error.file == "labcrate.toml"  # noqa: PT017 - most examples are refused, some are not


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def toml(value: Any) -> str:
    """Return a value as TOML; None becomes an empty text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_text(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return repr(value).replace("e+", "e") if isinstance(value, float) else toml_text(value or "")


@given(key=st.sampled_from(known_keys()), value=VALUES)
def test_any_value_of_any_key_is_accepted_or_refused(key: str, value: Any) -> None:
    """A value of any type for any key is accepted, or refused with a message; no other error is raised."""
    *above, name = key.split(".")
    header = {"session": "[session]", "cameras": "[cameras.7]", "recorder": "[[recorder]]"}[above[0]] if above else ""
    line = f"cameras = {{ {name} = {toml(value)} }}" if name == "WORD" else f"{name} = {toml(value)}"
    text = f"{header}\n{line}\n"
    tomllib.loads(text)
    try:
        parse_settings(text.encode())
    except DocumentError as error:
        assert len(str(error)) < 400  # noqa: PT017 - many values are in order


@given(st.text(max_size=40))
def test_any_text_is_written_so_that_toml_reads_it(text: str) -> None:
    """A camera's name of any characters is read from the file unchanged."""
    plain = text.encode("utf-8", "replace").decode()
    assert tomllib.loads(f"a = {toml_text(plain)}") == {"a": plain}


def keys_of(table: dict[str, Any]) -> set[str]:
    """Return the dotted keys of a whole file, as the page and the schema name them."""
    keys = {key for key, value in table.items() if key not in ("session", "cameras", "recorder")}
    keys |= {f"session.{key}" for key in table.get("session", {})}
    keys |= {f"cameras.ID.{key}" for camera in table.get("cameras", {}).values() for key in camera}
    for recorder in table.get("recorder", []):
        keys |= {"recorder.cameras.WORD" if key == "cameras" else f"recorder.{key}" for key in recorder}
    return keys


def test_the_page_documents_exactly_the_existing_keys() -> None:
    """Every key of the schema has a row on the page, every row is a key; the same for placeholders and types."""
    documented = re.findall(r"^\| `([a-z_]+(?:\.[A-Za-z_]+)*)` \| (?!`)", PAGE, re.M)
    assert sorted(documented) == sorted(known_keys())
    placeholders = re.findall(r"^\| `\{(\w+)\}` \| (.+) \|$", PAGE, re.M)
    assert placeholders == list(PLACEHOLDERS.items())
    types = re.findall(r"^\| `(\w+)` \| `(\S+)` \|", PAGE, re.M)
    assert types == [(name, known.pattern) for name, known in RECORDER_TYPES.items()]


def test_the_example_of_the_page_is_valid() -> None:
    """The page's own file is accepted."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
    assert parse_settings(example.encode()).recorders[0].cameras == {"kitchen": "5"}


FOUND = SettingsSuggestions(
    zones=(("Europe/Madrid", 3), ("UTC", 1)),
    cameras=(
        SuggestedCamera("5", "data/user_2/cameras.json", 'co"cina', "c05"),
        SuggestedCamera("a b.c", "data/cameras.json"),
    ),
    recorders=(SuggestedRecorder("motioneye", "eye", "Camera1/2025-05-02/07-30-00.mp4"),),
)


@pytest.mark.parametrize("found", [SettingsSuggestions(), FOUND])
def test_the_template_shows_exactly_the_existing_keys(found: SettingsSuggestions) -> None:
    """As written, only lab_id is set; with every example uncommented the file is accepted and has every key."""
    text = settings_text(LAB_ID, found, "America/Bogota")
    assert parse_settings(text.encode()) == LabSettings(lab_id=LAB_ID)
    in_force = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.M)
    settings = parse_settings(in_force.encode())
    assert keys_of(tomllib.loads(in_force)) == set(known_keys())
    assert settings.time_zone == ("Europe/Madrid" if found.zones else "America/Bogota")
    assert list(settings.cameras) == ([camera.id for camera in found.cameras] or ["1"])
