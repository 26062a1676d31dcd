"""What the user decided, in one frozen object: options first, then environment variables, then defaults."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from labcrate.errors import NoLabError, UsageError
from labcrate.export.chosen_span import ENDS_BEFORE
from labcrate.export.contents import Only, Options
from labcrate.lab.folder import Lab
from labcrate.lab.text import typed_path, visible
from labcrate.model.session_id import RULE, is_session_id, normalized_id
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import TimeSpan, format_instant, parse_instant, parse_length

LAB_VARIABLE = "LABCRATE_LAB"
BASE_TOPIC_VARIABLE = "LABCRATE_BASE_TOPIC"

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
"""This machine itself, as those on it name it."""

_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """Which lab, how answers are written, and how many workers index it (None: one per core)."""

    lab_folder: Path
    as_json: bool = False
    workers: int | None = None

    def lab(self) -> Lab:
        """Open the lab. Raises NoLabError."""
        return Lab(self.lab_folder)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How a lab is served.

    ``base_url`` is where a proxy in front of the server is reached (no slash at its end), ``time_zone`` the IANA
    zone that times are shown in when a session names none. ``recorders`` are the folders outside the lab in which
    recorders' files may be read. ``trusted_proxies`` are the networks of the proxies, whose word counts of where a
    request comes from; without ``base_url`` there is no proxy.
    """

    lab_folder: Path
    host: str = "127.0.0.1"
    port: int = 8642
    base_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    time_zone: str = "UTC"
    base_topic: str | None = None
    workers: int | None = None
    recorders: tuple[Path, ...] = ()
    trusted_proxies: tuple[Network, ...] = LOOPBACK


def parse_network(text: str) -> Network:
    """Read an address, or a network like ``10.0.0.0/8``. Raises UsageError."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise UsageError(
            f"{visible(text)!r} is no address and no network; write it like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32."
        ) from None


def lab_folder(option: str | None, environment: Mapping[str, str], current: Path) -> Path:
    """The lab folder: the option, the environment, or the current folder. Raises NoLabError for an empty name."""
    named = option if option is not None else environment.get(LAB_VARIABLE)
    if named == "":
        raise NoLabError(f"The lab folder's name is empty; name it with --lab DIR or {LAB_VARIABLE}.")
    return typed_path(named) if named else current


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``1h``, ``500ms`` or plain seconds. Raises UsageError."""
    try:
        return parse_length(text)
    except ValueError:
        raise UsageError(f"{text!r} is no length of time; write it like 30s, 5m or 1h.") from None
    except OverflowError:
        raise UsageError(f"{text!r} is longer than any calendar; write it like 30s, 5m or 1h.") from None


def parse_session(text: str) -> str:
    """Read a session's id, which may be one of no session: ``42``, ``P07-morning`` (NFC). Raises UsageError."""
    session_id = normalized_id(text.strip())
    if not is_session_id(session_id):
        raise UsageError(f"{visible(text)!r} is no session id: {RULE}. 'labcrate sessions' lists the ids.")
    return session_id


def export_options(
    *,
    pad: str | timedelta | None = None,
    readings: str = "session",
    base_topic: str | None = None,
    only: str = Only.ALL,
    cameras: Iterable[str] = (),
    sensors: Iterable[str] = (),
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    time_zone: str | None = None,
    redact: bool = False,
    allow_secrets: bool = False,
) -> Options:
    """What is wanted of a session, from the words of a command line, a query or a program. Raises UsageError."""
    window = parse_duration(pad) if isinstance(pad, str) else pad
    if window is not None and window < timedelta():
        raise UsageError(f"pad is {window}; it widens the readings' window, so it cannot be less than nothing.")
    if readings not in ("session", "all"):
        raise UsageError(f"readings is {readings!r}; it is 'session' or 'all'.")
    if only not in list(Only):
        raise UsageError(f"only is {only!r}; it is {', '.join(map(repr, map(str, Only)))}.")
    cameras, sensors = _words(cameras), _words(sensors)
    for what, without, words in (("camera", Only.SENSORS, cameras), ("sensor", Only.RECORDINGS, sensors)):
        if only == without and words:
            raise UsageError(
                f"only is '{only}' and a {what} is chosen, which leaves nothing of it; leave out one of them."
            )
    span = TimeSpan(_bound("from", start), _bound("to", end))
    comparable = span.start and span.end and (span.start.tzinfo is None) == (span.end.tzinfo is None)
    if comparable and span.start and span.end and span.end < span.start:
        raise UsageError(ENDS_BEFORE)
    base = base_topic.strip("/") if base_topic else None
    zone = parse_zone(time_zone) if time_zone else None
    return Options(
        window,
        readings == "all",
        base,
        Only(only),
        cameras,
        sensors,
        span,
        zone,
        redact=redact,
        allow_secrets=allow_secrets,
    )


def parse_zone(name: str) -> str:
    """Return the name of an IANA time zone. Raises UsageError, with the nearest name."""
    if is_time_zone(name):
        return name
    near = nearest_time_zone(name)
    hint = f"did you mean {near}?" if near else "use an IANA name like Europe/Madrid."
    raise UsageError(f"There is no time zone {visible(name)!r}; {hint}")


def as_query(options: Options) -> dict[str, list[str]]:
    """The words that ask for these options, as a query has them: only what is not the default, in one order."""
    span = options.span
    pairs = {
        "pad": [_duration(options.pad)] if options.pad is not None else [],
        "readings": ["all"] if options.all_readings else [],
        "only": [str(options.only)] if options.only is not Only.ALL else [],
        "camera": list(options.cameras),
        "sensor": list(options.sensors),
        "from": [_time(span.start)] if span.start else [],
        "to": [_time(span.end)] if span.end else [],
        "time_zone": [options.time_zone] if options.time_zone else [],
        "redact": ["1"] if options.redact else [],
        "allow_secrets": ["1"] if options.allow_secrets else [],
    }
    return {name: values for name, values in pairs.items() if values}


def _time(at: datetime) -> str:
    """A time as ``_bound`` reads it: without a zone where it was given without."""
    return format_instant(at) if at.tzinfo else at.isoformat()


def _duration(length: timedelta) -> str:
    """A length of time as ``parse_duration`` reads it: to the microsecond, however long."""
    seconds, rest = divmod(length, _SECOND)
    return f"{seconds}.{rest // _MICROSECOND:06}".rstrip("0").rstrip(".") + "s"


def as_text(options: Options) -> str:
    """The same words on one line, for the export log: empty where the whole session is asked for."""
    return urlencode(as_query(options), doseq=True, safe=":+/ ")


def recording_as_text(name: str) -> str:
    """What the export log says of a recording that was played or fetched by itself."""
    return urlencode({"recording": name}, safe=":+/ ")


def parse_bound(name: str, text: str | None, zone: str, whole: timedelta = timedelta()) -> datetime | None:
    """An instant; a date alone is that day's beginning in ``zone``, or (``whole``, a day, later) its end.

    An instant with ``whole`` is one just after it, so that it is inside. None for no text. Raises UsageError.
    """
    if not text or not text.strip():
        return None
    try:
        if len(text.strip()) <= len("2025-05-02"):
            day = date.fromisoformat(text.strip()) + whole
            return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        return parse_instant(text) + (timedelta(microseconds=1) if whole else whole)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is {visible(text)!r}, which is no date; write it like 2025-05-02 or 2025-05-02T10:00:00Z."
        ) from None


def _words(given: Iterable[str]) -> tuple[str, ...]:
    """The same words in one order, so that the same wish is always the same value."""
    return tuple(sorted({word.strip() for word in given} - {""}))


def _bound(name: str, given: str | datetime | None) -> datetime | None:
    """A time in UTC; one without a zone stays without, until the session says in which it is read."""
    if given is None or given == "":
        return None
    try:
        at = datetime.fromisoformat(given.strip() if isinstance(given, str) else given.isoformat())
        return at if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is {str(given)!r}, which is no date and time; write it like 2025-05-02T10:00:00+02:00 "
            "(without a zone, it is read in the session's)."
        ) from None
