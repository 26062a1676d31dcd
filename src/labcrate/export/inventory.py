"""Everything the lab holds, before any one session is looked at."""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labcrate.errors import DocumentError, NoSessionError
from labcrate.export.lab_rules import camera_key, linking_rules
from labcrate.lab.documents import read_all_cameras, read_all_devices
from labcrate.lab.folder import SESSION_FOLDER, SESSIONS, Entry, Kind, Lab
from labcrate.lab.registers import Registers, read_registers
from labcrate.lab.selection import sorted_selection
from labcrate.lab.session_register import SessionRegister, read_session_register
from labcrate.lab.sessions import SessionBook, read_sessions
from labcrate.lab.settings_file import read_settings
from labcrate.linking.rules import LinkingRules
from labcrate.linking.settling import sessions_named
from labcrate.model.device import Camera, Device
from labcrate.model.lab_settings import LabSettings
from labcrate.model.recording_time import CameraClock
from labcrate.model.session import Session
from labcrate.model.session_id import is_number, resolved, sort_key

_NOT_ENTERED = {
    Kind.LINK: "is a symbolic link, which labcrate never follows,",
    Kind.UNREADABLE: "is a folder without permission to read it",
}


@dataclass(frozen=True, slots=True)
class Inventory:
    """The lab's cameras, devices, sessions and recordings; ``linked`` holds the entries of each session.

    ``zone`` is the IANA zone in which times without one were read. ``problems`` are files that cannot be read, or
    entries of them, that break no session; each plan says so.
    """

    lab: Lab
    cameras: tuple[Camera, ...]
    devices: tuple[Device, ...]
    book: SessionBook
    registers: Registers
    own_registers: Mapping[str, SessionRegister]
    rules: LinkingRules
    linked: Mapping[str, tuple[Entry, ...]]
    unlinked: tuple[Entry, ...]
    settings: LabSettings = field(default_factory=LabSettings)
    zone: str | None = None
    problems: tuple[DocumentError, ...] = ()

    @property
    def clocks(self) -> dict[str, CameraClock]:
        """The cameras' clocks as ``labcrate.toml`` describes them, by camera id."""
        return {
            one.id: CameraClock(one.time_zone, one.offset_s, one.name_pattern) for one in self.settings.cameras.values()
        }

    @property
    def ids(self) -> list[str]:
        """Every session there is: described by a file, having a folder, or named by a recording."""
        return sorted({*self.book.sessions, *self.book.broken, *self.book.folders, *self.linked}, key=sort_key)

    def resolve(self, text: str) -> str:
        """Return the id of the session that somebody means: ``42``, also ``s42`` or ``Session42``."""
        return resolved(text, self.ids)

    def folder(self, session_id: str) -> str:
        """Return the path of the session's own folder, as the disk spells it where there is one."""
        return self.book.folders.get(session_id, f"{SESSIONS}/{SESSION_FOLDER}{session_id}")

    def camera(self, key: str | None) -> Camera | None:
        """Return the camera that a verdict names by its key."""
        return next((camera for camera in self.cameras if camera_key(camera) == key), None)

    def session(self, session_id: str) -> Session:
        """Return one session, its selection looked up among the lab's cameras and devices.

        Raises NoSessionError, or DocumentError when its description is broken, or when it is not known and a file
        that describes sessions cannot be read.
        """
        session = self.book.get(session_id)
        if session is not None:
            return sorted_selection(session, self.cameras, self.devices)
        if session_id in self.linked:
            return Session(session_id)
        if self.book.unreadable:
            raise self.book.unreadable[0]
        for entry in self.unlinked:
            if entry.path in (SESSIONS, self.folder(session_id)) and entry.kind in _NOT_ENTERED:
                raise NoSessionError(
                    f"No session {session_id} was found, but {entry.path} {_NOT_ENTERED[entry.kind]} and was left out."
                )
        raise NoSessionError(f"There is no session {session_id} in this lab; {self._instead(session_id)}")

    def _instead(self, session_id: str) -> str:
        ids = self.ids
        if not ids:
            return "it has no sessions at all."
        shown = ", ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
        nearest = _nearest(session_id, ids)
        return f"it has {shown}." + (f" Nearest: {nearest}." if nearest else "")


def _nearest(session_id: str, ids: Sequence[str]) -> str | None:
    """The id that looks most like one that does not exist, or the nearest number; None where nothing is near."""
    folded = {known.casefold(): known for known in reversed(ids)}
    if similar := difflib.get_close_matches(session_id.casefold(), folded, n=1):
        return folded[similar[0]]
    numbers = [int(known) for known in ids if is_number(known)]
    if not is_number(session_id) or not numbers:
        return None
    asked = int(session_id)
    return str(min(numbers, key=lambda number: (abs(number - asked), number)))


def take_inventory(lab: Lab, zone: str | None = None) -> Inventory:
    """Read the lab's descriptions and registers, and walk its recordings.

    ``zone`` is the IANA zone of times without one (None: that of ``labcrate.toml``, if any). What cannot be read
    hides nothing else: it is among the problems. Raises DocumentError for a ``labcrate.toml`` that does not parse.
    """
    settings = read_settings(lab)
    zone = zone or settings.time_zone
    cameras, camera_problems = read_all_cameras(lab)
    cameras = tuple(_as_set(cameras, settings))
    devices, device_problems = read_all_devices(lab)
    book = read_sessions(lab, zone=zone)
    registers = read_registers(lab, zone=zone)
    own = {session_id: read_session_register(lab, folder) for session_id, folder in book.folders.items()}
    own = {session_id: register for session_id, register in own.items() if register.files or register.problems}
    entries = tuple(lab.recordings())
    rules = linking_rules(lab, cameras, book, registers, own, entries, prefixes_unknown=bool(camera_problems))
    linked: dict[str, list[Entry]] = defaultdict(list)
    unlinked = []
    for entry in entries:
        session_ids = sessions_named(entry.path, rules)
        for session_id in session_ids:
            linked[session_id].append(entry)
        if not session_ids:
            unlinked.append(entry)
    return Inventory(
        lab,
        cameras,
        devices,
        book,
        registers,
        own,
        rules,
        {session_id: tuple(found) for session_id, found in linked.items()},
        tuple(unlinked),
        settings,
        zone,
        (
            *book.problems,
            *camera_problems,
            *device_problems,
            *registers.problems,
            *(problem for register in own.values() for problem in register.problems),
        ),
    )


def _as_set(cameras: Sequence[Camera], settings: LabSettings) -> Iterator[Camera]:
    """The lab's cameras, with the prefix and name that ``labcrate.toml`` gives them, and those that it alone knows."""
    known = set()
    for camera in cameras:
        known.add(camera.id)
        one = settings.cameras.get(camera.id)
        name = one.name if one else None
        yield replace(
            camera,
            prefix=(one.prefix if one else None) or camera.prefix,
            name=name or camera.name,
            raw_name=name or camera.raw_name,
        )
    for one in settings.cameras.values():
        if one.id not in known:
            yield Camera(one.id, one.name, one.prefix, raw_name=one.name)
