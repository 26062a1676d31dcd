"""Cameras and Zigbee devices as the lab describes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Camera:
    """An IP camera; ``prefix`` is how its recordings' names begin.

    ``raw_name`` is the name as it is written, for prefixes that are made of it; ``name`` is clean and fit to show.
    ``users`` are the users whose files describe it (``2`` of ``data/user_2``); None among them is the lab's own
    ``data/cameras.json``. ``removed_keys`` names the places of ``extra`` where secrets were blanked.
    """

    id: str
    name: str | None = None
    prefix: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw_name: str | None = None
    users: tuple[str | None, ...] = (None,)
    removed_keys: tuple[str, ...] = ()

    @property
    def user(self) -> str | None:
        """The first user whose camera it is; None for a camera of the whole lab alone."""
        return next((user for user in self.users if user is not None), None)


def find_camera(cameras: Iterable[Camera], camera_id: str, user: str | None) -> Camera | None:
    """Return the camera that an id means in a session of ``user``; None where there is none, or no telling which.

    The user's own cameras come first, then the lab's, then those of other users, where only one has that id.
    """
    same = [camera for camera in cameras if camera.id == camera_id]
    for found in (
        [camera for camera in same if user is not None and user in camera.users],
        [camera for camera in same if None in camera.users],
        same,
    ):
        if found:
            return found[0] if len(found) == 1 else None
    return None


@dataclass(frozen=True, slots=True)
class Device:
    """A Zigbee device, keyed by its IEEE address; ``battery`` in percent, ``linkquality`` 0 to 255.

    ``removed_keys`` names the places of ``extra`` where secrets were blanked.
    """

    id: str
    name: str | None = None
    type: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    last_seen: str | None = None
    battery: float | None = None
    linkquality: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    removed_keys: tuple[str, ...] = ()
