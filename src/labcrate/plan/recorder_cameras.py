"""Find the lab's cameras by the names that recorders use, and choose the files of cameras."""

from collections import Counter
from collections.abc import Iterator, Sequence

from labcrate.lab.recorders import Segment
from labcrate.linking.filename import fold
from labcrate.model.device import Camera, find_camera
from labcrate.model.lab_settings import Recorder
from labcrate.model.session import Session
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.option_values import unknown_name_error
from labcrate.plan.recordings import SessionCameras


class RecorderCameras:
    """The lab's cameras for one session, found by the names that recorders use."""

    def __init__(self, inventory: Inventory, session: Session) -> None:
        self._inventory, self._session = inventory, session
        self._cameras = SessionCameras.build(inventory, session)
        self._keys: dict[tuple[str, str], str | None] = {}

    def find(self, recorder: Recorder, word: str) -> Camera | None:
        """Return the camera that a recorder names with this word, or None if it is unknown."""
        key = self._key(recorder, word)
        return self._cameras.by_key[key] if key else None

    def choose_segments(
        self,
        found: Sequence[tuple[Recorder, Segment]],
        camera_names: Sequence[str],
        unknown: Counter[tuple[str, str]],
        not_selected: Counter[tuple[str, str]],
    ) -> Iterator[tuple[Recorder, Segment]]:
        """Yield the files of the named cameras; without names, of those that the session selected, or of all known.

        The others are counted by recorder and word. Raises UsageError for a name that no camera has.
        """
        keys, called = self._find_named(camera_names, {recorder_camera_word(*one) for one in found})
        for recorder, segment in found:
            camera_word = recorder_camera_word(recorder, segment)
            key = self._key(recorder, camera_word)
            if camera_names:
                is_chosen = key in keys or fold(camera_word) in called
            else:
                is_chosen = key is not None and (not self._cameras.selected or key in self._cameras.selected)
            if is_chosen:
                yield recorder, segment
            else:
                (unknown if key is None else not_selected)[recorder.name, camera_word] += 1

    def _find_named(self, camera_names: Sequence[str], recorded: set[str]) -> tuple[set[str | None], set[str]]:
        """Return the keys of the lab's cameras and the recorders' words with these names. Raises UsageError."""
        keys, recorder_words = set[str | None](), set[str]()
        for word in camera_names:
            of_lab = {key for key, camera in self._cameras.by_key.items() if _has_name(camera, word)}
            of_recorder = {fold(other) for other in recorded if fold(other) == fold(word)}
            if not of_lab and not of_recorder:
                names = [camera.name or camera.id for camera in self._cameras.by_key.values()]
                raise unknown_name_error("camera.unknown_name", word, [*names, *recorded], "hint.recorder_cameras")
            keys |= of_lab
            recorder_words |= of_recorder
        return keys, recorder_words

    def _key(self, recorder: Recorder, word: str) -> str | None:
        if (recorder.name, word) not in self._keys:
            self._keys[recorder.name, word] = self._find_key(recorder, word)
        return self._keys[recorder.name, word]

    def _find_key(self, recorder: Recorder, word: str) -> str | None:
        """Return the key of the camera that labcrate.toml gives for a word, else of the only camera with that name."""
        camera_id = recorder.camera_id(word)
        if camera_id is not None:
            known = find_camera(self._inventory.cameras, camera_id, self._session.user)
            key = camera_key(known) if known else f"{camera_id}@selection"
            return key if key in self._cameras.by_key else None
        found = {key for key, camera in self._cameras.by_key.items() if _has_name(camera, word)}
        chosen = found & self._cameras.selected or found
        return next(iter(chosen)) if len(chosen) == 1 else None


def recorder_camera_word(recorder: Recorder, segment: Segment) -> str:
    """Return the recorder's own name for a camera, or the recorder's name if its paths have none."""
    return segment.camera or recorder.name


def _has_name(camera: Camera, word: str) -> bool:
    return fold(word) in {fold(name) for name in (camera.prefix, camera.name, camera.id) if name}
