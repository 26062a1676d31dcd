"""The columns of a frame of readings."""

import polars as pl

from labcrate.readings.load.timestamps import INSTANT

FRAME: dict[str, pl.DataType] = {
    "timestamp": INSTANT,
    "topic": pl.String(),
    "device_id": pl.String(),
    "payload": pl.String(),
}
