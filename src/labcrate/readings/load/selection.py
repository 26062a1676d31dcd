"""The topics of the sensors that a session selected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labcrate.messages.message import Message
from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.readings.load.topics import DevicePaths, TopicKind, Topics, in_names, names_of


@dataclass(frozen=True, slots=True)
class AmbiguousSensor:
    """A selected sensor whose name ends topics that may be another's: ``topics``, none of which is included.

    ``own_topics`` are the sensor's own topics, if there are any.
    """

    sensor: str
    topics: tuple[str, ...]
    own_topics: tuple[str, ...] = ()

    def __str__(self) -> Message:
        """Return the warning."""
        others = list(self.topics)
        if self.own_topics:
            own = list(self.own_topics)
            return Message("readings.other_topics", sensor=self.sensor, own=own, others=others, count=len(others))
        return Message("readings.ambiguous_sensor", sensor=self.sensor, topics=others)


class SensorSelection:
    """The sensors that a session selected, each by ``id`` or ``name``."""

    def __init__(self, sensors: Iterable[SelectedSensor], topics: Topics) -> None:
        self._topics = topics
        self._sensors = [(sensor.name or sensor.id, *_aliases(sensor, topics.devices)) for sensor in sensors]

    def __bool__(self) -> bool:
        return bool(self._sensors)

    def match_topics(self, kinds: Iterable[TopicKind]) -> "SelectedTopics":
        """Return the topics of the sensors among those of the whole lab."""
        kinds = list(kinds)
        names = self._topics.names.union(*(aliases for _, aliases, _ in self._sensors))
        paths = DevicePaths(self._topics, names, kinds)
        labels: dict[str, set[str]] = {}
        ambiguous = []
        for label, aliases, known in self._sensors:
            own = paths.with_name(aliases)
            by_end = paths.ending_with(aliases) - own
            # The own path of another device is not this one's, but counts among those with this end.
            others = {path for path in by_end if in_names(path, self._topics.names)} if known or own else set()
            labels.setdefault(label, set()).update(own or (by_end if len(by_end) == 1 else set()) - others)
            unclear = by_end - others if own else by_end if len(by_end) > 1 and by_end - others else set()
            if unclear:
                named = [tuple(sorted(map(paths.topic, some))) for some in (unclear, own)]
                ambiguous.append(AmbiguousSensor(label, *named))
        return SelectedTopics(paths, labels, tuple(ambiguous), bool(self))


class SelectedTopics:
    """The topics of the selected sensors; all topics if none was selected."""

    def __init__(
        self, paths: DevicePaths, labels: dict[str, set[str]], ambiguous: tuple[AmbiguousSensor, ...], some: bool
    ) -> None:
        self.ambiguous_sensors = ambiguous
        self._paths, self._labels, self._any_selected = paths, labels, some
        self._selected_paths = set().union(*labels.values())

    def includes(self, topic: str, whole_message: bool) -> bool:
        """Return whether the topic's readings are of a selected sensor."""
        return not self._any_selected or self._paths.of(topic, whole_message) in self._selected_paths

    def sensors_without(self, kinds: Sequence[TopicKind]) -> tuple[str, ...]:
        """Return the sensors, as named by the session, without any reading in these topics.

        Sensors whose topic is unclear, so that nothing of them is included, are not returned.
        """
        present = {self._paths.of(topic, whole) for topic, whole in kinds}
        unclear = {one.sensor for one in self.ambiguous_sensors if not one.own_topics}
        return tuple(label for label, paths in self._labels.items() if label not in unclear and not paths & present)


def _aliases(sensor: SelectedSensor, devices: Sequence[Device]) -> tuple[frozenset[str], bool]:
    """Return every name of the sensor, and whether the lab has its device.

    An address is certain; a name may belong to another device by now.
    """
    given = [text for text in (sensor.id.lower(), sensor.id, sensor.name) if text]
    same = next((found for text in given if (found := [one for one in devices if text in names_of(one)])), [])
    others = {name for device in devices if device not in same for name in names_of(device)}
    return frozenset({name for device in same for name in names_of(device)} | (set(given) - others)), bool(same)
