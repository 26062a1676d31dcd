"""DuckDB doing an export's work on the readings: unite the lab's two files, and write the same four tables.

Run as a child process: ``python -m benchmarks.duckdb_readings LAB TARGET BEGIN END [sync]``. Each payload is decoded
once; every message repeats its device's state, so a value changed if it differs from the one in the previous row.
``zigbee-data.json`` has an object for each topic: one object for the whole file needs all of it in memory.
"""

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

_KEYS = (
    "action", "battery", "brightness", "color_mode", "color_temp", "contact", "current", "device_temperature",
    "energy", "humidity", "illuminance", "linkquality", "occupancy", "power", "power_outage_count",
    "power_outage_memory", "pressure", "state", "temperature", "voltage",
)  # fmt: skip
_NESTED = {"color": ("x", "y"), "update": ("installed_version", "latest_version", "state")}
_INNER = tuple(f"{key}-{inner}" for key, keys in _NESTED.items() for inner in keys)
_MEASURED = ("temperature", "humidity", "battery", "linkquality")

_READ = """
    CREATE TABLE readings AS
    SELECT timestamp, topic, parse_filename(topic) AS device_id, payload FROM (
        SELECT timestamp, topic, payload FROM read_csv('{lab}/data/zigbee-sensors.csv', header = true, columns = {{
            'timestamp': 'TIMESTAMP', 'topic': 'VARCHAR', 'device_id': 'VARCHAR', 'temperature': 'DOUBLE',
            'humidity': 'DOUBLE', 'motion': 'BOOLEAN', 'battery': 'DOUBLE', 'linkquality': 'DOUBLE',
            'payload': 'VARCHAR'}})
        UNION
        SELECT message.timestamp, topic, CAST(message.payload AS VARCHAR) FROM (
            SELECT topic, unnest(list) AS message FROM (
                SELECT unnest(map_keys(messages)) AS topic, unnest(map_values(messages)) AS list
                FROM read_json('{lab}/data/zigbee-data.json', maximum_object_size = {most}, format = 'unstructured',
                    columns = {{'messages': 'MAP(VARCHAR, STRUCT(timestamp TIMESTAMP, payload JSON)[])'}})))
    ) WHERE timestamp BETWEEN '{begin}' AND '{end}' ORDER BY timestamp, topic, payload
"""
_DECODE = """
    CREATE TABLE wide AS
    SELECT timestamp, topic, device_id, payload, {values}
    FROM (SELECT *, json_transform(payload, '{structure}') AS p FROM readings)
"""
_COMPARE = """
    CREATE TABLE compared AS
    SELECT timestamp, topic, device_id, {columns}, {changes}
    FROM wide WINDOW before AS (PARTITION BY topic ORDER BY timestamp) ORDER BY timestamp, topic
"""
_UNPIVOT = """
    CREATE TABLE long AS
    SELECT timestamp, device_id, property, value, CASE property
            WHEN 'temperature' THEN '°C' WHEN 'device_temperature' THEN '°C' WHEN 'humidity' THEN '%'
            WHEN 'battery' THEN '%' WHEN 'pressure' THEN 'hPa' WHEN 'linkquality' THEN 'lqi' WHEN 'power' THEN 'W'
            WHEN 'energy' THEN 'kWh' WHEN 'current' THEN 'A' WHEN 'illuminance' THEN 'lx'
            WHEN 'color_temp' THEN 'mired'
            WHEN 'voltage' THEN CASE WHEN device_id LIKE 'plug%' THEN 'V' ELSE 'mV' END END AS unit,
        CASE WHEN property LIKE 'action%' THEN 'event' ELSE 'state' END AS kind, changed, '1' AS session
    FROM (UNPIVOT compared ON {pairs} INTO NAME property VALUE value, changed)
"""
_JSON_VALUE = """
    CASE WHEN property IN ('action', 'color_mode', 'power_outage_memory', 'state', 'update-state') THEN to_json(value)
    ELSE CAST(value AS JSON) END
"""
_TIMES = "TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"


def main(lab: str, target: str, begin: str, end: str, sync: str = "") -> None:
    """Write the four tables of the readings from ``begin`` to ``end`` into the target folder."""
    duckdb: Any = importlib.import_module("duckdb")
    spill = Path(target, "spill")
    spill.mkdir(parents=True)
    most = Path(lab, "data/zigbee-data.json").stat().st_size + 1
    with duckdb.connect() as connection:
        connection.execute(f"SET temp_directory = '{spill}'")
        connection.execute(_READ.format(lab=lab, most=most, begin=begin, end=end))
        for statement in (*_decode(), *_copy(target)):
            connection.execute(statement)
    shutil.rmtree(spill)
    if sync:
        for path in Path(target).iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _decode() -> list[str]:
    """Return the statements that make the table ``wide`` (a column a key) and ``long`` (a row a value)."""
    structure: dict[str, object] = dict.fromkeys(_KEYS, "VARCHAR") | {
        key: dict.fromkeys(keys, "VARCHAR") for key, keys in _NESTED.items()
    }
    values = [f"p.{key}" for key in _KEYS]
    values += [f'p."{key}".{inner} AS "{key}-{inner}"' for key, keys in _NESTED.items() for inner in keys]
    names = (*_KEYS, *_INNER)
    changes = [f'lag("{name}") OVER before IS DISTINCT FROM "{name}" AS "{name}!"' for name in names]
    return [
        _DECODE.format(values=", ".join(values), structure=json.dumps(structure)),
        _COMPARE.format(columns=", ".join(f'"{name}"' for name in names), changes=", ".join(changes)),
        _UNPIVOT.format(pairs=", ".join(f'("{name}", "{name}!") AS "{name}"' for name in names)),
    ]


def _copy(target: str) -> list[str]:
    """Return the statements that write the tables."""
    further = ", ".join(key for key in _KEYS if key not in _MEASURED)
    as_csv, as_json = f"FORMAT csv, HEADER, FORCE_QUOTE *, {_TIMES}", f"FORMAT json, {_TIMES}"
    wide = f"""
        SELECT timestamp, topic, device_id, temperature, humidity, occupancy AS motion, battery, linkquality,
            {further}, payload FROM wide
    """  # noqa: S608 - the keys above
    topics = """
        SELECT topic, list({timestamp: timestamp, payload: CAST(payload AS JSON)} ORDER BY timestamp) AS messages
        FROM readings GROUP BY topic ORDER BY topic
    """
    values = f"SELECT * REPLACE ({_JSON_VALUE} AS value) FROM long"  # noqa: S608 - the expression above
    return [
        f"COPY ({topics}) TO '{target}/zigbee-data.json' ({as_json})",
        f"COPY ({wide}) TO '{target}/zigbee-sensors.csv' ({as_csv})",
        f"COPY long TO '{target}/sensor_readings.csv' ({as_csv})",
        f"COPY ({values}) TO '{target}/sensor_readings.json' ({as_json}, ARRAY true)",
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
