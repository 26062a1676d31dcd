"""Which of a session's files hold a secret, what becomes of them, and what is said about it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from labcrate.errors import SecretsError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device
from labcrate.model.session import Session
from labcrate.plan.cleaning import LabCleaner
from labcrate.plan.not_taken import NotTaken
from labcrate.plan.options import Options
from labcrate.plan.plan import (
    CopiedFile,
    Missing,
    NearMiss,
    Plan,
    PlannedRecording,
    Secrecy,
    SecretFile,
    SessionFile,
    Treatment,
)
from labcrate.readings.load.slice import Readings, clean_payloads
from labcrate.secrets.copied_files import Redaction

T = TypeVar("T", PlannedRecording, SessionFile, NearMiss)


def secrecy_of(
    session: Session,
    cameras: Iterable[Camera],
    devices: Iterable[Device],
    files: Iterable[CopiedFile],
    messages: int,
    options: Options,
    cleaner: LabCleaner,
    unread: Iterable[str] = (),
) -> Secrecy:
    """Return where secrets are and what becomes of them; ``messages`` is the number of those that were blanked.

    ``unread`` are the lab's files that could not be read for their secrets.
    """
    blanked = {
        *(f"session.{key}" for key in session.removed_keys),
        *(f"cameras[{camera.id}].{key}" for camera in cameras for key in camera.removed_keys),
        *(f"devices[{device.id}].{key}" for device in devices for key in device.removed_keys),
    }
    files = list(files)
    searched = [(file, file.search) for file in files if file.search]
    pending = tuple(cleaner.name(file.source) for file in files if file.search is None)
    found = (
        SecretFile(
            file.member,
            cleaner.name(file.source),
            search.result.kinds,
            search.result.count,
            search.redaction is not Redaction.NONE,
            _treatment(options, redactable=search.redaction is not Redaction.NONE),
        )
        for file, search in searched
        if search.result.kinds
    )
    not_searched = tuple(file.member for file, search in searched if not search.result.searched)
    not_known = tuple(sorted({cleaner.name(file) for file in unread}))
    return Secrecy(tuple(sorted(blanked)), messages, tuple(found), not_searched, pending, not_known)


def _treatment(options: Options, *, redactable: bool) -> Treatment:
    if options.redact and redactable:
        return Treatment.REDACTED
    return Treatment.ALLOWED if options.allow_secrets else Treatment.REFUSED


def refuse_secrets(session_id: str, secrecy: Secrecy) -> None:
    """Raise SecretsError where a file holds a secret that is neither taken out nor allowed, naming all of them."""
    refused = secrecy.refused
    if not refused:
        return
    lines = [f"  - {one.source} holds {one.said}. {remedy_for(one)}" for one in refused]
    listed = "\n".join(lines)
    raise SecretsError(
        f"Session {session_id} was not exported, because files of it hold secrets of the lab:\n{listed}\n"
        "  To pack all of them as they are, and have the archive say so, add --allow-secrets.",
        [(one.member, one.kinds, one.redactable) for one in refused],
    )


def remedy_for(one: SecretFile) -> str:
    """Return what can be done about a file that holds a secret."""
    if one.redactable:
        return "To have it taken out of the copy, add --redact."
    return "It cannot be taken out of a file of this kind; take it out in the lab, or exclude the file."


def secrecy_warnings(secrecy: Secrecy, files: Iterable[CopiedFile]) -> Iterator[str]:
    """Say what is worth knowing about secrets in copied files, and positions in the tags of videos."""
    for name in secrecy.unread:
        yield Message("secrets.unread", file=name)
    yield from map(warning_about, secrecy.files)
    for file in files:
        if file.search and file.search.result.position:
            yield Message("secrets.position", file=file.member)


def warning_about(one: SecretFile) -> str:
    """Return what is worth knowing about a file that holds a secret."""
    match one.treatment:
        case Treatment.REDACTED:
            return Message("secrets.redacted", file=one.member, kinds=one.said)
        case Treatment.ALLOWED:
            return Message("secrets.allowed", file=one.member, kinds=one.said)
        case _:
            return Message("secrets.found", file=one.source, kinds=one.said)


def clean_readings(readings: Readings, cleaner: LabCleaner) -> tuple[Readings, int]:
    """Return readings without secrets, and from how many messages something was removed."""
    cleaned, count = clean_payloads(readings, cleaner.needles(), cleaner.payload)
    if not len(cleaned):
        return cleaned, count
    frame = cleaned.frame
    for column in ("topic", "device_id"):
        names = frame[column].unique().to_list()
        changed = {name: clean for name in names if (clean := cleaner.name(name)) != name}
        if changed:
            frame = frame.with_columns(frame[column].replace(changed))
    if frame is not cleaned.frame:
        cleaned = replace(cleaned, rows=frame.sort("timestamp", "topic", "payload"))
    return cleaned, count


def without_secrets(plan: Plan, cleaner: LabCleaner) -> Plan:
    """Return a plan in which no text holds a secret: names, sources, reasons, warnings, ids."""
    return replace(
        plan,
        session=_session(plan.session, cleaner),
        cameras=tuple(_camera(camera, cleaner) for camera in plan.cameras),
        devices=tuple(_device(device, cleaner) for device in plan.devices),
        recordings=tuple(_recording(recording, cleaner) for recording in plan.recordings),
        session_files=tuple(_shown(file, cleaner) for file in plan.session_files),
        near_misses=tuple(_near_miss(near, cleaner) for near in plan.near_misses),
        missing=tuple(_missing(one, cleaner) for one in plan.missing),
        warnings=tuple(dict.fromkeys(map(cleaner.text, plan.warnings))),
        not_chosen=tuple(map(cleaner.text, plan.not_chosen)),
        not_taken=tuple(_not_taken(one, cleaner) for one in plan.not_taken),
        secrecy=_secrecy(plan.secrecy, cleaner),
    )


def _secrecy(secrecy: Secrecy, cleaner: LabCleaner) -> Secrecy:
    return replace(secrecy, blanked=tuple(map(cleaner.text, secrecy.blanked)))


def _session(session: Session, cleaner: LabCleaner) -> Session:
    def name(text: str | None) -> str | None:
        return None if text is None else cleaner.name(text)

    cameras = tuple(replace(c, id=cleaner.name(c.id), prefix=name(c.prefix)) for c in session.cameras)
    sensors = tuple(replace(s, id=cleaner.name(s.id), topic=name(s.topic)) for s in session.sensors)
    described_in = tuple(map(cleaner.name, session.described_in))
    same = (cameras, sensors, described_in) == (session.cameras, session.sensors, session.described_in)
    return session if same else replace(session, cameras=cameras, sensors=sensors, described_in=described_in)


def _camera(camera: Camera, cleaner: LabCleaner) -> Camera:
    prefix = None if camera.prefix is None else cleaner.name(camera.prefix)
    camera_id = cleaner.name(camera.id)
    return camera if (camera_id, prefix) == (camera.id, camera.prefix) else replace(camera, id=camera_id, prefix=prefix)


def _device(device: Device, cleaner: LabCleaner) -> Device:
    device_id = cleaner.name(device.id)
    return device if device_id == device.id else replace(device, id=device_id)


def _recording(recording: PlannedRecording, cleaner: LabCleaner) -> PlannedRecording:
    verdict, camera = recording.verdict, recording.camera and _camera(recording.camera, cleaner)
    reason, warning = cleaner.text(verdict.reason), verdict.warning and cleaner.text(verdict.warning)
    also_at = tuple(map(cleaner.name, recording.also_at))
    if (reason, warning, also_at, camera) != (verdict.reason, verdict.warning, recording.also_at, recording.camera):
        verdict = replace(verdict, reason=reason, warning=warning)
        recording = replace(recording, verdict=verdict, also_at=also_at, camera=camera)
    return _shown(recording, cleaner)


def _shown(file: T, cleaner: LabCleaner) -> T:
    path = printable(file.path)
    shown = cleaner.name(path)
    return file if shown == path else replace(file, shown=shown)


def _near_miss(near: NearMiss, cleaner: LabCleaner) -> NearMiss:
    verdict = near.verdict
    reason, remedy = cleaner.text(verdict.reason), verdict.remedy and cleaner.text(verdict.remedy)
    if (reason, remedy) != (verdict.reason, verdict.remedy):
        near = replace(near, verdict=replace(verdict, reason=reason, remedy=remedy))
    return _shown(near, cleaner)


def _missing(one: Missing, cleaner: LabCleaner) -> Missing:
    command = one.command
    if command and any(cleaner.name(word) != word for word in command):
        command = None
    cleaned = Missing(cleaner.name(one.what), cleaner.text(one.why), cleaner.text(one.remedy), command)
    return one if cleaned == one else cleaned


def _not_taken(one: NotTaken, cleaner: LabCleaner) -> NotTaken:
    path = cleaner.name(one.path)
    return one if path == one.path else replace(one, path=path)
