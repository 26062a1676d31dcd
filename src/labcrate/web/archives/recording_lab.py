"""A lab that records what is read of it: what an inventory or a plan depends on is what was read to make it."""

from collections.abc import Container

from labcrate.lab.folder import Lab
from labcrate.web.archives.file_states import FileStates

_MOST_STRANGERS = 5000


class RecordingLab(Lab):
    """A lab that takes the state of every place before that is read: files, folders, and what is not there.

    All places are absolute paths. ``ignored`` are those whose changes do not matter; ``before`` is what was recorded
    earlier, to go on with. ``strangers`` are recordings that are no session's: one may turn out to be made at the right
    time, of which people are told and an archive says nothing, so they are recorded apart. Where very many lie about,
    only their coming and going is noticed.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        before: FileStates | None = None,
        ignored: Container[str] = (),
        strangers: Container[str] = (),
    ) -> None:
        self.root = lab.root
        self._ignored, self._strangers = ignored, strangers
        self.read_files, self.read_strangers = FileStates() if before is None else before, FileStates()

    def before_read(self, place: str) -> None:
        """Take the state of a place."""
        if place in self._strangers:
            if len(self.read_strangers) < _MOST_STRANGERS:
                self.read_strangers.add(place)
        elif place not in self._ignored:
            self.read_files.add(place)
