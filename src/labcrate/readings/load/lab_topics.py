"""Whose messages the topics of a whole lab carry.

Topics often carry a room (``zigbee2mqtt/livinglab/sensor1``) that neither ``devices.json`` nor the session's selection
knows. The last part of a topic stands for a device only where nothing else in the lab could: not in the window alone.
"""

from collections import defaultdict
from collections.abc import Iterable

from labcrate.readings.load.topics import Topics, device_id, device_path, in_names, is_address, names_of

Kind = tuple[str, bool]
"""A topic, and whether its messages are whole (JSON objects) or single values."""


class Paths:
    """The parts of the lab's topics that name devices, as far as these names tell."""

    def __init__(self, topics: Topics, names: frozenset[str], kinds: Iterable[Kind]) -> None:
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

    def called(self, names: Iterable[str]) -> set[str]:
        """Return the paths that are one of the names."""
        wanted = set(names)
        return {path for path in self._first_topic if in_names(path, wanted)}

    def ending(self, names: Iterable[str]) -> set[str]:
        """Return the paths with a room before one of the names."""
        return {path for name in names for path in self._ends.get(name, ()) if "/" in path}

    def topic(self, path: str) -> str:
        """Return a topic of the path, for people to read."""
        return self._first_topic[path]


class Owners:
    """The devices of ``devices.json`` that the lab's topics belong to.

    A topic is a device's by all of its path; else by the last part, if no other path of the lab ends so and none is the
    device's own.
    """

    def __init__(self, topics: Topics, kinds: Iterable[Kind]) -> None:
        self._base = topics.base
        self._paths = Paths(topics, topics.names, kinds)
        self._by_path: dict[str, str] = {}
        # Of two devices that share a name or address the first one has it; a name outdoes nothing.
        by_name: dict[str, str] = {}
        for device in topics.devices:
            shown = device.name or device.id
            for name in names_of(device):
                by_name.setdefault(name, shown)
            own = self._paths.called(names_of(device))
            by_end = self._paths.ending(names_of(device))
            if not own and len(by_end) == 1:
                self._by_path.setdefault(by_end.pop(), shown)
        for name, shown in by_name.items():
            for path in self._paths.called([name]):
                self._by_path[path] = shown

    def device_id(self, topic: str, whole_message: bool) -> str:
        """Return the device's name in ``devices.json``; the topic without its base where the lab does not know it."""
        known = self._by_path.get(self._paths.of(topic, whole_message))
        return known if known is not None else device_id(topic, self._base)

    def topic_of(self, name: str) -> str | None:
        """Return the lab's only topic of whole messages of the device that goes by this name; None without one."""
        called = self._paths.called([name])
        shown = {self._by_path[path] for path in called if path in self._by_path}
        paths = {path for path, device in self._by_path.items() if device in (shown or {name})} | called
        paths = paths or self._paths.ending([name])
        return self._paths.topic(paths.pop()) if len(paths) == 1 else None
