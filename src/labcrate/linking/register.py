"""What the registers of recordings say: the session and the camera of a file.

Entries of the platform's ``recordings.json`` count by the file's base name; those that ``labcrate link`` wrote
count for the very file, which the caller has compared with them (path, size, modification time).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from labcrate.linking.filename import composed
from labcrate.model.session_id import has_leading_zero, sort_key


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """An entry of a ``recordings.json``: the file's base name, its session, the caller's key of its camera."""

    file: str
    session: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What all entries of one base name say. They do not ``count`` where several different files have the name."""

    sessions: tuple[str, ...] = ()
    camera: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Register:
    """The registers of a lab, built once and only read.

    ``by_path`` maps a file's path to the sessions that ``labcrate link`` gave it; ``uncounted`` names the base
    names whose entries count for none, because several files of the lab have them and different bytes.
    """

    by_name: Mapping[str, Registered] = field(default_factory=dict)
    by_path: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()

    @classmethod
    def build(
        cls, entries: Iterable[RegisterEntry], linked: Mapping[str, Collection[str]], shared_names: Collection[str]
    ) -> "Register":
        """Index the entries. Sessions that are numbers with leading zeros are none, and are dropped."""
        sessions: dict[str, set[str]] = {}
        cameras: dict[str, set[str]] = {}
        for entry in entries:
            name = composed(entry.file)
            sessions.setdefault(name, set()).update(_ids([entry.session] if entry.session else []))
            cameras.setdefault(name, set()).update([entry.camera] if entry.camera else [])
        shared = {composed(name) for name in shared_names}
        by_name = {
            name: Registered(
                _ids(told), next(iter(cameras[name])) if len(cameras[name]) == 1 else None, name not in shared
            )
            for name, told in sessions.items()
        }
        by_path = {path: _ids(told) for path, told in linked.items()}
        uncounted = tuple(sorted(name for name, told in by_name.items() if told.sessions and not told.counts))
        return cls(by_name, by_path, uncounted)

    @property
    def sessions(self) -> frozenset[str]:
        """Every session that an entry names."""
        by_name = {one for told in self.by_name.values() for one in told.sessions}
        return frozenset(by_name.union(*self.by_path.values()))

    def of_name(self, base_name: str) -> Registered:
        """Return what is said of a file by its base name; nothing where no entry has it."""
        return self.by_name.get(composed(base_name), _NOTHING)


_NOTHING = Registered()


def _ids(sessions: Iterable[str]) -> tuple[str, ...]:
    ids = {composed(one) for one in sessions}
    return tuple(sorted((one for one in ids if not has_leading_zero(one)), key=sort_key))
