"""The rules that link recordings to sessions: ids, prefixes and the registers of recordings."""

from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec import Struct, field

from labcrate.linking.filename import to_nfc
from labcrate.linking.ids import SessionIds
from labcrate.linking.prefixes import CameraNames, Prefixes
from labcrate.model.session import has_leading_zero, id_sort_key


class LinkEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of a ``recordings.json``: the file's base name, its session, the caller's key of its camera."""

    file: str
    session: str | None = None
    camera: str | None = None


class RegisteredName(Struct, frozen=True):
    """The sessions and cameras in all entries of one base name; not ``is_unique`` if different files have the name."""

    sessions: tuple[str, ...] = ()
    cameras: frozenset[str] = frozenset()
    is_unique: bool = True

    @property
    def camera(self) -> str | None:
        """Return the caller's key of the camera; None if entries name several."""
        return next(iter(self.cameras)) if self.is_unique and len(self.cameras) == 1 else None

    def merge(self, other: "RegisteredName") -> "RegisteredName":
        """Return the sessions and cameras of two entries of one base name."""
        return RegisteredName(
            _sorted_ids((*self.sessions, *other.sessions)), self.cameras | other.cameras, self.is_unique
        )


class Register(Struct, frozen=True):
    """The registers of a lab.

    ``by_path`` maps a file's path to the sessions that ``labcrate link`` gave it, ``cameras`` path and session to the
    caller's key of the camera. ``ambiguous_names`` are the base names whose entries count for no file, because several
    files with different bytes have them.
    """

    by_name: Mapping[str, RegisteredName] = field(default_factory=dict)
    by_path: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cameras: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ambiguous_names: tuple[str, ...] = ()

    @classmethod
    def build(
        cls,
        entries: Iterable[LinkEntry],
        linked: Mapping[str, Collection[str]],
        shared_names: Collection[str],
        cameras: Mapping[tuple[str, str], str] | None = None,
    ) -> "Register":
        """Index the entries. Leave out sessions that are numbers with leading zeros."""
        shared = {to_nfc(name) for name in shared_names}
        by_name: dict[str, RegisteredName] = {}
        alike: dict[tuple[str | None, str | None, bool], RegisteredName] = {}  # many entries have equal values
        for entry in entries:
            name = entry.file if entry.file.isascii() else to_nfc(entry.file)
            key = (entry.session, entry.camera, name not in shared)
            registered = alike.get(key)
            if registered is None:
                own = frozenset(() if entry.camera is None else (entry.camera,))
                sessions = _sorted_ids((entry.session,) if entry.session else ())
                registered = alike[key] = RegisteredName(sessions, own, name not in shared)
            known = by_name.setdefault(name, registered)
            if known is not registered:
                by_name[name] = known.merge(registered)
        by_path = {path: _sorted_ids(registered) for path, registered in linked.items()}
        uncounted = tuple(
            sorted(name for name, registered in by_name.items() if registered.sessions and not registered.is_unique)
        )
        return cls(by_name, by_path, cameras or {}, uncounted)

    @property
    def sessions(self) -> frozenset[str]:
        """Return every session in an entry."""
        named = {registered.sessions for registered in self.by_name.values()}
        return frozenset(one for sessions in (*named, *self.by_path.values()) for one in sessions)

    def of_name(self, base_name: str) -> RegisteredName:
        """Return what the register has for a file by its base name."""
        return self.by_name.get(to_nfc(base_name), UNREGISTERED)


UNREGISTERED = RegisteredName()


def _sorted_ids(sessions: Collection[str]) -> tuple[str, ...]:
    if not sessions:
        return ()
    ids = {to_nfc(one) for one in sessions}
    return tuple(sorted((one for one in ids if not has_leading_zero(one)), key=id_sort_key))


class LinkingRules(Struct, frozen=True):
    """The session ids, the prefixes and the registers of a lab (docs/explanation/linking.md)."""

    ids: SessionIds = field(default_factory=SessionIds)
    prefixes: Prefixes = field(default_factory=Prefixes)
    register: Register = field(default_factory=Register)

    @classmethod
    def build(
        cls,
        *,
        cameras: Iterable[CameraNames] = (),
        selections: Mapping[str, Iterable[CameraNames]] | None = None,
        session_ids: Iterable[str] = (),
        descriptions_unreadable: bool = False,
        prefix_configured: bool = False,
        register: Iterable[LinkEntry] = (),
        linked: Mapping[str, Collection[str]] | None = None,
        linked_cameras: Mapping[tuple[str, str], str] | None = None,
        shared_names: Collection[str] = (),
    ) -> "LinkingRules":
        """Make the rules of a lab from plain data.

        ``cameras`` are the lab's, ``selections`` those of each session (each with the lab's prefix and name where the
        session's description has none). ``session_ids`` are the ids of every description and every session's folder,
        including refused ones; ids of the register are added. ``descriptions_unreadable`` means that a file that
        describes sessions cannot be read, ``prefix_configured`` that an unreadable description contains a
        ``recordingPrefix``. ``linked`` maps the path of a file to the sessions that ``labcrate link`` gave it,
        ``linked_cameras`` path and session to the key of the camera. ``shared_names`` are the base names that several
        files of the lab have, with different bytes.
        """
        registered = Register.build(register, linked or {}, shared_names, linked_cameras)
        ids = SessionIds.build([*session_ids, *registered.sessions], unreadable=descriptions_unreadable)
        prefixes = Prefixes.build(cameras, selections or {}, ids, configured=prefix_configured)
        return cls(ids, prefixes, registered)

    @classmethod
    def of_prefixes(cls, *configured: str) -> "LinkingRules":
        """Make the rules of a lab from configured prefixes only."""
        return cls.build(
            cameras=(CameraNames(str(n), str(n), recording_prefix=prefix) for n, prefix in enumerate(configured, 1))
        )
