"""Whose message a topic carries, and which topics carry no readings.

A device's state comes on ``BASE/NAME`` as a JSON object; with ``advanced.output`` set to ``attribute`` it comes
on ``BASE/NAME/KEY`` as single values instead. ``NAME`` may itself hold slashes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor

BASE_TOPIC = "zigbee2mqtt"
"""Zigbee2MQTT's own default of its setting ``mqtt.base_topic``."""

_COMMANDS = ("availability", "set", "get")


def device_id(topic: str, base_topic: str = BASE_TOPIC) -> str:
    """The topic without its base; a topic of another base stays whole."""
    return topic.removeprefix(f"{base_topic}/")


@dataclass(frozen=True)
class Topics:
    """What the lab knows of its topics: the base and every device's address and name."""

    base: str = BASE_TOPIC
    devices: tuple[Device, ...] = ()
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(name for device in self.devices for name in _names(device)))

    def is_reading(self, topic: str) -> bool:
        """Whether messages on the topic tell a device's state.

        ``.../availability``, ``.../set`` and ``.../get`` do not, nor ``.../set/KEY`` and ``.../get/KEY`` of a known
        device, nor anything of the bridge; unless a device is really called so.
        """
        own = device_id(topic, self.base)
        if own in self.names:
            return True
        first, *_ = parts = own.split("/")
        if own != topic and first == "bridge":
            return False
        if len(parts) > 1 and parts[-1] in _COMMANDS:
            return False
        return not (len(parts) > 2 and parts[-2] in ("set", "get") and "/".join(parts[:-2]) in self.names)

    def owner(self, own: str, whole_message: bool = True) -> tuple[str, str]:
        """The device and the key that a topic without its base stands for.

        A whole message (a JSON object) is the state of the device that the topic names, and has no key. A single value
        belongs to the longest known name that the topic begins with; where none is known, the last part is the key.
        """
        if whole_message or own in self.names:
            return own, ""
        known = _longest(own, self.names)
        if known is not None:
            return known, own[len(known) + 1 :]
        name, slash, key = own.rpartition("/")
        return (name, key) if slash else (own, "")


class Selection:
    """The sensors that a session selected, each named by ``id`` or ``name``."""

    def __init__(self, sensors: Iterable[SelectedSensor], topics: Topics) -> None:
        self._wanted = [(sensor.name or sensor.id, _aliases(sensor, topics.devices)) for sensor in sensors]
        self._names = topics.names.union(*(names for _, names in self._wanted))
        self._known = topics.names

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def takes(self, own: str, whole_message: bool) -> bool:
        """Whether a topic without its base belongs to one of the sensors."""
        return any(self._matches(names, own, whole_message) for _, names in self._wanted)

    def without(self, topics: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
        """The sensors, as the session names them, that none of the (topic without base, whole message) belongs to."""
        return tuple(
            label for label, names in self._wanted if not any(self._matches(names, own, whole) for own, whole in topics)
        )

    def _matches(self, names: frozenset[str], own: str, whole_message: bool) -> bool:
        """Exactly the device's name, or the last part of it: never a piece of a name.

        The last part counts only where no device is known by that part alone: then "door" is that device,
        and not the one called "kitchen/door".
        """
        device = own if whole_message else _longest(own, self._names) or own
        if device in names or device.lower() in names:
            return True
        last = device.rpartition("/")[2]
        return last in names and last not in self._known


def _aliases(sensor: SelectedSensor, devices: Sequence[Device]) -> frozenset[str]:
    """Every name that the sensor goes by. An address is sure; a name may by now be another device's."""
    given = [text for text in (sensor.id.lower(), sensor.id, sensor.name) if text]
    same = next((found for text in given if (found := [one for one in devices if text in _names(one)])), [])
    others = {name for device in devices if device not in same for name in _names(device)}
    return frozenset({name for device in same for name in _names(device)} | (set(given) - others))


def _names(device: Device) -> tuple[str, ...]:
    return tuple(text for text in (device.id, device.id.lower(), device.name) if text)


def _longest(own: str, names: frozenset[str]) -> str | None:
    """The longest of the names that is the topic, or a beginning of it that ends at a slash."""
    while own not in names:
        own, slash, _ = own.rpartition("/")
        if not slash:
            return None
    return own
