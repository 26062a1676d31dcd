"""The device of a topic's messages, and the topics that carry no readings.

A device's state is published on ``BASE/NAME`` as a JSON object; with ``advanced.output`` set to ``attribute`` it is
published on ``BASE/NAME/KEY`` as single values instead. ``NAME`` may contain slashes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from labcrate.model.device import Device

BASE_TOPIC = "zigbee2mqtt"
"""Zigbee2MQTT's default of its setting ``mqtt.base_topic``."""

# Every beginning of a topic with at most this many levels is looked up; usual topics have three or four.
_MAX_LEVELS = 32
_COMMANDS = ("availability", "set", "get")


def device_id(topic: str, base_topic: str = BASE_TOPIC) -> str:
    """Return the topic without its base; a topic of another base is unchanged."""
    return topic.removeprefix(f"{base_topic}/")


@dataclass(frozen=True)
class Topics:
    """The topics of a lab: the base, and every device's address and name."""

    base: str = BASE_TOPIC
    devices: tuple[Device, ...] = ()
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(name for device in self.devices for name in names_of(device)))

    def is_reading(self, topic: str) -> bool:
        """Return whether messages on the topic are a device's state.

        ``.../availability``, ``.../set`` and ``.../get`` are not, nor ``.../set/KEY`` and ``.../get/KEY`` of a known
        device, nor topics of the bridge; unless a device has that name.
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

    def owner_of(self, own: str, whole_message: bool = True) -> tuple[str, str]:
        """Return the device and the key of a topic without its base.

        A whole message (a JSON object) is the state of the device in the topic, and has no key. A single value belongs
        to the longest known name that the topic begins with; without one, the last part is the key.
        """
        if whole_message or own in self.names:
            return own, ""
        known = _longest_known(own, self.names)
        if known is not None:
            return known, own[len(known) + 1 :]
        name, slash, key = own.rpartition("/")
        return (name, key) if slash else (own, "")

    def device_and_key(self, topic: str, device: str, whole_message: bool) -> tuple[str, str]:
        """Return the device and the key of a topic, given the ``device_id`` of its readings."""
        own = device_id(topic, self.base)
        if whole_message or device == own:
            return self.owner_of(own, whole_message) if device == own else (device, "")
        return device, own[len(device_path(own, False, self.names)) + 1 :]


def is_address(text: str) -> bool:
    """Return whether a text is an IEEE address as Zigbee2MQTT writes it."""
    return text[:2].lower() == "0x"


def names_of(device: Device) -> tuple[str, ...]:
    """Return every name and address of a device."""
    return tuple(text for text in (device.id, device.id.lower(), device.name) if text)


def in_names(path: str, names: Collection[str]) -> bool:
    """Return whether a path is one of the names; an address matches in any case."""
    return path in names or (is_address(path) and path.lower() in names)


def device_path(own: str, whole_message: bool, names: frozenset[str]) -> str:
    """Return the part of a topic without its base that names the device.

    A whole message is of the device in the topic. Of a single value's topic it is the longest beginning (up to a slash)
    that is a known name; else the longest whose last part is one; else the whole topic.
    """
    if whole_message:
        return own
    known = _longest_known(own, names)
    if known is not None:
        return known
    parts = own.split("/")
    named = next((at for at in range(len(parts), 0, -1) if parts[at - 1] in names), len(parts))
    return "/".join(parts[:named])


def _longest_known(own: str, names: frozenset[str]) -> str | None:
    """Return the longest of the names that is the topic, or its beginning up to a slash."""
    if own.count("/") > _MAX_LEVELS:  # each beginning would be another copy of nearly all of it
        begun = (own[: len(name)] for name in names if own[len(name) : len(name) + 1] in ("/", ""))
        return max((start for start in begun if in_names(start, names)), key=len, default=None)
    while not in_names(own, names):
        own, slash, _ = own.rpartition("/")
        if not slash:
            return None
    return own


TopicKind = tuple[str, bool]
"""A topic, and whether its messages are whole (JSON objects) or single values."""


class DevicePaths:
    """The parts of the lab's topics that name devices."""

    def __init__(self, topics: Topics, names: frozenset[str], kinds: Iterable[TopicKind]) -> None:
        self._base, self._names = topics.base, names
        self._ends: defaultdict[str, set[str]] = defaultdict(set)
        self._topics: defaultdict[str, set[str]] = defaultdict(set)
        self._first_topic: dict[str, str] = {}
        for topic, whole in sorted(kinds):
            path = self.of(topic, whole)
            last = path.rpartition("/")[2]
            self._ends[last.lower() if is_address(last) else last].add(path)
            self._first_topic.setdefault(path, topic)

    def of(self, topic: str, whole_message: bool) -> str:
        """Return the part of the topic that names the device."""
        return device_path(device_id(topic, self._base), whole_message, self._names)

    def with_name(self, names: Iterable[str]) -> set[str]:
        """Return the paths that are one of the names."""
        sought = set(names)
        return {path for path in self._first_topic if in_names(path, sought)}

    def ending_with(self, names: Iterable[str]) -> set[str]:
        """Return the paths that end in one of the names after a slash."""
        return {path for name in names for path in self._ends.get(name, ()) if "/" in path}

    def topic(self, path: str) -> str:
        """Return a topic of the path, for messages."""
        return self._first_topic[path]


class TopicOwners:
    """The devices of ``devices.json`` that the lab's topics belong to.

    A topic is a device's by its whole path; else by the last part, if no other path of the lab ends in it and none is
    the device's own.
    """

    def __init__(self, topics: Topics, kinds: Iterable[TopicKind]) -> None:
        self._base = topics.base
        self._paths = DevicePaths(topics, topics.names, kinds)
        self._by_path: dict[str, str] = {}
        # Of two devices that share a name or address, the first one has it.
        by_name: dict[str, str] = {}
        for device in topics.devices:
            shown = device.name or device.id
            for name in names_of(device):
                by_name.setdefault(name, shown)
            own = self._paths.with_name(names_of(device))
            by_end = self._paths.ending_with(names_of(device))
            if not own and len(by_end) == 1:
                self._by_path.setdefault(by_end.pop(), shown)
        for name, shown in by_name.items():
            for path in self._paths.with_name([name]):
                self._by_path[path] = shown

    def device_id(self, topic: str, whole_message: bool) -> str:
        """Return the device's name in ``devices.json``; the topic without its base if the lab does not have it."""
        known = self._by_path.get(self._paths.of(topic, whole_message))
        return known if known is not None else device_id(topic, self._base)

    def topic_of(self, name: str) -> str | None:
        """Return the lab's only topic of whole messages of the device with this name; None without one."""
        called = self._paths.with_name([name])
        shown = {self._by_path[path] for path in called if path in self._by_path}
        paths = {path for path, device in self._by_path.items() if device in (shown or {name})} | called
        paths = paths or self._paths.ending_with([name])
        return self._paths.topic(paths.pop()) if len(paths) == 1 else None
