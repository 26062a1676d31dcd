"""Labs full of hostile names: verdicts, output of commands, and archives (from a seed)."""

import json
import os
import random
import re
import shutil
import subprocess
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.slow.attacks import hostile_names as hostile

from labcrate.linking import CameraNames, LinkEntry, LinkingRules, judge_file, linked_sessions, near_miss_by_time
from labcrate.linking.all_paths import sessions_of_paths
from labcrate.messages.text import printable

LABS = 5
NAMES_FOR_VERDICTS = 3000
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
COMMANDS = (
    ("sessions",),
    ("plan", "42", "--left-out"),
    ("plan", "42", "--json"),
    ("doctor", "--all"),
    ("doctor", "--json"),
    ("link", "42"),
)


def some_rules(dice: random.Random) -> LinkingRules:
    """Return the rules of a lab whose cameras, sessions and registers have hostile names; half have prefixes."""
    cameras = [
        CameraNames(f"{n}@", hostile.component(dice), hostile.component(dice), dice.choice((None, "", "cam1", prefix)))
        for n, prefix in enumerate(hostile.component(dice) for _ in range(4))
    ]
    return LinkingRules.build(
        cameras=cameras if dice.random() < 0.5 else (),
        session_ids=[*hostile.IDS, *(hostile.component(dice) for _ in range(4))],
        descriptions_unreadable=dice.random() < 0.2,
        register=[LinkEntry(hostile.recording(dice), dice.choice(hostile.IDS)) for _ in range(4)],
        shared_names=[hostile.recording(dice)],
    )


def test_no_name_makes_a_verdict_fail_or_links_to_two_sessions() -> None:
    """Each name has a printable verdict for each session, and at most one session is linked."""
    session_ids = [one for one in hostile.IDS if one]
    linked = 0
    for seed in range(30):
        dice = random.Random(seed)  # noqa: S311 - the same names each time
        rules, paths = some_rules(dice), []
        for _ in range(NAMES_FOR_VERDICTS // 30):
            name = hostile.recording(dice) if dice.random() < 0.7 else hostile.component(dice)
            top = dice.choice(("recordings/", "recordings/", "sessions/Session42/", f"sessions/Session{name}/", ""))
            paths.append(top + hostile.folders(dice) + name)
        alone = [linked_sessions(path, rules) for path in paths]
        assert list(sessions_of_paths(paths, rules)) == alone
        for path, sessions in zip(paths, alone, strict=True):
            assert len(sessions) <= 1, ascii(path)
            linked += bool(sessions)
            for session in session_ids:
                verdict = judge_file(path, session, rules)
                assert verdict.linked == (session in sessions), ascii(path)
                said = f"{verdict.reason}{verdict.remedy or ''}{verdict.warning or ''}"
                assert printable(said) == said, ascii(path)
            near_miss_by_time(path, "42", rules)
    assert 0 < linked < NAMES_FOR_VERDICTS


def fill(lab: Any, seed: int) -> list[str]:
    """Write one lab of hostile names, and return the paths of its files."""
    dice = random.Random(seed)  # noqa: S311 - the same names each time
    recordings = [hostile.folders(dice) + hostile.recording(dice) for _ in range(60)]
    files = [hostile.folders(dice) + hostile.component(dice) for _ in range(90)]
    paths = [f"recordings/{name}" for name in (*recordings, *hostile.pairs(recordings, dice))]
    paths += [f"sessions/Session42/{name}" for name in (*files, *hostile.pairs(files, dice))]
    paths += [f"sessions/Session42/sensor_data/{hostile.component(dice)}" for _ in range(10)]
    paths += [f"sessions/Session{hostile.component(dice)[:60]}/{hostile.recording(dice)}" for _ in range(10)]
    written = [path for number, path in enumerate(paths) if write(lab.root / path, f"{seed} {number}\n")]

    text = [hostile.component(dice).encode("utf-8", "replace").decode() for _ in range(60)]
    cameras = {text[n]: {"name": text[n + 1], "recordingPrefix": text[n + 2]} for n in range(0, 12, 3)}
    lab.json(
        "data/cameras.json", {"1": {"name": text[12], "recordingPrefix": "cam1"}, "2": {"name": "cam2"}, **cameras}
    )
    lab.json(
        "data/user_1/sessions.json", {id_: {"name": name} for id_, name in zip(text[13:18], text[18:23], strict=True)}
    )
    chosen = [{"id": text[23], "name": text[24]}, {"id": 1}, {"id": text[0]}]
    lab.session(
        42, name=text[25], status=text[26], notes=text[27], description=text[28], tags=text[29:31], timeZone=text[31],
        selectedDevices={"cameras": chosen, "sensors": text[32:35] if dice.random() < 0.5 else []},
    )  # fmt: skip
    devices = [{"id": text[n], "name": text[n + 1], "type": text[n + 2]} for n in range(35, 44, 3)]
    lab.json("data/devices.json", devices)
    lab.json("data/recordings.json", [{"filename": printable(name), "sessionId": 42} for name in text[44:48]])
    readings = [(f"2025-05-02T08:0{n}:00Z", f"zigbee2mqtt/{text[48 + n]}", {text[53 + n]: text[n]}) for n in range(5)]
    lab.zigbee_json(readings)
    lab.zigbee_csv(readings)
    return written


def write(path: Path, content: str) -> bool:
    """Write a file that does not exist yet; return False if its name is a folder's, a file's above it, or in use."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return False
    return True


def check_written(outcome: Any, *, as_json: bool) -> None:
    """Check that a command fails only as expected and writes no steering characters."""
    assert outcome.code == 0, outcome.err
    assert not RAW.search(outcome.out + outcome.err)
    if as_json:
        json.loads(outcome.out)


def check_unpacked(folder: Path, archive: zipfile.ZipFile) -> None:
    """Check that the folder contains exactly the members, each with its bytes."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    assert found == set(archive.namelist())
    for name in found:
        assert (folder / name).read_bytes() == archive.read(name)


def check_sources(root: Path, written: list[str], archive: zipfile.ZipFile) -> None:
    """Check that the metadata has the original name of every copied file, and that each file is in it or listed."""
    metadata = json.loads(archive.read("data/session_metadata.json"))
    lists = (metadata["recordings"], metadata["sessionFiles"], metadata["sensorFiles"])
    copied = {one["file"]: one for some in lists for one in some}
    assert {n for n in archive.namelist() if n.startswith(("recordings/", "data/session_files/"))} <= set(copied)
    originals: dict[str, list[bytes]] = {}
    for path in written:
        originals.setdefault(printable(path), []).append((root / path).read_bytes())
    for member, one in copied.items():
        assert archive.read(member) in originals[one["source"]], ascii(member)
    named = {one["source"] for one in copied.values()}
    named.update(at for one in copied.values() for at in one.get("alsoAt", ()))
    left_out = tuple(one["source"] for one in metadata["notTaken"])
    own = [shown for shown in originals if shown.startswith("sessions/Session42/")]
    assert [shown for shown in own if shown not in named and not shown.startswith(left_out)] == []


@pytest.mark.parametrize("seed", range(LABS))
def test_a_lab_of_hostile_names_is_exported_whole(lab: Any, cli: Any, tmp_path: Path, seed: int) -> None:
    """Commands write no control character; the archive verifies, unpacks everywhere, and has each original name."""
    written = fill(lab, seed)
    for command in COMMANDS:
        check_written(cli(*command, "--lab", lab.root), as_json="--json" in command)
    target = tmp_path / "out.zip"
    check_written(cli("export", "42", "-o", target, "--allow-incomplete", "--lab", lab.root), as_json=False)
    check_written(cli("verify", target), as_json=False)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(names)
        check_sources(lab.root, written, archive)
        archive.extractall(tmp_path / "python")
        check_unpacked(tmp_path / "python", archive)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "out.zip", "python"]
        if shutil.which("unzip") is None:
            pytest.skip("unzip is not installed: the archive was unpacked by Python alone")
        unzip = ["unzip", "-q", str(target), "-d", str(tmp_path / "unzip")]
        subprocess.run(unzip, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True)
        check_unpacked(tmp_path / "unzip", archive)
