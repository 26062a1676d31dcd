"""Everything the lab holds, before any one session is looked at."""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from labcrate.errors import DocumentError, NoSessionError
from labcrate.lab.device_files import read_all_cameras, read_all_devices
from labcrate.lab.device_selection import resolve_selection
from labcrate.lab.folder import RECORDINGS, SESSION_FOLDER_PREFIX, SESSIONS, EntryKind, FolderEntry, LabFolder
from labcrate.lab.lab_files import LabFiles
from labcrate.lab.recorders import allowed_recorders, recorder_folder_paths
from labcrate.lab.registers import RecordingRegisters, read_registers
from labcrate.lab.session_register import SessionRegister, read_session_register
from labcrate.lab.sessions import LabSessions, read_sessions
from labcrate.lab.settings_file import read_settings
from labcrate.linking.all_paths import sessions_of_paths
from labcrate.linking.filename import is_non_mp4_video, stem_of_mp4
from labcrate.linking.rules import LinkingRules
from labcrate.model.device import Camera, Device
from labcrate.model.lab_settings import LabSettings
from labcrate.model.recording import CameraClock
from labcrate.model.session import Session, id_sort_key, is_numeric_id, resolve_id
from labcrate.plan.lab_cleaner import LabCleaner, clean_session_book
from labcrate.plan.lab_rules import camera_key, linking_rules
from labcrate.plan.option_values import parse_session
from labcrate.secrets.lab_secrets import LabSecrets, read_secrets
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets

_CLOSED_FOLDER = {
    EntryKind.LINK: "is a symbolic link, which labcrate never follows,",
    EntryKind.UNREADABLE: "is a folder without permission to read it",
}


@dataclass(frozen=True, slots=True)
class Inventory:
    """The lab's cameras, devices, sessions and recordings; ``linked`` holds the entries of each session.

    ``zone`` is the IANA zone in which times without one were read, where their session names none; ``chosen_zone`` is
    the one that stands before the session's too, if one was chosen. ``problems`` are files that cannot be read, or
    entries of them, that break no session; each plan says so. ``recorder_folders`` are those of the recorders that may
    be read, by name. All texts are free of the lab's ``secrets``, which ``cleaner`` blanks; ids, prefixes and paths are
    as the lab has them.
    """

    lab: LabFolder
    cameras: tuple[Camera, ...]
    devices: tuple[Device, ...]
    book: LabSessions
    registers: RecordingRegisters
    own_registers: Mapping[str, SessionRegister]
    rules: LinkingRules
    linked: Mapping[str, tuple[FolderEntry, ...]]
    unlinked: tuple[FolderEntry, ...]
    settings: LabSettings = field(default_factory=LabSettings)
    zone: str | None = None
    problems: tuple[DocumentError, ...] = ()
    recorder_folders: Mapping[str, Path] = field(default_factory=dict)
    secrets: LabSecrets = field(default_factory=lambda: LabSecrets(Secrets()), repr=False)
    cleaner: LabCleaner = field(default_factory=LabCleaner, repr=False, compare=False)
    chosen_zone: str | None = None

    @property
    def files(self) -> LabFiles:
        """What opens the lab's files and those of its recorders."""
        return LabFiles(self.lab, self.recorder_folders)

    @property
    def clocks(self) -> dict[str, CameraClock]:
        """The cameras' clocks as ``labcrate.toml`` describes them, by camera id."""
        return {
            one.id: CameraClock(one.time_zone, one.offset_s, one.name_pattern) for one in self.settings.cameras.values()
        }

    @property
    def ids(self) -> list[str]:
        """Every session there is: described by a file, having a folder, or named by a recording."""
        return sorted({*self.book.sessions, *self.book.broken, *self.book.folders, *self.linked}, key=id_sort_key)

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all files where recordings lie."""
        linked = (entry.path for entries in self.linked.values() for entry in entries)
        return frozenset((*linked, *(entry.path for entry in self.unlinked)))

    def resolve(self, text: str) -> str:
        """Return the id of the session that somebody means: ``42``, also ``s42`` or ``Session42``."""
        return resolve_id(text, self.ids)

    def folder(self, session_id: str) -> str:
        """Return the path of the session's own folder, as the disk spells it where there is one."""
        return self.book.folders.get(session_id, f"{SESSIONS}/{SESSION_FOLDER_PREFIX}{session_id}")

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
            return resolve_selection(session, self.cameras, self.devices)
        if session_id in self.linked:
            return Session(session_id)
        if self.book.unreadable_files:
            raise self.book.unreadable_files[0]
        for entry in self.unlinked:
            if entry.path in (SESSIONS, self.folder(session_id)) and entry.kind in _CLOSED_FOLDER:
                raise NoSessionError(
                    f"No session {session_id} was found, but {entry.path} {_CLOSED_FOLDER[entry.kind]} "
                    "and was left out."
                )
        raise NoSessionError(f"There is no session {session_id} in this lab; {self._list_sessions(session_id)}")

    def _list_sessions(self, session_id: str) -> str:
        ids = self.ids
        if not ids:
            return "it has no sessions at all."
        shown = ", ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
        nearest = _nearest_id(session_id, ids)
        return f"it has {shown}." + (f" Nearest: {nearest}." if nearest else "")


def _nearest_id(session_id: str, ids: Sequence[str]) -> str | None:
    """The id that looks most like one that does not exist, or the nearest number; None where nothing is near."""
    by_folded_id = {other.casefold(): other for other in reversed(ids)}
    if similar := difflib.get_close_matches(session_id.casefold(), by_folded_id, n=1):
        return by_folded_id[similar[0]]
    numbers = [int(other) for other in ids if is_numeric_id(other)]
    if not is_numeric_id(session_id) or not numbers:
        return None
    missing = int(session_id)
    return str(min(numbers, key=lambda number: (abs(number - missing), number)))


def read_inventory(
    lab: LabFolder,
    zone: str | None = None,
    settings: LabSettings | None = None,
    allowed: Sequence[Path] | None = None,
    secrets: LabSecrets | None = None,
) -> Inventory:
    """Read the lab's descriptions and registers, and walk its recordings.

    ``zone`` is the IANA zone of all times without one (None: each session's own, else that of ``labcrate.toml``, if
    any); ``secrets`` are those of an earlier inventory, to read only what has changed. What cannot be read hides
    nothing else: it is among the problems. ``allowed`` are the folders outside the lab that recorders may use; None
    takes whatever ``labcrate.toml`` says. Raises DocumentError for a ``labcrate.toml`` that does not parse, unless
    ``settings`` are given to be taken in its place.
    """
    settings = read_settings(lab) if settings is None else settings
    chosen_zone, zone = zone, zone or settings.time_zone
    secrets = read_secrets(lab, secrets)
    cleaner = LabCleaner(Matcher(secrets.secrets))
    cameras, camera_problems = read_all_cameras(lab, cleaner.camera_cleaning)
    cameras = tuple(_apply_camera_settings(cameras, settings))
    devices, device_problems = read_all_devices(lab, cleaner.document_cleaning)
    book = clean_session_book(
        read_sessions(lab, zone=zone, zone_override=chosen_zone, cleaning=cleaner.document_cleaning), cleaner
    )
    registers = read_registers(lab, zone=zone)
    session_registers = {session_id: read_session_register(lab, folder) for session_id, folder in book.folders.items()}
    session_registers = {
        session_id: register
        for session_id, register in session_registers.items()
        if register.files or register.problems
    }
    entries = tuple(filter(_may_be_recording, lab.recordings()))
    rules = linking_rules(
        lab, cameras, book, registers, session_registers, entries, prefixes_unknown=bool(camera_problems)
    )
    linked: dict[str, list[FolderEntry]] = defaultdict(list)
    unlinked = []
    for entry, session_ids in zip(entries, sessions_of_paths([entry.path for entry in entries], rules), strict=True):
        for session_id in session_ids:
            linked[session_id].append(entry)
        if not session_ids:
            unlinked.append(entry)
    problems = (
        *book.problems,
        *camera_problems,
        *device_problems,
        *registers.problems,
        *(problem for register in session_registers.values() for problem in register.problems),
        # A file of a session's own folder that cannot be read is that session's matter, which says so.
        *(problem for problem in secrets.problems if not problem.file.startswith(f"{SESSIONS}/")),
    )
    return Inventory(
        lab,
        cameras,
        devices,
        book,
        registers,
        session_registers,
        rules,
        {session_id: tuple(found) for session_id, found in linked.items()},
        tuple(unlinked),
        settings,
        zone,
        tuple({str(problem): problem for problem in map(cleaner.error, problems)}.values()),
        recorder_folder_paths(settings.recorders, lab.root)
        if allowed is None
        else allowed_recorders(settings.recorders, lab.root, allowed)[0],
        secrets,
        cleaner,
        chosen_zone,
    )


def find_session(lab: LabFolder, given_id: str, time_zone: str | None = None) -> tuple[Inventory, str]:
    """Take a lab's inventory, and find the id of the session that was named; there may be none of that id.

    ``time_zone`` is the IANA zone of all times without one (None: as the lab says). Raises UsageError for what is
    no id, and DocumentError.
    """
    text = parse_session(given_id)
    inventory = read_inventory(lab, time_zone)
    return inventory, inventory.resolve(text)


def _may_be_recording(entry: FolderEntry) -> bool:
    """Whether an entry lies where recordings lie, or is a video elsewhere in a session's folder."""
    parts = entry.path.split("/", 3)
    if parts[0] == RECORDINGS or len(parts) < 3 or parts[2] == RECORDINGS:
        return True
    return entry.kind is EntryKind.FILE and (stem_of_mp4(parts[-1]) is not None or is_non_mp4_video(parts[-1]))


def _apply_camera_settings(cameras: Sequence[Camera], settings: LabSettings) -> Iterator[Camera]:
    """The lab's cameras, with the prefix and name that ``labcrate.toml`` gives them, and those that it alone knows."""
    listed = set()
    for camera in cameras:
        listed.add(camera.id)
        setting = settings.cameras.get(camera.id)
        name = setting.name if setting else None
        yield replace(
            camera,
            prefix=(setting.prefix if setting else None) or camera.prefix,
            name=name or camera.name,
            raw_name=name or camera.raw_name,
        )
    for setting in settings.cameras.values():
        if setting.id not in listed:
            yield Camera(setting.id, setting.name, setting.prefix, raw_name=setting.name)
