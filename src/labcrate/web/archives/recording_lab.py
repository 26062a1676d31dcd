"""A lab that records what is read of it: what an inventory or a plan depends on is what was read to make it."""

from collections.abc import Set

from labcrate.lab.folder import Lab
from labcrate.web.archives.file_states import FileStates

_MOST_STRANGERS = 5000


class RecordingLab(Lab):
    """A lab that takes the state of every place before that is read: files, folders, and what is not there.

    ``ignored`` are paths of files whose changes do not matter. ``strangers`` are the absolute paths of recordings that
    are no session's: one may turn out to be made at the right time, of which people are told and an archive says
    nothing, so they are recorded apart. Where very many lie about, only their coming and going is noticed.
    """

    def __init__(self, lab: Lab, *, ignored: Set[str] = frozenset(), strangers: Set[str] = frozenset()) -> None:
        self.root = lab.root
        self._ignored, self._strangers = frozenset(f"{lab.root}/{path}" for path in ignored), strangers
        self.read_files, self.read_strangers = FileStates(), FileStates()

    def before_read(self, place: str) -> None:
        """Take the state of a place."""
        if place in self._strangers:
            if len(self.read_strangers) < _MOST_STRANGERS:
                self.read_strangers.add(place)
        elif place not in self._ignored:
            self.read_files.add(place)
