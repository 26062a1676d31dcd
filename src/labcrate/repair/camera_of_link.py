"""Which camera a file is said to be of when it is linked by hand."""

from labcrate.errors import UsageError
from labcrate.lab.folder import printable
from labcrate.model.device import Camera
from labcrate.model.session_id import sort_key
from labcrate.plan.choices import cameras_called
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import key_in_session
from labcrate.plan.recordings import Cameras


def camera_of_link(inventory: Inventory, session_id: str, word: str) -> str:
    """Return the id of the camera that an id, name or prefix means in a session, as its register has it.

    A register holds ids, and an id means the session's own user's camera first. Raises UsageError where there is no
    such camera, where the word means several, and where the camera's id means another one in this session.
    """
    session = inventory.session(session_id)
    cameras = Cameras.of(inventory, session)
    found = cameras_called(word, cameras)
    meant = [key for key in found if key == key_in_session(inventory.cameras, session, cameras.by_key[key].id)]
    if not meant:
        camera = cameras.by_key[found[0]]
        raise UsageError(
            f"Camera {printable(word)} is of another user than the session's, and its id {printable(camera.id)} means "
            "another camera here, or none for sure; give it an id of its own."
        )
    exact = [key for key in meant if cameras.by_key[key].id == word]
    selected = [key for key in meant if key in cameras.selected]
    ids = dict.fromkeys(cameras.by_key[key].id for key in exact or selected or meant)
    if len(ids) > 1:
        raise UsageError(f"{printable(word)} may be several cameras; name one by its id: {printable(', '.join(ids))}.")
    return next(iter(ids))


def cameras_of_links(inventory: Inventory, session_id: str) -> list[Camera]:
    """Return the cameras that a file can be said to be of in a session, by id: those that their id means there."""
    session = inventory.session(session_id)
    cameras = Cameras.of(inventory, session).by_key
    meant = [c for key, c in cameras.items() if key == key_in_session(inventory.cameras, session, c.id)]
    return sorted(meant, key=lambda camera: sort_key(camera.id))
