"""A lab with very many readings: forty sensors over a fortnight, written as the platform writes them.

Both unified files have the same readings. One session is the whole fortnight, the other an hour in its middle. Memory
does not grow with the number of readings.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import IO

import polars as pl
from benchmarks.sensors import SENSORS, SHARES, Sensor, State

FORTNIGHT = timedelta(days=14)
_CELLS = {"temperature": "temperature", "humidity": "humidity", "motion": "occupancy"}
_CELLS |= {"battery": "battery", "linkquality": "linkquality"}
_ROUNDS_AT_ONCE = 200
HEADER = "timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload\n"


@dataclass(frozen=True, slots=True)
class Timetable:
    """Which device reports when: ``count`` readings within ``span``, in rounds of `SHARES` that are all alike."""

    begin: datetime
    count: int
    span: timedelta = FORTNIGHT

    @property
    def step_ms(self) -> float:
        """Return the mean time between two readings of the lab in milliseconds."""
        return self.span / timedelta(milliseconds=1) / self.count

    @property
    def rounds(self) -> int:
        """Return the number of rounds, of which the last may be shorter."""
        return -(-self.count // SHARES)

    def messages(self, sensor: Sensor, first_round: int, last_round: int) -> pl.DataFrame:
        """Return a device's messages of these rounds (the last excluded): ``n``, timestamp, payload and CSV cells."""
        own = pl.Series("place", _PLACES[sensor.number], dtype=pl.Int64).to_frame().with_row_index("rank")
        rounds = pl.int_range(first_round, last_round, eager=True).alias("round").to_frame()
        n = pl.col("round") * SHARES + pl.col("place")
        numbered = rounds.join(own, how="cross").select(
            n.alias("n"), (pl.col("round") * len(_PLACES[sensor.number]) + pl.col("rank")).cast(pl.Int64).alias("k")
        )
        # Times are in order and irregular: each is in the first half of its own step.
        late = pl.col("n") * 2_654_435_761 % 4_294_967_296 / 4_294_967_296 / 2
        timed = numbered.filter(pl.col("n") < self.count).with_columns(
            ms=((pl.col("n") + late) * self.step_ms).cast(pl.Int64)
        )
        at = pl.from_epoch(int(self.begin.timestamp() * 1000) + pl.col("ms"), "ms")
        state = sensor.state()
        cells = [_cell(state, key).alias(name) for name, key in _CELLS.items()]
        return timed.select(
            "n", at.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias("timestamp"), *cells, payload=_object(state)
        )


def _places() -> Mapping[int, list[int]]:
    """Return the places of each device in a round, mixed with a fixed seed."""
    numbers = [sensor.number for sensor in SENSORS for _ in range(sensor.share)]
    Random(14).shuffle(numbers)  # noqa: S311 - not for secrets
    places: dict[int, list[int]] = {sensor.number: [] for sensor in SENSORS}
    for place, number in enumerate(numbers):
        places[number].append(place)
    return places


_PLACES = _places()


def _object(state: State) -> pl.Expr:
    """Return the state as compact JSON."""
    parts: list[pl.Expr] = []
    for key, value in state.items():
        parts += [pl.lit(f'{"," if parts else "{"}"{key}":'), value if isinstance(value, pl.Expr) else _object(value)]
    return pl.concat_str(*parts, pl.lit("}"))


def _cell(state: State, key: str) -> pl.Expr:
    value = state.get(key)
    return value if isinstance(value, pl.Expr) else pl.lit("")


def write_readings(lab: Path, timetable: Timetable, *, pretty: bool = False) -> None:
    """Write both unified files; ``pretty``: the JSON as ``JSON.stringify(value, null, 2)`` writes it."""
    with (lab / "data/zigbee-sensors.csv").open("wb") as file:
        file.write(HEADER.encode())
        for rows in _rounds(timetable):
            _write_lines(csv_lines(rows), file)
    with (lab / "data/zigbee-data.json").open("w", encoding="utf-8") as text:
        _write_json(timetable, text, pretty=pretty)


def _rounds(timetable: Timetable) -> Iterator[pl.DataFrame]:
    """Yield the messages of all devices in time order, some rounds at once."""
    for first in range(0, timetable.rounds, _ROUNDS_AT_ONCE):
        last = min(first + _ROUNDS_AT_ONCE, timetable.rounds)
        tables = [
            timetable.messages(sensor, first, last).with_columns(
                topic=pl.lit(sensor.topic), device_id=pl.lit(sensor.name)
            )
            for sensor in SENSORS
        ]
        yield pl.concat(tables).sort("n")


def csv_lines(rows: pl.DataFrame) -> pl.Series:
    """Return messages as lines of the lab's CSV: text fields quoted, quotes inside them doubled."""
    quote, comma = pl.lit('"'), pl.lit(",")
    texts = [part for name in ("timestamp", "topic", "device_id") for part in (quote, pl.col(name), pl.lit('",'))]
    cells = [part for name in _CELLS for part in (pl.col(name), comma)]
    doubled = pl.col("payload").str.replace_all('"', '""', literal=True)
    return rows.select(line=pl.concat_str(*texts, *cells, quote, doubled, quote))["line"]


def _write_lines(lines: pl.Series, file: IO[bytes]) -> None:
    lines.to_frame().write_csv(file, include_header=False, quote_style="never")


def _write_json(timetable: Timetable, file: IO[str], *, pretty: bool) -> None:
    """Write the messages by topic, and the topics."""
    after_key, line = (": ", "\n") if pretty else (":", "")
    file.write(f'{{{line}{"  " * pretty}"messages"{after_key}{{')
    topics: list[str] = []
    for sensor in SENSORS:
        comma = ""
        for first in range(0, timetable.rounds, 10 * _ROUNDS_AT_ONCE):
            rows = timetable.messages(sensor, first, min(first + 10 * _ROUNDS_AT_ONCE, timetable.rounds))
            if rows.height:
                key = f'{"," if topics else ""}{line}{"    " * pretty}"{sensor.topic}"{after_key}['
                file.write(comma or key)
                file.write(_indented(rows) if pretty else _compact(rows))
                comma = ","
        if comma:
            file.write(f"{line}{'    ' * pretty}]")
            topics.append(sensor.topic)
    summary = {
        "topics": topics,
        "deviceCount": len(topics),
        "lastUpdated": format_instant(timetable.begin + timetable.span),
    }
    text = json.dumps(summary, indent=2) if pretty else json.dumps(summary, separators=(",", ":"))
    file.write(f"{line}{'  ' * pretty}}}," + text.removeprefix("{"))


def _compact(rows: pl.DataFrame) -> str:
    return str(
        rows.select(
            pl.concat_str(
                pl.lit('{"timestamp":"'), "timestamp", pl.lit('","payload":'), "payload", pl.lit("}")
            ).str.join(",")
        ).item()
    )


def _indented(rows: pl.DataFrame) -> str:
    messages = [
        {"timestamp": at, "payload": json.loads(payload)}
        for at, payload in rows.select("timestamp", "payload").iter_rows()
    ]
    text = json.dumps(messages, indent=2, ensure_ascii=False)
    return text.removeprefix("[").removesuffix("\n]").replace("\n", "\n    ")


def append_to_csv(lab: Path, timetable: Timetable) -> None:
    """Append messages to the CSV."""
    with (lab / "data/zigbee-sensors.csv").open("ab") as file:
        for rows in _rounds(timetable):
            _write_lines(csv_lines(rows), file)


def append_to_json(lab: Path, timetable: Timetable) -> None:
    """Rewrite the compact JSON with further messages at the end of each topic, as the platform does."""
    path = lab / "data/zigbee-data.json"
    text, part = path.read_text("utf-8"), path.with_name("part.json")
    with part.open("w", encoding="utf-8") as file:
        start = 0
        for sensor in SENSORS:
            rows = timetable.messages(sensor, 0, timetable.rounds)
            own = text.find(f'"{sensor.topic}":[', start)
            if own >= 0 and rows.height:
                end = text.index("}]", own) + 1  # no payload has a list
                file.write(text[start:end] + "," + _compact(rows))
                start = end
        file.write(text[start:])
    part.replace(path)


def format_instant(instant: datetime) -> str:
    """Return an instant as the platform writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")
