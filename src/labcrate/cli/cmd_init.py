"""``labcrate init``: write a commented ``labcrate.toml`` from the lab's files."""

import os
import secrets
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from labcrate.cli.machine_zone import machine_zone
from labcrate.cli.screen import open_lab, say, write_json
from labcrate.errors import TargetError
from labcrate.lab.folder import LabFolder
from labcrate.lab.recorders import SETTINGS_FILE
from labcrate.lab.settings_template import SettingsSuggestions, settings_text, suggest_settings
from labcrate.messages.message import Message
from labcrate.messages.text import printable


def run(options: Namespace) -> int:
    """Write the lab's settings file, or print it with ``--print``."""
    lab = open_lab(options)
    if not options.print_only and os.path.lexists(lab.root / SETTINGS_FILE):
        raise TargetError(Message("cli.settings_exist", file=SETTINGS_FILE))
    found = suggest_settings(lab)
    lab_id = str(uuid4())
    text = settings_text(lab_id, found, machine_zone())
    if not options.print_only:
        write_new_settings(lab, text)
    if options.json:
        write_json(_json_object(lab_id, found, None if options.print_only else SETTINGS_FILE, text))
    elif options.print_only:
        say(text.rstrip("\n"))
    else:
        _print_result(found)
    return 0


def write_new_settings(lab: LabFolder, text: str) -> None:
    """Write ``labcrate.toml`` atomically. Raises TargetError, also if the file exists."""
    target = lab.root / SETTINGS_FILE
    part = lab.root / f".{SETTINGS_FILE}.{secrets.token_hex(4)}.part"
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _name_file(part, target)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except FileExistsError:
        raise TargetError(Message("cli.settings_exist", file=SETTINGS_FILE)) from None
    except OSError as error:
        raise TargetError(Message("cli.settings_not_written", file=SETTINGS_FILE, error=error.strerror)) from None


def _name_file(part: Path, target: Path) -> None:
    """Give the complete file its name. Unlike a rename, a hard link never replaces a file created meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT and many network drives
        if os.path.lexists(target):
            raise FileExistsError from None
        part.rename(target)


def _json_object(lab_id: str, found: SettingsSuggestions, file: str | None, text: str) -> dict[str, object]:
    return {
        "file": file,
        "labId": lab_id,
        "timeZones": [{"timeZone": zone, "sessions": count} for zone, count in found.zones],
        "cameras": [{"id": c.id, "name": c.name, "prefix": c.prefix, "file": printable(c.file)} for c in found.cameras],
        "recorders": [
            {"type": r.type, "folder": printable(r.folder), "example": printable(r.example)} for r in found.recorders
        ],
        "unread": list(map(printable, found.unreadable_files)),
        **({} if file else {"text": text}),
    }


def _print_result(found: SettingsSuggestions) -> None:
    say(f"{SETTINGS_FILE} was written. All settings except the lab's ID are commented out. Found:")
    say(f"  time zones of sessions: {', '.join(zone for zone, _ in found.zones) or 'none'}")
    say(f"  cameras: {', '.join(dict.fromkeys(printable(c.name or c.id) for c in found.cameras)) or 'none'}")
    for recorder in found.recorders:
        say(f"  recorder: {printable(recorder.folder)}/ (file names of {recorder.type})")
    for path in found.unreadable_files:
        say(f"  ! {printable(path)} could not be read; its content was not used")
