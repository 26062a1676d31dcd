"""Cameras and Zigbee devices of the lab."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field


class Camera(Struct, frozen=True):
    """An IP camera; ``prefix`` is the beginning of its recordings' names.

    ``raw_name`` is the name as written, for prefixes made from it; ``name`` is without secrets and printable.
    ``users`` are the users whose files describe it (``2`` of ``data/user_2``); None is the lab's own
    ``data/cameras.json``. ``removed_keys`` are the keys in ``extra`` whose values were blanked as secrets.
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
        """Return the first user whose files describe the camera; None if only the lab's own file describes it."""
        return next((user for user in self.users if user is not None), None)


def find_camera(cameras: Iterable[Camera], camera_id: str, user: str | None) -> Camera | None:
    """Return the camera with an id in a session of ``user``, or None if there is none or more than one.

    The user's own cameras are searched first, then the lab's, then those of other users.
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


class Device(Struct, frozen=True):
    """A Zigbee device; ``id`` is its IEEE address, ``battery`` is in percent, ``linkquality`` is 0 to 255.

    ``removed_keys`` are the keys in ``extra`` whose values were blanked as secrets.
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
