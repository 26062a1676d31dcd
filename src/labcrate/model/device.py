"""Cameras and sensors of the lab, without anything that could open them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Camera:
    """An IP camera; ``prefix`` is how its recordings' names begin."""

    id: str
    name: str | None = None
    prefix: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    """A Zigbee device, keyed by its IEEE address; ``battery`` in percent, ``linkquality`` 0 to 255."""

    id: str
    name: str | None = None
    type: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    last_seen: str | None = None
    battery: float | None = None
    linkquality: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
