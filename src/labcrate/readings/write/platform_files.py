"""The sensor files that the reference platform writes into a session's own folder, described by their columns.

They are packed as they are; this is what the archive's documents say of them. Its units are those that Zigbee2MQTT uses
for these properties of every device.
"""

from collections.abc import Sequence

from labcrate.readings.units import CERTAIN
from labcrate.readings.write.columns import Column, ColumnType

_TIME = Column("timestamp", "datetime", None, "When the platform received the message: ISO 8601")
_SENSOR = Column("sensor_id", "string", None, "What the platform took for the sensor: a part of the topic")
_STATE = (
    Column("battery", "number", CERTAIN["battery"], "Charge of the device's battery, where the message says it"),
    Column("linkquality", "number", CERTAIN["linkquality"], "Quality of the radio link, where the message says it"),
)
_TRAFFIC = (
    _TIME,
    Column("topic", "string", None, "MQTT topic of the message"),
    Column("payload", "string", None, "The whole message as JSON, or as the text that came"),
    _SENSOR,
    *_STATE,
)
_VALUES: dict[str, tuple[ColumnType, str]] = {
    "temperature": ("number", "Air temperature"),
    "humidity": ("number", "Relative humidity of the air"),
    "motion": ("boolean", "Whether motion or occupancy was reported"),
}


def describe_platform_csv(name: str, header: Sequence[str]) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the platform writes, None for any other file.

    ``name`` is the file's name, perhaps with folders before it; ``header`` the names in its first line. A known name
    over another header is another file.
    """
    last = name.rpartition("/")[2]
    columns: tuple[Column, ...] | None = None
    if last.startswith("session_") and last.endswith("_mqtt_traffic.csv"):
        columns = _TRAFFIC
    elif last.endswith("_sensors.csv") and (quantity := last.removesuffix("_sensors.csv")) in _VALUES:
        kind, meaning = _VALUES[quantity]
        columns = (_TIME, _SENSOR, Column(quantity, kind, CERTAIN.get(quantity), meaning), *_STATE)
    if columns is None or [one.strip() for one in header] != [column.name for column in columns]:
        return None
    return columns
