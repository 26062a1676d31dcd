"""The options of an export, and the words that say them on a command line, in a query, in a form and in Python."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from labcrate.errors import UsageError
from labcrate.messages.text import printable_lines
from labcrate.model.timespan import TimeSpan
from labcrate.plan.option_values import parse_duration, parse_time, parse_zone, write_duration, write_time

ENDS_BEFORE = "The span ends before it starts; exchange 'from' and 'to'."


class DataKind(StrEnum):
    """Which kind of a session's data is chosen."""

    ALL = "all"
    SENSORS = "sensors"
    RECORDINGS = "recordings"


@dataclass(frozen=True, slots=True)
class Options:
    """What of the session is chosen, and how its readings' topics begin.

    ``pad`` widens the readings' window on both sides, and ``base_topic`` is Zigbee2MQTT's (None: as ``labcrate.toml``
    says, else no pad and ``zigbee2mqtt``); ``all_readings`` leaves the window open. ``only``,
    ``cameras`` (ids, names or prefixes), ``sensors`` (addresses or names) and ``span`` select; empty
    ones select everything. Recordings that touch the span are taken whole. ``time_zone`` is the IANA zone of times
    without one, those of the span too (None: the session's, else that of ``labcrate.toml``). ``redact`` takes
    secrets out of files that are copied, ``allow_secrets`` leaves in them what was not taken out; without either
    such a file stops the export.
    """

    pad: timedelta | None = None
    all_readings: bool = False
    base_topic: str | None = None
    only: DataKind = DataKind.ALL
    cameras: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    span: TimeSpan = TimeSpan()
    time_zone: str | None = None
    redact: bool = False
    allow_secrets: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether less than the whole session is chosen."""
        return self.only is not DataKind.ALL or bool(self.cameras or self.sensors) or self.span != TimeSpan()


@dataclass(frozen=True, slots=True)
class OptionField:
    """A word that says an option: ``name`` in a query and on the command line, ``keyword`` in Python.

    ``parse`` gets the name, for its messages, and the value; ``write`` turns a value into a text of a query (None:
    no query may hold the word); ``many`` values may be given.
    """

    name: str
    keyword: str
    parse: Callable[[str, Any], Any]
    write: Callable[[Any], str] | None = str
    many: bool = False

    def read(self, given: object) -> Any:
        """Return the value of what was given, in a list as a query has it or by itself. Raises UsageError."""
        if self.many:
            return self.parse(self.name, [given] if isinstance(given, str) else given)
        if isinstance(given, list):
            if len(given) > 1:
                raise UsageError(f"The option {self.name!r} is given more than once.")
            given = given[0]
        return self.parse(self.name, given)

    def value(self, options: Options) -> Any:
        """Return what options have for the word."""
        return getattr(options.span if self.keyword in ("start", "end") else options, self.keyword)


def _pad(_: str, given: str | timedelta) -> timedelta:
    pad = parse_duration(given) if isinstance(given, str) else given
    if pad < timedelta():
        raise UsageError(f"pad is {pad}; it widens the readings' window, so it cannot be less than nothing.")
    return pad


def _all_readings(name: str, given: str | bool) -> bool:
    if given not in ("session", "all", False, True):
        raise UsageError(f"{name} is {given!r}; it is 'session' or 'all'.")
    return given in ("all", True)


def _only(name: str, given: str) -> DataKind:
    if given not in list(DataKind):
        raise UsageError(f"{name} is {given!r}; it is {', '.join(map(repr, map(str, DataKind)))}.")
    return DataKind(given)


def _sorted_words(_: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return the same words in one order, so that equal choices are equal values."""
    return tuple(sorted({word.strip() for word in given} - {""}))


def parse_switch(name: str, given: str | bool) -> bool:
    """Return whether a switch is on. Raises UsageError."""
    if isinstance(given, str) and given not in ("0", "1", "true", "false"):
        raise UsageError(f"{name} is {printable_lines(given)!r}; it is 1 or 0.")
    return given in ("1", "true") if isinstance(given, str) else bool(given)


def _write_on(_: object) -> str:
    return "1"


OPTION_FIELDS = (
    OptionField("pad", "pad", _pad, write_duration),
    OptionField("readings", "all_readings", _all_readings, lambda _: "all"),
    OptionField("base_topic", "base_topic", lambda _, given: given.strip("/") if given else None, None),
    OptionField("only", "only", _only),
    OptionField("camera", "cameras", _sorted_words, many=True),
    OptionField("sensor", "sensors", _sorted_words, many=True),
    OptionField("from", "start", parse_time, write_time),
    OptionField("to", "end", parse_time, write_time),
    OptionField("time_zone", "time_zone", lambda _, given: parse_zone(given) if given else None),
    OptionField("redact", "redact", parse_switch, _write_on),
    OptionField("allow_secrets", "allow_secrets", parse_switch, _write_on),
)
"""All words of options, in the order in which a query is written."""

_DEFAULTS = Options()


def parse_options(given: Mapping[str, object]) -> Options:
    """Return the options that words say, by their names; other words mean nothing here, nor does None.

    Raises UsageError.
    """
    values = {
        option.keyword: option.read(given[option.name])
        for option in OPTION_FIELDS
        if given.get(option.name) is not None
    }
    span = TimeSpan(values.pop("start", None), values.pop("end", None))
    options = Options(**values, span=span)
    for noun, excluded_kind, chosen in (
        ("camera", DataKind.SENSORS, options.cameras),
        ("sensor", DataKind.RECORDINGS, options.sensors),
    ):
        if options.only is excluded_kind and chosen:
            raise UsageError(
                f"only is '{excluded_kind}' and a {noun} is chosen, which leaves nothing of it; leave out one of them."
            )
    if span.start and span.end and (span.start.tzinfo is None) == (span.end.tzinfo is None) and span.end < span.start:
        raise UsageError(ENDS_BEFORE)
    return options


def parse_keywords(keywords: Mapping[str, object]) -> Options:
    """Return the options that the keyword arguments of a Python call say; others mean nothing. Raises UsageError."""
    return parse_options({option.name: keywords.get(option.keyword) for option in OPTION_FIELDS})


def as_query(options: Options) -> dict[str, list[str]]:
    """Return the words that say these options, as a query has them: only what is not the default, in one order."""
    query = {}
    for option in OPTION_FIELDS:
        value = option.value(options)
        if option.write and value != option.value(_DEFAULTS):
            query[option.name] = [option.write(one) for one in (value if option.many else (value,))]
    return query


def as_text(options: Options) -> str:
    """Return the same words on one line, for the export log: empty where the whole session is chosen."""
    return urlencode(as_query(options), doseq=True, safe=":+/ ")


def recording_as_text(name: str) -> str:
    """Return what the export log says of a recording that was played or fetched by itself."""
    return urlencode({"recording": name}, safe=":+/ ")
