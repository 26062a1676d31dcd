"""The rows of ``sensor_readings``: one per value, as lines of CSV, as JSON objects, and as typed columns."""

import re
from collections.abc import Iterator

import msgspec
import polars as pl

from labcrate.readings.load.slice import Readings
from labcrate.readings.load.timestamps import iso_text
from labcrate.readings.units import Units
from labcrate.readings.values.decode import DecodedBatch, Decoder
from labcrate.readings.values.value_rows import Changes, Slot, Slots, value_rows

# Zigbee2MQTT does not repeat these with the state: each message is something that happened.
_EVENT = re.compile(r"action(?:[_-].*)?\Z", re.DOTALL)
_COLUMNS = {
    name: pl.String()
    for name in ("csv_before", "csv_after", "json_before", "json_after", "device_id", "property", "unit", "kind")
} | {"quoted": pl.Boolean()}


def value_kind(name: str) -> str:
    """Return whether a property is a state, or an event."""
    return "event" if _EVENT.match(name) else "state"


class LongRows:
    """Turns batches, in time order, into rows; each value is compared with the one before."""

    def __init__(self, readings: Readings, session_id: str) -> None:
        self._slots = Slots(readings.topics)
        self._units = Units(readings.topics.devices)
        self._changes = Changes()
        self._texts: list[tuple[str, str, str, str, str, str, str | None, str, bool]] = []
        self._table = pl.DataFrame(schema=_COLUMNS)
        self._session = session_id

    def next(self, decoded: DecodedBatch) -> pl.DataFrame:
        """Return the next batch's rows: the columns of `value_rows`, ``time`` and ``changed`` as text."""
        rows = value_rows(decoded, self._slots)
        properties = pl.Series(self._slots.properties, dtype=pl.UInt32).gather(rows["slot"])
        times = decoded.batch.select(iso_text("timestamp")).to_series().gather(rows["row"])
        changed = self._changes.next(properties, rows["json"]).cast(pl.String)
        if len(self._texts) < len(self._slots.slots):
            self._texts += map(self._describe, self._slots.slots[len(self._texts) :])
            self._table = pl.DataFrame(self._texts, _COLUMNS, orient="row")
        return rows.with_columns(times.alias("time"), changed.alias("changed"))

    def csv_lines(self, rows: pl.DataFrame) -> pl.Series:
        """Return the rows as lines of CSV."""
        before, after = self._texts_of(rows, "csv_before", "csv_after")
        odd = '"' + pl.col("text").str.replace_all('"', '""', literal=True) + '"'
        changed = pl.when(pl.col("changed").is_null()).then(pl.lit("")).otherwise('"' + pl.col("changed") + '"')
        has_odd = rows["text"].null_count() < rows.height
        value = pl.coalesce(odd, "json") if has_odd else pl.col("json")
        end = f",{quote(self._session)}"
        return rows.select(
            line=pl.concat_str(pl.lit('"'), "time", before, value, after, changed, pl.lit(end))
        ).to_series()

    def json_objects(self, rows: pl.DataFrame) -> pl.Series:
        """Return the rows as JSON objects."""
        before, after = self._texts_of(rows, "json_before", "json_after")
        changed = pl.col("changed").fill_null("null")
        parts = (pl.lit('{"timestamp":"'), pl.col("time"), before, pl.col("json"), after, changed, pl.lit("}"))
        return rows.select(line=pl.concat_str(*parts)).to_series()

    def typed(self, rows: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
        """Return the rows in the columns ``LONG_COLUMNS``."""
        device, name, unit, kind, quoted = self._texts_of(rows, "device_id", "property", "unit", "kind", "quoted")
        plain = pl.col("json").str.strip_prefix('"').str.strip_suffix('"')
        return rows.select(
            batch["timestamp"].gather(rows["row"]).alias("timestamp"),
            device,
            name,
            pl.coalesce("text", pl.when(quoted).then(plain).otherwise("json")).alias("value"),
            unit,
            kind,
            (pl.col("changed") == "true").alias("changed"),
            pl.lit(self._session).alias("session"),
        )

    def _texts_of(self, rows: pl.DataFrame, *names: str) -> list[pl.Series]:
        """Return texts that are the same for all values of a slot."""
        return [self._table[name].gather(rows["slot"]) for name in names]

    def _describe(self, slot: Slot) -> tuple[str, str, str, str, str, str, str | None, str, bool]:
        unit, kind = self._units.unit_of(slot.device, slot.name), value_kind(slot.name)
        quoted = slot.kind == "string" and not slot.odd
        # JSON text of a string is its own cell: it has quotes around it and none inside.
        around = "" if quoted or slot.odd else '"'
        device, name, shown = (msgspec.json.encode(text).decode() for text in (slot.device, slot.name, unit))
        return (
            f'",{quote(slot.device)},{quote(slot.name)},{around}',
            f"{around},{quote(unit) if unit else ''},{quote(kind)},",
            f'","device_id":{device},"property":{name},"value":',
            f',"unit":{shown},"kind":"{kind}","changed":',
            slot.device,
            slot.name,
            unit,
            kind,
            quoted,
        )


def typed_rows(readings: Readings, session_id: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of all readings in the columns ``LONG_COLUMNS``, batch by batch."""
    decoder, long = Decoder(), LongRows(readings, session_id)
    for batch in readings.batches():
        yield long.typed(long.next(decoder.decode(batch)), batch)


def quote(text: str) -> str:
    """Return a text as a quoted cell of a CSV."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
