"""All that decides which session a recording belongs to, as one value: made once for a lab, and only read."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from labcrate.linking.ids import SessionIds
from labcrate.linking.prefixes import CameraNames, Prefixes
from labcrate.linking.register import Register, RegisterEntry


@dataclass(frozen=True, slots=True)
class LinkingRules:
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
        register: Iterable[RegisterEntry] = (),
        linked: Mapping[str, Collection[str]] | None = None,
        linked_cameras: Mapping[tuple[str, str], str] | None = None,
        shared_names: Collection[str] = (),
    ) -> "LinkingRules":
        """Make the rules of a lab out of plain data.

        ``cameras`` are the lab's, ``selections`` those of each session (each with the prefix and the name that the
        lab knows, where the session's description has none). ``session_ids`` are those of every description and
        every session's folder, refused ones too; ids of the register are added. ``descriptions_unreadable`` says that
        a file that describes sessions cannot be read, ``prefix_configured`` that a ``recordingPrefix`` stands in a
        description that could not be taken. ``linked`` maps the path of a file to the sessions that ``labcrate link``
        gave it, ``linked_cameras`` path and session to the key of the camera that it gave. ``shared_names`` are the
        base names that several files of the lab have, with different bytes.
        """
        registered = Register.build(register, linked or {}, shared_names, linked_cameras)
        ids = SessionIds.build([*session_ids, *registered.sessions], unreadable=descriptions_unreadable)
        prefixes = Prefixes.build(cameras, selections or {}, ids, configured=prefix_configured)
        return cls(ids, prefixes, registered)

    @classmethod
    def of_prefixes(cls, *configured: str) -> "LinkingRules":
        """Make the rules of a lab of which only the configured prefixes are known."""
        return cls.build(
            cameras=(CameraNames(str(n), str(n), recording_prefix=prefix) for n, prefix in enumerate(configured, 1))
        )
