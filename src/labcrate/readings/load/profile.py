"""Which keys the payloads hold, and of what types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from labcrate.readings.load.payload import DECODER, Number

if TYPE_CHECKING:
    import polars as pl

Profile = Mapping[str, Mapping[str, frozenset[str]]]
"""Device (the topic without its base) to top-level key to the types of its values.

Types are ``integer``, ``number``, ``boolean``, ``string``, ``null`` and ``nested``. A payload that is no object has no
keys.
"""

CHUNK_ROWS = 20_000

_KINDS = {int: "integer", Number: "number", bool: "boolean", str: "string", type(None): "null"}


def profile(frame: pl.DataFrame) -> Profile:
    """Look through all payloads of a frame of readings."""
    profiles: dict[str, Mapping[str, frozenset[str]]] = {}
    for (device,), readings in sorted(frame.partition_by("device_id", as_dict=True).items()):
        types: defaultdict[str, set[type]] = defaultdict(set)
        for values in decoded(readings["payload"]):
            for value in values:
                if isinstance(value, dict):
                    for key, one in value.items():
                        types[key].add(type(one))
        kinds = {key: frozenset(_KINDS.get(one, "nested") for one in found) for key, found in types.items()}
        profiles[str(device)] = kinds
    return profiles


def decoded(payloads: pl.Series) -> Iterator[list[object]]:
    """The payloads' values, a chunk at a time; see `payload.DECODER` for what numbers become."""
    for chunk in payloads.to_frame().iter_slices(CHUNK_ROWS):
        # One text of many is decoded much faster than many texts.
        yield DECODER.decode("[" + ",".join(chunk.to_series()) + "]")
