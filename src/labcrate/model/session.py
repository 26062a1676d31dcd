"""The monitoring session: what a researcher started and stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labcrate.model.timespan import TimeSpan

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class SelectedCamera:
    """A camera that the session was started with; ``raw_name`` is its name as written, for prefixes made of it."""

    id: str
    name: str | None = None
    prefix: str | None = None
    raw_name: str | None = None


@dataclass(frozen=True, slots=True)
class SelectedSensor:
    """A sensor that the session was started with, named by ``id`` or ``name``, or by its whole ``topic``."""

    id: str
    name: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class SelectedDevice:
    """Something that the session was started with, without saying whether it is a camera or a sensor."""

    id: str
    name: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One session as the lab describes it; everything but the id may be missing.

    ``described`` is the whole description as the lab has it, unknown fields included, secrets
    excluded; ``removed_keys`` names what was excluded. ``described_in`` names the files it was read
    from (relative to the lab folder, the strongest first): none for a session that only its folder or a recording's
    name tells of. ``user`` is the user whose session it is (``2`` of ``data/user_2``). ``unsorted`` are selected
    devices of no known type, until they are looked up. ``warnings`` are about those files.
    """

    id: str
    name: str | None = None
    description: str | None = None
    span: TimeSpan = TimeSpan()
    status: str | None = None
    cameras: tuple[SelectedCamera, ...] = ()
    sensors: tuple[SelectedSensor, ...] = ()
    notes: str | None = None
    tags: tuple[str, ...] = ()
    time_zone: str | None = None
    described: Mapping[str, Any] = field(default_factory=dict)
    described_in: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    user: str | None = None
    unsorted: tuple[SelectedDevice, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the session is still running."""
        return self.status == ACTIVE

    @property
    def researcher(self) -> str | None:
        """Who held the session, where its description or its metadata say so."""
        metadata = self.described.get("metadata")
        for place in (metadata, self.described):
            name = place.get("researcher") if isinstance(place, Mapping) else None
            if isinstance(name, str) and name:
                return name
        return None

    @property
    def title(self) -> str:
        """The name, or ``Session 42`` when it has none."""
        return self.name or f"Session {self.id}"
