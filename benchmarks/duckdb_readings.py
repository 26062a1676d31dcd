"""DuckDB doing an export's work on the readings: cut a window out of the lab's files, write it as CSV and JSON.

Run as a child process: ``python -m benchmarks.duckdb_readings LAB TARGET both|csv``.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from benchmarks.labs import BEGIN, WINDOW

_FROM_CSV = """
    SELECT timestamp, topic, payload FROM read_csv('{lab}/data/zigbee-sensors.csv', header = true, columns = {{
        'timestamp': 'TIMESTAMP', 'topic': 'VARCHAR', 'device_id': 'VARCHAR', 'temperature': 'DOUBLE',
        'humidity': 'DOUBLE', 'motion': 'BOOLEAN', 'battery': 'DOUBLE', 'linkquality': 'DOUBLE', 'payload': 'VARCHAR'}})
    WHERE timestamp BETWEEN '{start}' AND '{end}'
"""
_FROM_JSON = """
    SELECT message.timestamp AS timestamp, topic, CAST(message.payload AS VARCHAR) AS payload FROM (
        SELECT topic, unnest(list) AS message FROM (
            SELECT unnest(map_keys(messages)) AS topic, unnest(map_values(messages)) AS list
            FROM read_json('{lab}/data/zigbee-data.json', maximum_object_size = {most}, format = 'unstructured',
                columns = {{'messages': 'MAP(VARCHAR, STRUCT(timestamp TIMESTAMP, payload JSON)[])'}})))
    WHERE message.timestamp BETWEEN '{start}' AND '{end}'
"""


def main(lab: str, target: str, sources: str) -> None:
    """Write the readings of the session's window to ``readings.csv`` and ``readings.json`` in the target folder."""
    duckdb: Any = importlib.import_module("duckdb")
    Path(target).mkdir()
    most = Path(lab, "data/zigbee-data.json").stat().st_size + 1
    parts = [_FROM_CSV] + ([_FROM_JSON] if sources == "both" else [])
    query = " UNION ".join(parts).format(lab=lab, most=most, start=_sql(BEGIN), end=_sql(BEGIN + WINDOW))
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"CREATE TABLE readings AS {query} ORDER BY timestamp, topic")
        connection.execute(f"COPY readings TO '{target}/readings.csv' (FORMAT csv, HEADER, FORCE_QUOTE *)")
        connection.execute(f"COPY readings TO '{target}/readings.json' (FORMAT json, ARRAY true)")


def _sql(instant: object) -> str:
    return str(instant).removesuffix("+00:00")


if __name__ == "__main__":
    main(*sys.argv[1:])
