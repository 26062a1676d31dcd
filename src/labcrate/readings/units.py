"""Units of measured values: from the device's own definition, else only where they are certain.

Zigbee2MQTT's ``definition.exposes`` has each property's unit; features nest. Without it a unit is given only for
properties that have the same one for every device: ``voltage``, for example, is V or mV, ``voc`` is µg/m³, ppb or ppm.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labcrate.model.device import Device

CERTAIN_UNITS: Mapping[str, str] = {
    "battery": "%",
    "co2": "ppm",
    "color_temp": "mired",
    "current": "A",
    "device_temperature": "°C",
    "energy": "kWh",
    "humidity": "%",
    "illuminance_lux": "lx",
    "linkquality": "lqi",
    "local_temperature": "°C",
    "pm25": "µg/m³",
    "power": "W",
    "pressure": "hPa",
    "soil_moisture": "%",
    "temperature": "°C",
}


class Units:
    """The units in the definitions of the lab's devices."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._reported_units = {
            name: dict(_exposed(device)) for device in devices for name in (device.id, device.name) if name
        }

    def unit_of(self, device: str, prop: str) -> str | None:
        """Return the unit of a device's property (nested keys joined by ``-``), None if it is not known."""
        units = self._reported_units.get(device)
        if units is not None and prop in units:
            return units[prop]
        return CERTAIN_UNITS.get(prop)

    def shared_unit(self, devices: Sequence[str], prop: str) -> str | None:
        """Return the unit of a property if it is known and the same for all the devices."""
        units = {self.unit_of(device, prop) for device in devices}
        return units.pop() if len(units) == 1 else None


def _exposed(device: Device) -> Iterator[tuple[str, str | None]]:
    definition = device.extra.get("definition")
    if isinstance(definition, Mapping):
        yield from _walk(definition.get("exposes"), "")


def _walk(exposes: Any, prefix: str) -> Iterator[tuple[str, str | None]]:
    if not isinstance(exposes, Sequence) or isinstance(exposes, str):
        return
    for one in exposes:
        if not isinstance(one, Mapping):
            continue
        prop = one.get("property")
        path = f"{prefix}{prop}" if isinstance(prop, str) else ""
        unit = one.get("unit")
        if path and "features" not in one and (one.get("type") == "numeric" or unit):
            yield path, unit if isinstance(unit, str) and unit else None
        # Only a composite's features are inside its value; those of a light or a switch are siblings.
        inside = f"{path}-" if path and one.get("type") == "composite" else prefix
        yield from _walk(one.get("features"), inside)
