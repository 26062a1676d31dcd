"""Control characters in texts of a lab: no command prints them unescaped."""

import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

FORGED = "FORGED LINE"
STEERING = f"\x1b[2J\x9b31m\u202e\u2066\x07\n{FORGED}\r"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS = (
    ("sessions",),
    ("plan", "42"),
    ("plan", "42", "--left-out"),
    ("doctor",),
    ("doctor", "--all"),
    ("log",),
    ("init",),
    ("init", "--print"),
    ("link", "42"),
    ("link", "42", "--all", "--yes"),
    ("link", "42", f"recordings/garden_session42_{STEERING}.mp4"),
    ("link", "42", "--undo", "1"),
    ("export", "42", "-o", "TARGET"),
    ("export", "42", "-o", "TARGET", "--allow-incomplete", "--allow-secrets"),
    ("export", "42", "-o", "TARGET", "--camera", STEERING),
    ("export", "42", "-o", "TARGET", "--sensor", STEERING),
    ("export", STEERING, "-o", "TARGET"),
    ("plan", "42", "--time-zone", STEERING),
    ("plan", f"--{STEERING}"),
)


def steering_lab(lab: Any) -> Any:
    """Build a lab with control sequences in every text, file name and folder name."""
    lab.session(
        42, name=f"Morning{STEERING}", status=f"completed{STEERING}", notes=STEERING, timeZone=f"Europe/{STEERING}",
        description=STEERING, tags=[STEERING], researcher=STEERING,
        selectedDevices={
            "cameras": [{"id": f"1{STEERING}", "name": f"c{STEERING}"}, {"id": f"w{STEERING}"}],
            "sensors": [f"s{STEERING}", {"id": f"t{STEERING}", "name": STEERING, "topic": STEERING}],
        },
    )  # fmt: skip
    lab.session(43, status=STEERING, id=f"44{STEERING}")
    lab.json("data/user_1/sessions.json", {f"5{STEERING}": {}, "60": {"startTime": STEERING, f"k{STEERING}": 1}})
    lab.json(
        f"data/user_{STEERING}/cameras.json",
        {
            f"9{STEERING}": {"name": f"Hall{STEERING}", "recordingPrefix": f"hall{STEERING}"},
            f"u{STEERING}": {"recordingPrefix": "ua"},
            f"v{STEERING}": {"recordingPrefix": "ub"},
            f"bad{STEERING}": 5,
        },
    )
    lab.write(f"data/user_2{STEERING}/cameras.json", "{")
    lab.json("data/devices.json", [{"id": f"0x1{STEERING}", "name": f"door{STEERING}", "type": STEERING}])
    lab.json("data/recordings.json", [{"filename": f"ua_{STEERING}.mp4", "sessionId": 42, "cameraId": STEERING}])
    message = {f"key{STEERING}": STEERING, "battery": 5}
    readings = [(at, f"zigbee2mqtt/door{STEERING}", message) for at in ("2025-05-02T08:01:00Z", STEERING)]
    lab.zigbee_json(readings)
    lab.zigbee_csv(readings)
    for number, path in enumerate(
        (
            f"garden_session42_{STEERING}.mp4",
            f"{STEERING}/cam1_session042_{STEERING}.mp4",
            f"ua_session42_{STEERING}.mp4",
            f"ua_{STEERING}.mp4",
            "ub_session42_1.mp4",
            f"ua_session42_{STEERING}.mkv",
        )
    ):
        lab.recording(f"recordings/{path}", content=lab.clip + bytes([number]))
    lab.recording(f"sessions/Session42/{STEERING}/empty{STEERING}.mp4", content=b"")
    for suffix, content in (("txt", "a"), ("pdf", "%PDF-1.4"), ("csv", "a,b\n")):
        lab.write(f"sessions/Session42/{STEERING}/{STEERING}.{suffix}", content)
    (lab.root / f"sessions/Session42/link{STEERING}").symlink_to("/etc/hostname")
    os.mkfifo(lab.root / f"sessions/Session42/pipe{STEERING}")
    return lab


def checked(outcome: Any, *, as_json: bool) -> str:
    """Return what a command wrote, after looking for what it must not have written."""
    written: str = outcome.out + outcome.err
    assert not RAW.search(written)
    assert not [line for line in written.split("\n") if line.strip(" -").startswith(FORGED)]
    assert "Traceback" not in written
    if as_json:
        json.loads(outcome.out or outcome.err)
    return written


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: ascii(" ".join(words))[:60])
def test_no_command_writes_what_steers_a_terminal(
    usual_lab: Any, cli: Any, tmp_path: Path, command: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    """Names, IDs, states, notes and files of a lab are escaped, as text and as JSON, each on its own line."""
    lab = steering_lab(usual_lab)
    target = tmp_path / f"out{STEERING}.zip"
    if "--undo" in command:
        cli("link", "42", f"recordings/garden_session42_{STEERING}.mp4", "--lab", lab.root)
    words = [str(target) if word == "TARGET" else word for word in command]
    checked(cli(*words, *as_json, "--lab", lab.root), as_json=bool(as_json))


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_verify_writes_no_name_of_an_archive_as_it_is(
    usual_lab: Any, cli: Any, tmp_path: Path, as_json: tuple[str, ...]
) -> None:
    """The names of archives and members, valid or not, cannot control the terminal or imitate a result."""
    whole, forged = tmp_path / f"whole{STEERING}.zip", tmp_path / f"forged{STEERING}.zip"
    assert cli("export", "42", "-o", whole, "--allow-incomplete", "--lab", steering_lab(usual_lab).root).code == 0
    assert cli("verify", whole).code == 0
    shutil.copy(whole, forged)
    with zipfile.ZipFile(forged, "a") as archive:
        archive.writestr(f"more{STEERING}", "x")
    for path in (whole, forged, tmp_path / f"absent{STEERING}"):
        checked(cli("verify", path, *as_json), as_json=bool(as_json))
    checked(cli("verify", whole, "--key", f"no-key{STEERING}", *as_json), as_json=bool(as_json))


def test_no_readme_has_lines_that_a_lab_forged(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """No name, ID or status begins a line or bullet of the README; description and notes stay indented."""
    target = tmp_path / "out.zip"
    assert cli("export", "42", "-o", target, "--allow-incomplete", "--lab", steering_lab(usual_lab).root).code == 0
    with zipfile.ZipFile(target) as archive:
        text = archive.read("README.txt").decode()
    assert not RAW.search(text)
    assert not [line for line in text.split("\n") if line.removeprefix("- ").startswith(FORGED)]
