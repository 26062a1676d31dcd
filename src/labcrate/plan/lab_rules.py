"""Build the rules that link recordings from a lab's cameras, sessions and registers."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from labcrate.index.catalog import Catalog
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import EntryKind, FolderEntry, LabFolder
from labcrate.lab.registers import RecordingRegisters
from labcrate.lab.session_register import SessionRegister
from labcrate.lab.sessions import LabSessions
from labcrate.linking.prefixes import CameraNames
from labcrate.linking.rules import LinkEntry, LinkingRules
from labcrate.model.device import Camera, find_camera
from labcrate.model.fixity import Identity
from labcrate.model.session import SelectedCamera, Session

_UNRESOLVED = "@selection"


def camera_key(camera: Camera) -> str:
    """Return the key of a camera of the lab: its id and its user, because two users may use the same id."""
    return f"{camera.id}@{camera.user or ''}"


def selected_camera_key(selected: SelectedCamera, known: Camera | None) -> str:
    """Return the key of a camera that a session selected: the lab's, or one for a camera that the lab does not have."""
    return camera_key(known) if known else f"{selected.id}{_UNRESOLVED}"


def is_unresolved_key(key: str) -> bool:
    """Return whether a key belongs to a selected camera that is not exactly one camera of the lab."""
    return key.endswith(_UNRESOLVED)


def linking_rules(
    lab: LabFolder,
    cameras: Sequence[Camera],
    book: LabSessions,
    registers: RecordingRegisters,
    own_registers: Mapping[str, SessionRegister],
    entries: Sequence[FolderEntry],
    *,
    prefixes_unknown: bool = False,
) -> LinkingRules:
    """Build the rules of a lab; ``entries`` are all files that could be recordings.

    ``prefixes_unknown`` says that a file with cameras cannot be read: there may be unknown prefixes, so only known ones
    count.
    """
    linked, linked_cameras = _manual_links(lab, own_registers, cameras, book)
    return LinkingRules.build(
        cameras=[_camera_names(camera_key(camera), camera.id, camera.raw_name, camera.prefix) for camera in cameras],
        selections={session.id: list(_selected_camera_names(session, cameras)) for session in book.sessions.values()},
        session_ids=[*book.known_ids, *registers.invalid_ids],
        descriptions_unreadable=bool(book.unreadable_files),
        prefix_configured=bool(book.recording_prefixes) or prefixes_unknown,
        register=_register_entries(registers, cameras),
        linked=linked,
        linked_cameras=linked_cameras,
        shared_names=_ambiguous_names(lab, registers, entries),
    )


def _camera_names(key: str, camera_id: str, name: str | None, prefix: str | None) -> CameraNames:
    return CameraNames(key, camera_id, name, prefix)


def _selected_camera_names(session: Session, cameras: Sequence[Camera]) -> Iterator[CameraNames]:
    """Yield the cameras that a session selected, with the session's names for them, else the lab's."""
    for chosen in session.cameras:
        known = find_camera(cameras, chosen.id, session.user)
        name = chosen.raw_name or chosen.name or (known.raw_name if known else None)
        prefix = chosen.prefix or (known.prefix if known else None)
        yield _camera_names(selected_camera_key(chosen, known), chosen.id, name, prefix)


def _register_entries(registers: RecordingRegisters, cameras: Sequence[Camera]) -> Iterator[LinkEntry]:
    keys: dict[tuple[str | None, str | None], str | None] = {}
    for entry in registers.recordings:
        camera_and_user = (entry.camera_id, entry.user)
        if camera_and_user not in keys:
            known = find_camera(cameras, entry.camera_id, entry.user) if entry.camera_id else None
            keys[camera_and_user] = camera_key(known) if known else None
        yield LinkEntry(entry.name, entry.session_id, keys[camera_and_user])


def camera_key_in_session(cameras: Sequence[Camera], session: Session | None, camera_id: str) -> str | None:
    """Return the key of the camera with an id in a session, first that of the session's user, or None."""
    known = find_camera(cameras, camera_id, session.user if session else None)
    if known:
        return camera_key(known)
    selected = session is not None and any(chosen.id == camera_id for chosen in session.cameras)
    return f"{camera_id}@selection" if selected else None


def _manual_links(
    lab: LabFolder, own_registers: Mapping[str, SessionRegister], cameras: Sequence[Camera], book: LabSessions
) -> tuple[dict[str, list[str]], dict[tuple[str, str], str]]:
    """Return the unchanged files of the lab that ``labcrate link`` linked to sessions, with those sessions.

    The second mapping has, by file and session, the keys of the cameras that were given with the links.
    """
    linked: dict[str, list[str]] = defaultdict(list)
    camera_keys: dict[tuple[str, str], str] = {}
    for session_id, register in own_registers.items():
        for entry in register.files:
            if entry.folder:
                continue  # a file of a recorder, not of the lab
            with suppress(OSError):
                identity = lab.identity(entry.file)
                if entry.matches(identity.size_bytes, identity.mtime_ns, book.folders.get(session_id)):
                    linked[entry.file].append(session_id)
                    session = book.sessions.get(session_id)
                    if entry.camera_id and (key := camera_key_in_session(cameras, session, entry.camera_id)):
                        camera_keys[entry.file, session_id] = key
    return linked, camera_keys


def _ambiguous_names(lab: LabFolder, registers: RecordingRegisters, entries: Sequence[FolderEntry]) -> list[str]:
    """Return the base names in a register that several files of the lab with different bytes have.

    Whether two files of the same size have the same bytes is known once both are in the index. Until then they count
    as different, so that no entry is used for a wrong file.
    """
    if not registers.recordings:
        return []
    files = [entry.path for entry in entries if entry.kind is EntryKind.FILE]
    names = [path[path.rfind("/") + 1 :] for path in files]
    if len(set(names)) == len(names):
        return []
    repeated = {name for name, count in Counter(names).items() if count > 1}
    repeated &= {entry.name for entry in registers.recordings}
    paths_by_name: dict[str, list[str]] = defaultdict(list)
    for name, path in zip(names, files, strict=True):
        if name in repeated:
            paths_by_name[name].append(path)
    if not paths_by_name:
        return []
    states: dict[str, Identity] = {}
    for paths in paths_by_name.values():
        for path in paths:
            with suppress(OSError):
                states[path] = lab.identity(path)
    with Catalog.open(state_folder(lab.root)) as catalog:
        known = catalog.lookup(states)
    shared = []
    for name, paths in paths_by_name.items():
        existing = [path for path in paths if path in states]
        hashes = {fixity.sha256 if (fixity := known[path].fixity) else path for path in existing}
        if len({states[path] for path in existing}) > 1 and len(hashes) > 1:
            shared.append(name)
    return shared
