"""Find the files of a session that hold a secret, decide what happens to them, and remove secrets from a plan."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec.structs import replace

from labcrate.errors import SecretsError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device
from labcrate.model.session import Session
from labcrate.plan.lab_cleaner import LabCleaner
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
    SecretTreatment,
    SessionFile,
)
from labcrate.readings.load.slice import Readings
from labcrate.secrets.copied_files import Redaction
from labcrate.secrets.credential_keys import HARMLESS_WORDS

T = TypeVar("T", PlannedRecording, SessionFile, NearMiss)


def find_secrecy(
    session: Session,
    cameras: Iterable[Camera],
    devices: Iterable[Device],
    files: Iterable[CopiedFile],
    messages: int,
    options: Options,
    cleaner: LabCleaner,
    unread: Iterable[str] = (),
) -> Secrecy:
    """Return where secrets are and what happens to them.

    ``messages`` is the number of sensor messages from which something was removed; ``unread`` are the lab's files that
    could not be read for their secrets.
    """
    blanked = {
        *(f"session.{key}" for key in session.removed_keys),
        *(f"cameras[{camera.id}].{key}" for camera in cameras for key in camera.removed_keys),
        *(f"devices[{device.id}].{key}" for device in devices for key in device.removed_keys),
    }
    files = list(files)
    searched = [(file, file.search) for file in files if file.search]
    pending = tuple(cleaner.name(file.source) for file in files if file.search is None)
    secret_files = (
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
    unread_names = tuple(sorted({cleaner.name(file) for file in unread}))
    return Secrecy(tuple(sorted(blanked)), messages, tuple(secret_files), not_searched, pending, unread_names)


def _treatment(options: Options, *, redactable: bool) -> SecretTreatment:
    if options.redact and redactable:
        return SecretTreatment.REDACTED
    return SecretTreatment.ALLOWED if options.allow_secrets else SecretTreatment.REFUSED


def refuse_secrets(session_id: str, secrecy: Secrecy) -> None:
    """Raise SecretsError, with all files, if a file holds a secret that is neither removed nor allowed."""
    refused = secrecy.refused
    if not refused:
        return
    lines = tuple(
        Message("secrets.line", file=one.source, kinds=list(one.kinds), remedy=secret_file_remedy(one))
        for one in refused
    )
    raise SecretsError(
        Message("secrets.refused", session=session_id, lines=lines),
        [(one.member, one.kinds, one.redactable) for one in refused],
    )


def secret_file_remedy(file: SecretFile) -> Message:
    """Return the remedy for a file that holds a secret."""
    if file.redactable:
        return Message("secrets.redact")
    return Message("secrets.not_redactable")


def secrecy_warnings(secrecy: Secrecy, files: Iterable[CopiedFile]) -> Iterator[str]:
    """Yield the warnings about secrets in copied files, and about positions in the tags of videos."""
    for name in secrecy.unread:
        yield Message("secrets.unread", file=name)
    yield from map(secret_file_warning, secrecy.files)
    for file in files:
        if file.search and file.search.result.position:
            yield Message("secrets.position", file=file.member)


def secret_file_warning(file: SecretFile) -> Message:
    """Return the warning about a file that holds a secret."""
    match file.treatment:
        case SecretTreatment.REDACTED:
            return Message("secrets.redacted", file=file.member, kinds=list(file.kinds))
        case SecretTreatment.ALLOWED:
            return Message("secrets.allowed", file=file.member, kinds=list(file.kinds))
        case _:
            return Message("secrets.found", file=file.source, kinds=list(file.kinds))


def clean_readings(readings: Readings, cleaner: LabCleaner) -> tuple[Readings, int]:
    """Return readings without secrets, and the number of messages from which something was removed."""
    if not len(readings):
        return readings, 0
    # Imports Polars, which a lab without readings does not need.
    from labcrate.readings.load.cleaned_rows import clean_payloads, rename_readings  # noqa: PLC0415

    cleaned, count = clean_payloads(readings, cleaner.needles(), cleaner.payload, HARMLESS_WORDS)
    topics, names = (
        {name: clean for name in found if (clean := cleaner.name(name)) != name}
        for found in (cleaned.topic_names, [name for name, _ in cleaned.counts_per_device])
    )
    return rename_readings(cleaned, topics, names), count


def clean_plan(plan: Plan, cleaner: LabCleaner) -> Plan:
    """Return a plan without secrets in its texts: names, sources, reasons, warnings, ids."""
    return dataclasses.replace(
        plan,
        session=_clean_session(plan.session, cleaner),
        cameras=tuple(_clean_camera(camera, cleaner) for camera in plan.cameras),
        devices=tuple(_clean_device(device, cleaner) for device in plan.devices),
        recordings=tuple(_clean_recording(recording, cleaner) for recording in plan.recordings),
        session_files=tuple(_with_clean_path(file, cleaner) for file in plan.session_files),
        near_misses=tuple(_clean_near_miss(near, cleaner) for near in plan.near_misses),
        missing=tuple(_clean_missing(one, cleaner) for one in plan.missing),
        warnings=tuple(dict.fromkeys(map(cleaner.text, plan.warnings))),
        not_chosen=tuple(map(cleaner.text, plan.not_chosen)),
        not_taken=tuple(_clean_not_taken(one, cleaner) for one in plan.not_taken),
        secrecy=_clean_secrecy(plan.secrecy, cleaner),
    )


def _clean_secrecy(secrecy: Secrecy, cleaner: LabCleaner) -> Secrecy:
    return replace(secrecy, blanked=tuple(map(cleaner.text, secrecy.blanked)))


def _clean_session(session: Session, cleaner: LabCleaner) -> Session:
    def name(text: str | None) -> str | None:
        return None if text is None else cleaner.name(text)

    cameras = tuple(replace(c, id=cleaner.name(c.id), prefix=name(c.prefix)) for c in session.cameras)
    sensors = tuple(replace(s, id=cleaner.name(s.id), topic=name(s.topic)) for s in session.sensors)
    files = tuple(map(cleaner.name, session.description_files))
    same = (cameras, sensors, files) == (session.cameras, session.sensors, session.description_files)
    return session if same else replace(session, cameras=cameras, sensors=sensors, description_files=files)


def _clean_camera(camera: Camera, cleaner: LabCleaner) -> Camera:
    prefix = None if camera.prefix is None else cleaner.name(camera.prefix)
    camera_id = cleaner.name(camera.id)
    return camera if (camera_id, prefix) == (camera.id, camera.prefix) else replace(camera, id=camera_id, prefix=prefix)


def _clean_device(device: Device, cleaner: LabCleaner) -> Device:
    device_id = cleaner.name(device.id)
    return device if device_id == device.id else replace(device, id=device_id)


def _clean_recording(recording: PlannedRecording, cleaner: LabCleaner) -> PlannedRecording:
    verdict, camera = recording.verdict, recording.camera and _clean_camera(recording.camera, cleaner)
    reason, warning = cleaner.text(verdict.reason), verdict.warning and cleaner.text(verdict.warning)
    also_at = tuple(map(cleaner.name, recording.duplicate_paths))
    if (reason, warning, also_at, camera) != (
        verdict.reason,
        verdict.warning,
        recording.duplicate_paths,
        recording.camera,
    ):
        verdict = replace(verdict, reason=reason, warning=warning)
        recording = replace(recording, verdict=verdict, duplicate_paths=also_at, camera=camera)
    return _with_clean_path(recording, cleaner)


def _with_clean_path(file: T, cleaner: LabCleaner) -> T:
    path = printable(file.path)
    clean_path = cleaner.name(path)
    return file if clean_path == path else replace(file, clean_path=clean_path)


def _clean_near_miss(near: NearMiss, cleaner: LabCleaner) -> NearMiss:
    verdict = near.verdict
    reason, remedy = cleaner.text(verdict.reason), verdict.remedy and cleaner.text(verdict.remedy)
    if (reason, remedy) != (verdict.reason, verdict.remedy):
        near = replace(near, verdict=replace(verdict, reason=reason, remedy=remedy))
    return _with_clean_path(near, cleaner)


def _clean_missing(one: Missing, cleaner: LabCleaner) -> Missing:
    command = one.command
    if command and any(cleaner.name(word) != word for word in command):
        command = None
    cleaned = Missing(cleaner.name(one.what), cleaner.text(one.why), cleaner.text(one.remedy), command)
    return one if cleaned == one else cleaned


def _clean_not_taken(one: NotTaken, cleaner: LabCleaner) -> NotTaken:
    path = cleaner.name(one.path)
    return one if path == one.path else replace(one, path=path)
