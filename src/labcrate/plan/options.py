"""The options of an export, and how they are read from a command line, a query, a form and a Python call."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.plan.option_values import parse_duration, parse_time, parse_zone, write_duration, write_time
from labcrate.plan.table_choice import AddedTables, DerivedTable, parse_tables, whole_tables

ENDS_BEFORE = Message("span.ends_before")


class DataKind(StrEnum):
    """The kind of a session's data that is chosen."""

    ALL = "all"
    SENSORS = "sensors"
    RECORDINGS = "recordings"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an export.

    ``pad`` extends the readings' window on both sides, and ``base_topic`` is Zigbee2MQTT's (None: as ``labcrate.toml``
    says, else no pad and ``zigbee2mqtt``); ``all_readings`` leaves the window open. ``only``, ``cameras`` (ids, names
    or prefixes), ``sensors`` (addresses or names) and ``span`` choose a part; empty, they choose everything. Recordings
    that overlap the span are included whole. ``time_zone`` is the IANA zone of times without one, those of the span
    included (None: the session's, else that of ``labcrate.toml``). ``with_tables`` and ``without_tables`` add and leave
    out tables that are made from the readings; all readings are in the archive all the same. ``redact`` removes secrets
    from the copies of files, ``allow_secrets`` leaves in them what was not removed; without either, such a file stops
    the export.
    """

    pad: timedelta | None = None
    all_readings: bool = False
    base_topic: str | None = None
    only: DataKind = DataKind.ALL
    cameras: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    span: TimeSpan = TimeSpan()
    time_zone: str | None = None
    with_tables: tuple[AddedTables, ...] = ()
    without_tables: tuple[DerivedTable, ...] = ()
    redact: bool = False
    allow_secrets: bool = False

    @property
    def is_partial(self) -> bool:
        """Return whether less than the whole session is chosen."""
        return self.only is not DataKind.ALL or bool(self.cameras or self.sensors) or self.span != TimeSpan()

    @property
    def has_parquet(self) -> bool:
        """Return whether the tables are exported as Parquet too."""
        return AddedTables.PARQUET in self.with_tables


@dataclass(frozen=True, slots=True)
class OptionField:
    """How one option is read and written: ``name`` in a query and on the command line, ``keyword`` in Python.

    ``parse`` is called with the name, for its messages, and the value; ``write`` makes the text for a query of a value
    (None: queries do not have the option); ``many`` says that several values may be given.
    """

    name: str
    keyword: str
    parse: Callable[[str, Any], Any]
    write: Callable[[Any], str] | None = str
    many: bool = False

    def read(self, given: object, written: str | None = None) -> Any:
        """Return the value of a text, or of a list of texts as queries have them.

        Raises UsageError with the option's name, or as it is ``written`` on the command line.
        """
        name = written or self.name
        if self.many:
            return self.parse(name, [given] if isinstance(given, str) else given)
        if isinstance(given, list):
            if len(given) > 1:
                raise UsageError(Message("option.repeated", name=name))
            given = given[0]
        return self.parse(name, given)

    def value(self, options: Options) -> Any:
        """Return the value that ``options`` have for this option."""
        return getattr(options.span if self.keyword in ("start", "end") else options, self.keyword)


def _pad(name: str, given: str | timedelta) -> timedelta:
    pad = parse_duration(given) if isinstance(given, str) else given
    if pad < timedelta():
        raise UsageError(Message("option.pad_negative", name=name, value=str(pad)))
    return pad


def _all_readings(name: str, given: str | bool) -> bool:
    if given not in ("session", "all", False, True):
        raise UsageError(Message("option.readings", name=name, value=str(given)))
    return given in ("all", True)


def _only(name: str, given: str) -> DataKind:
    if given not in list(DataKind):
        raise UsageError(Message("option.only", name=name, value=str(given)))
    return DataKind(given)


def _sorted_words(_: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return the words sorted and without repetition, so that equal choices are equal values."""
    return tuple(sorted({word.strip() for word in given} - {""}))


def parse_switch(name: str, given: str | bool) -> bool:
    """Return whether a switch is on. Raises UsageError."""
    if isinstance(given, str) and given not in ("0", "1", "true", "false"):
        raise UsageError(Message("option.switch", name=name, value=given))
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
    OptionField("with", "with_tables", parse_tables(AddedTables), many=True),
    OptionField("without", "without_tables", parse_tables(DerivedTable), many=True),
    OptionField("redact", "redact", parse_switch, _write_on),
    OptionField("allow_secrets", "allow_secrets", parse_switch, _write_on),
)
"""All options, in the order in which a query is written."""

_DEFAULTS = Options()


def parse_options(given: Mapping[str, object], write_name: Callable[[str], str] = str) -> Options:
    """Return the options of values by the options' names; other names and values of None are ignored.

    ``write_name`` writes an option's name as in messages.

    Raises UsageError.
    """
    values = {
        option.keyword: option.read(given[option.name], write_name(option.name))
        for option in OPTION_FIELDS
        if given.get(option.name) is not None
    }
    span = TimeSpan(values.pop("start", None), values.pop("end", None))
    options = Options(**values, span=span)
    if options.only is DataKind.SENSORS and options.cameras:
        raise UsageError(Message("option.camera_without_recordings"))
    if options.only is DataKind.RECORDINGS and options.sensors:
        raise UsageError(Message("option.sensor_without_readings"))
    if options.only is DataKind.RECORDINGS and (options.with_tables or options.without_tables):
        raise UsageError(Message("option.tables_without_readings"))
    if not whole_tables(options.with_tables, options.without_tables):
        raise UsageError(Message("option.no_whole_table", only=write_name("only"), with_tables=write_name("with")))
    if span.start and span.end and (span.start.tzinfo is None) == (span.end.tzinfo is None) and span.end < span.start:
        raise UsageError(ENDS_BEFORE)
    return options


def parse_keywords(keywords: Mapping[str, object]) -> Options:
    """Return the options of the keyword arguments of a Python call; others are ignored. Raises UsageError."""
    return parse_options({option.name: keywords.get(option.keyword) for option in OPTION_FIELDS})


def as_query(options: Options) -> dict[str, list[str]]:
    """Return the options as the parameters of a query, without defaults, in a fixed order."""
    query = {}
    for option in OPTION_FIELDS:
        value = option.value(options)
        if option.write and value != option.value(_DEFAULTS):
            query[option.name] = [option.write(one) for one in (value if option.many else (value,))]
    return query


def as_text(options: Options) -> str:
    """Return the options as one line for the export log; empty if the whole session is chosen."""
    return urlencode(as_query(options), doseq=True, safe=":+/ ")


def recording_as_text(name: str) -> str:
    """Return the line of the export log for a single recording that was played or downloaded."""
    return urlencode({"recording": name}, safe=":+/ ")
