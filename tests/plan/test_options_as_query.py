"""One table describes all options: each interface reads them, and reads what ``as_query`` writes."""

import inspect
import re
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import MultiDict

import labcrate
from labcrate.cli.arguments import COMMANDS
from labcrate.cli.session import export_options
from labcrate.errors import UsageError
from labcrate.plan.option_values import parse_duration
from labcrate.plan.options import OPTION_FIELDS, DataKind, Options, as_query, parse_keywords, parse_options
from labcrate.plan.table_choice import AddedTables, DerivedTable, whole_tables
from labcrate.web.routes.query import QUERY_NAMES, form_options, query_options

WEB = Path(labcrate.__file__).parent / "web"
IN_QUERY = {word.name for word in OPTION_FIELDS if word.write}

words = st.lists(st.text(min_size=1, max_size=20), max_size=3)
instants = st.none() | st.datetimes(timezones=st.just(UTC))
options = st.builds(
    lambda pad, readings, only, cameras, sensors, bounds, zone, secrets, tables: parse_options(
        {
            "pad": pad, "readings": readings, "only": only, "camera": () if only is DataKind.SENSORS else cameras,
            "sensor": () if only is DataKind.RECORDINGS else sensors, "from": bounds[0], "to": bounds[1],
            "time_zone": zone, "redact": secrets[0], "allow_secrets": secrets[1],
            "with": () if only is DataKind.RECORDINGS else tables[0],
            "without": () if only is DataKind.RECORDINGS else tables[1],
        }
    ),
    st.none() | st.timedeltas(min_value=timedelta()), st.sampled_from(["session", "all"]), st.sampled_from(DataKind),
    words, words, st.tuples(instants, instants).filter(lambda pair: not (pair[0] and pair[1]) or pair[0] <= pair[1]),
    st.sampled_from([None, "UTC", "Europe/Madrid"]), st.tuples(st.booleans(), st.booleans()),
    st.tuples(st.lists(st.sampled_from(AddedTables)), st.lists(st.sampled_from(DerivedTable))).filter(
        lambda tables: bool(whole_tables(*tables))
    ),
)  # fmt: skip


def command_line(name: str) -> ArgumentParser:
    """Return the arguments of a command about one session."""
    parser = ArgumentParser(exit_on_error=False)
    COMMANDS[name][1](parser)
    return parser


def query_of(options: Options) -> MultiDict[str]:
    """Return what a server receives when options are in an address."""
    return MultiDict(parse_qsl(urlencode(as_query(options), doseq=True), keep_blank_values=True))


def by_command_line(options: Options) -> Options:
    """Return the options that the command line reads from the same values."""
    arguments = ["42"]
    for name, values in as_query(options).items():
        option = f"--{name.replace('_', '-')}"
        switch = name in ("redact", "allow_secrets")
        arguments += [option] if switch else [f"{option}={value}" for value in values]
    return export_options(command_line("plan").parse_args(arguments))


def by_keywords(options: Options) -> Options:
    """Return the options that Python reads from its keyword arguments."""
    return parse_keywords({word.keyword: word.value(options) for word in OPTION_FIELDS})


FRONTS: dict[str, Callable[[Options], Options]] = {
    "words": lambda options: parse_options(as_query(options)),
    "command line": by_command_line,
    "query": lambda options: query_options(query_of(options), None),
    "form": lambda options: form_options(query_of(options), "Asia/Tokyo", None),
    "Python": by_keywords,
    "Python, as texts": lambda options: parse_keywords(
        {word.keyword: as_query(options)[word.name] for word in OPTION_FIELDS if word.name in as_query(options)}
    ),
}


@pytest.mark.parametrize("front", FRONTS)
@given(options)
@example(parse_options({"pad": "336h", "from": "2025-05-02T10:00Z", "to": "2025-05-02T10:00:00.000001Z"}))
@example(parse_options({"pad": timedelta(microseconds=1), "camera": ["-1", "--only", " a + b & c "]}))
@example(parse_options({"pad": timedelta.max, "readings": "all", "only": "recordings"}))
@example(parse_options({"with": ["parquet"], "without": ["long-csv, zigbee-csv,zigbee-json"]}))
def test_every_front_reads_what_a_query_says(front: str, options: Options) -> None:
    """Two weeks of pad are not written as 1.2096e+06s, and no microsecond is lost."""
    again = FRONTS[front](options)
    assert again == options
    assert as_query(again) == as_query(options)


@pytest.mark.parametrize("front", ["words", "command line", "query", "Python", "Python, as texts"])
def test_a_time_without_a_zone_stays_without(front: str) -> None:
    """It is read in the session's zone later; the times of a form are those of its page's zone."""
    options = parse_options({"from": "2025-05-02T10:00", "to": "2025-05-02T10:00:00.000001"})
    assert FRONTS[front](options) == options


@pytest.mark.parametrize("command", ["plan", "export", "layout"])
def test_the_command_line_has_the_words_of_the_table(command: str) -> None:
    """Every option of the table is an option of that name, and no other chooses data of the session."""
    option_strings = {option for action in command_line(command)._actions for option in action.option_strings}
    own = {"plan": {"--left-out"}, "layout": set[str](), "export": {
        "-o", "--output", "--force", "--no-sync", "--allow-incomplete", "--sign", "--check", "--no-check",
    }}[command]  # fmt: skip
    expected = {f"--{word.name.replace('_', '-')}" for word in OPTION_FIELDS}
    assert option_strings == expected | own | {"-h", "--help", "--lab", "--workers"}


@pytest.mark.parametrize("call", [labcrate.Lab.plan, labcrate.Lab.export])
def test_python_has_the_words_of_the_table(call: object) -> None:
    """Every option of the table is a keyword argument, and no other chooses data of the session."""
    assert callable(call)
    parameters = set(inspect.signature(call).parameters)
    own = {"self", "session", "progress", "workers"}
    if call is labcrate.Lab.export:
        own |= {"to", "force", "allow_incomplete", "sign", "sync", "check"}
    assert parameters == {word.keyword for word in OPTION_FIELDS} | own


def test_a_query_and_its_description_have_the_words_of_the_table() -> None:
    """All but the base topic, which is the server's, for a plan, an archive and its preparation."""
    assert set(QUERY_NAMES) == IN_QUERY | {"allow_incomplete"}
    assert {word.name for word in OPTION_FIELDS} - {"base_topic"} == IN_QUERY
    contract = yaml.safe_load((WEB / "openapi.yaml").read_text())
    for path in ("plan", "archive.zip", "prepare"):
        item = contract["paths"][f"/api/sessions/{{id}}/{path}"]
        listed = item.get("parameters", []) + (item.get("get") or item["post"]).get("parameters", [])
        named = {one["$ref"].rpartition("/")[2] for one in listed if "$ref" in one}
        described = {contract["components"]["parameters"][name]["name"] for name in named}
        assert described - {"If-None-Match", "id"} >= IN_QUERY, path


def test_a_form_has_no_field_but_words_of_the_table() -> None:
    """A page has a field for each option but the zone, which is that of its clocks."""
    page = (WEB / "pages/templates/export.html").read_text()
    fields = set(re.findall(r'name="(\w+)"', page)) | set(re.findall(r'\("(from|to)"', page))
    assert fields == IN_QUERY - {"time_zone"} | {"allow_incomplete"}


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"all_readings": "yes"}, "readings is 'yes'; use 'session' or 'all'."),
        ({"redact": "no"}, "redact is 'no'; use 1 or 0."),
        ({"pad": timedelta(seconds=-1)}, "It must not be negative"),
        (
            {"only": "sensors", "cameras": ["1"]},
            "'only' is 'sensors', which leaves out all recordings, so no camera can be chosen.",
        ),
        ({"start": "2025-05-02T11:00Z", "end": "2025-05-02T10:00Z"}, "Swap its start and its end."),
        ({"pad": ["1s", "2s"]}, "The option 'pad' is given more than once."),
        ({"with_tables": "arrow"}, "with is 'arrow', which is not a table. Use one or more of: parquet."),
        ({"without_tables": "zigbee-csv,zigbee-json"}, "or add the Parquet tables (with parquet)."),
        ({"only": "recordings", "without_tables": "long-csv"}, "no table can be added or left out"),
    ],
)
def test_invalid_values_are_refused(keywords: dict[str, object], message: str) -> None:
    """The message names the option as in a query."""
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_keywords(keywords)


def test_one_text_is_one_camera() -> None:
    """A text instead of a list is one camera, not its letters."""
    assert parse_keywords({"cameras": "cam12"}).cameras == ("cam12",)


@given(st.integers(0, 10**9), st.sampled_from([("ms", 1000), ("s", 10**6), ("m", 60 * 10**6), ("h", 3600 * 10**6)]))
def test_a_duration_is_read_to_the_microsecond(count: int, unit: tuple[str, int]) -> None:
    """Whatever the unit, a length of time is exactly what is written."""
    name, microseconds = unit
    assert parse_duration(f"{count}{name}") == timedelta(microseconds=count * microseconds)
    assert parse_duration(f"{count}.5{name}") == timedelta(microseconds=count * microseconds + microseconds // 2)
