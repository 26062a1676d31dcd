"""The inventory of a lab: its cameras, devices, sessions, registers and recordings."""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

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
from labcrate.messages.message import Message, first_names
from labcrate.model.device import Camera, Device
from labcrate.model.lab_settings import LabSettings
from labcrate.model.recording import CameraClock
from labcrate.model.session import Session, id_sort_key, is_numeric_id, resolve_id
from labcrate.plan.lab_cleaner import LabCleaner, clean_session_book
from labcrate.plan.lab_rules import camera_key, linking_rules
from labcrate.plan.message_secrets import collect_message_secrets
from labcrate.plan.option_values import parse_session
from labcrate.secrets.lab_secrets import LabSecrets, read_secrets
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secrets

_MAX_LISTED_SESSIONS = 12
_CLOSED_FOLDER_IDS = {EntryKind.LINK: "session.folder_is_link", EntryKind.UNREADABLE: "session.folder_is_closed"}


@dataclass(frozen=True, slots=True)
class Inventory:
    """The lab's cameras, devices, sessions and recordings; ``linked`` holds the entries of each session.

    ``zone`` is the IANA zone of times without one, unless their session has its own; ``chosen_zone`` is the one that
    takes precedence over the session's too, if one was chosen. ``problems`` are files, or entries of files, that cannot
    be read and are in no session; every plan reports them. ``recorder_folders`` are the folders of the recorders that
    may be read, by name. No text holds one of the lab's ``secrets``, which ``cleaner`` removes; ids, prefixes and paths
    are as the lab has them.
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
        """Return what opens the lab's files and those of its recorders."""
        return LabFiles(self.lab, self.recorder_folders)

    @property
    def clocks(self) -> dict[str, CameraClock]:
        """Return the cameras' clocks as ``labcrate.toml`` describes them, by camera id."""
        return {
            one.id: CameraClock(one.time_zone, one.offset_s, one.name_pattern) for one in self.settings.cameras.values()
        }

    @property
    def ids(self) -> list[str]:
        """Return the ids of all sessions: described by a file, with a folder, or named by a recording."""
        return sorted({*self.book.sessions, *self.book.broken, *self.book.folders, *self.linked}, key=id_sort_key)

    @property
    def paths(self) -> frozenset[str]:
        """Return the paths of all files in folders of recordings."""
        linked = (entry.path for entries in self.linked.values() for entry in entries)
        return frozenset((*linked, *(entry.path for entry in self.unlinked)))

    def resolve(self, text: str) -> str:
        """Return the id of the session that a text names: ``42``, also ``s42`` or ``Session42``."""
        return resolve_id(text, self.ids)

    def folder(self, session_id: str) -> str:
        """Return the path of the session's own folder, spelled as on disk if it exists."""
        return self.book.folders.get(session_id, f"{SESSIONS}/{SESSION_FOLDER_PREFIX}{session_id}")

    def camera(self, key: str | None) -> Camera | None:
        """Return the camera with the key that a verdict has."""
        return next((camera for camera in self.cameras if camera_key(camera) == key), None)

    def session(self, session_id: str) -> Session:
        """Return one session, with its selected devices sorted into cameras and sensors.

        Raises NoSessionError; or DocumentError if its description is broken, or if it is unknown and a file that
        describes sessions cannot be read.
        """
        session = self.book.get(session_id)
        if session is not None:
            return resolve_selection(session, self.cameras, self.devices)
        if session_id in self.linked:
            return Session(session_id)
        if self.book.unreadable_files:
            raise self.book.unreadable_files[0]
        for entry in self.unlinked:
            if entry.path in (SESSIONS, self.folder(session_id)) and entry.kind in _CLOSED_FOLDER_IDS:
                message_id = _CLOSED_FOLDER_IDS[entry.kind]
                raise NoSessionError(Message(message_id, session=session_id, folder=entry.path))
        raise NoSessionError(Message("session.not_found", session=session_id, hint=self._list_sessions(session_id)))

    def _list_sessions(self, session_id: str) -> Message:
        ids = self.ids
        if not ids:
            return Message("session.not_found.none")
        sessions = first_names(ids, _MAX_LISTED_SESSIONS)
        if nearest := _nearest_id(session_id, ids):
            return Message("session.not_found.nearest", sessions=sessions, nearest=nearest)
        return Message("session.not_found.listed", sessions=sessions)


def _nearest_id(session_id: str, ids: Sequence[str]) -> str | None:
    """Return the id most similar to one that does not exist, else the nearest number, else None."""
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
    any); ``secrets`` are those of an earlier inventory, so that only changed files are read. A file that cannot be read
    becomes one of the inventory's problems. ``allowed`` are the folders outside the lab that recorders may use (None:
    all that ``labcrate.toml`` has). Raises DocumentError for a ``labcrate.toml`` that cannot be parsed, unless
    ``settings`` are given to replace it.
    """
    settings = read_settings(lab) if settings is None else settings
    chosen_zone, zone = zone, zone or settings.time_zone
    secrets = read_secrets(lab, secrets, collect_message_secrets)
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
        # The plan of a session reports the unreadable files of the session's own folder.
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
    """Return a lab's inventory and the id of the session that ``given_id`` names; the session need not exist.

    ``time_zone`` is the IANA zone of all times without one (None: as the lab says). Raises UsageError for an invalid
    id, and DocumentError.
    """
    text = parse_session(given_id)
    inventory = read_inventory(lab, time_zone)
    return inventory, inventory.resolve(text)


def _may_be_recording(entry: FolderEntry) -> bool:
    """Return whether an entry is in a folder of recordings, or is a video elsewhere in a session's folder."""
    parts = entry.path.split("/", 3)
    if parts[0] == RECORDINGS or len(parts) < 3 or parts[2] == RECORDINGS:
        return True
    return entry.kind is EntryKind.FILE and (stem_of_mp4(parts[-1]) is not None or is_non_mp4_video(parts[-1]))


def _apply_camera_settings(cameras: Sequence[Camera], settings: LabSettings) -> Iterator[Camera]:
    """Yield the lab's cameras with the prefix and name from ``labcrate.toml``, then the cameras that only it has."""
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
