"""Names that some system forbids: safe in the archive; plan, README and metadata have the lab's name."""

import json
import os
import re
import unicodedata
import zipfile
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from labcrate.archive.layout import name_problem
from labcrate.messages.text import printable

UNSAFE = re.compile('[<>:"\\\\|?*\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
FORBIDDEN = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$) *(?:\..*)?|\.git|autorun\.inf|.*[. ]", re.IGNORECASE)
NAMES = {
    "escape": "a\x1b[2J.txt",
    "C1 escape": "a\x9b31m.txt",
    "right to left": "a\u202etxt.exe",
    "isolate": "a\u2066b.txt",
    "line feed": "a\nState of this archive: complete.txt",
    "carriage return": "a\rb.txt",
    "bell": "a\x07.txt",
    "delete": "a\x7f.txt",
    "line separator": "a\u2028b.txt",
    "device": "CON",
    "device with suffix": "nul.txt",
    "device with superscript": "com¹.txt",
    "device before a space": "aux .txt",
    "console": "CONIN$",
    "autorun": "AutoRun.inf",
    "stream": "a:b",
    "drive": "C:",
    "quotes": 'a"b<c>d|e?f*g.txt',
    "backslashes": "b\\..\\c.txt",
    "trailing dot": "a.",
    "trailing space": "a ",
    "three dots": "b...",
    "not UTF-8": "a\udcff.txt",
    "decomposed": "cafe\u0301.txt",
    "255 bytes, Chinese, decomposed": "漢" * 83 + "e\u0301.x",
    "255 bytes, not UTF-8": "\udcff" * 255,
}
FOLDERS = {
    "git": ".git/config",
    "git in a folder": "b/.GIT/hooks/x",
    "device": "con/a",
    "dots": "b./c ./d",
    "escape": "\x1b/a",
}
SAFE = {
    "leading dash": "-rf.txt",
    "formula": "=cmd|x'.csv".replace("|", "+"),
    "joiner": "👩\u200d🔬.txt",
    "one percent": "%2e%2e%2f.txt",
    "255 bytes": "x" * 251 + ".txt",
    "deep": "d/" * 100 + "x.txt",
}  # fmt: skip


def export(lab: Any, cli: Any, target: Path) -> tuple[dict[str, Any], str, str, dict[str, bytes]]:
    """Export session 42 and return its metadata, README, the plan's text and all members with their bytes."""
    plan = cli("plan", "42", "--lab", lab.root).out
    outcome = cli("export", "42", "-o", target, "--lab", lab.root)
    assert outcome.code == 0, outcome.err
    assert cli("verify", target).code == 0
    with zipfile.ZipFile(target) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members["data/session_metadata.json"]), members["README.txt"].decode(), plan, members


def check_safe(member: str) -> None:
    """Assert that every system can store a member's name."""
    assert name_problem(member) is None
    assert not UNSAFE.search(member)
    assert member == unicodedata.normalize("NFC", member)
    for part in member.split("/"):
        assert not FORBIDDEN.fullmatch(part)
        assert PureWindowsPath(part).name == part
        assert len(part.encode()) <= 255


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_forbidden_name_gets_a_safe_one_and_is_said(usual_lab: Any, cli: Any, tmp_path: Path, name: str) -> None:
    """A file or recording with such a name gets a safe one in the archive; a warning has its name in the lab."""
    stem = os.fsdecode(os.fsencode(name)[:240])
    file, video = f"sessions/Session42/{name}", f"sessions/Session42/recordings/{stem}.mp4"
    usual_lab.write(file, "file")
    usual_lab.recording(video, content=usual_lab.clip + b"1")
    metadata, readme, plan, members = export(usual_lab, cli, tmp_path / "out.zip")
    members_by_source = {one["source"]: one["file"] for one in (*metadata["sessionFiles"], *metadata["recordings"])}
    for path in (file, video):
        member = members_by_source[printable(path)]
        check_safe(member)
        assert members[member] == (usual_lab.root / path).read_bytes()
    assert members_by_source[printable(file)] != f"data/session_files/{name}"
    assert f"from {printable(video)}" in plan
    if members_by_source[printable(video)] != f"recordings/{unicodedata.normalize('NFC', stem)}.mp4":
        said = words(f"is named {printable(f'{stem}.mp4')} in the lab")
        assert said in words(plan)
        assert said in words(readme)


def words(text: str) -> str:
    """Return a text without its line breaks and indents."""
    return " ".join(text.split())


@pytest.mark.parametrize("below", FOLDERS.values(), ids=FOLDERS.keys())
def test_a_forbidden_folder_gets_a_safe_name(usual_lab: Any, cli: Any, tmp_path: Path, below: str) -> None:
    """A folder with a forbidden name gets another one in the archive, or is hidden and listed as left out."""
    usual_lab.write(f"sessions/Session42/{below}", "file")
    metadata, _, _, members = export(usual_lab, cli, tmp_path / "out.zip")
    source = printable(f"sessions/Session42/{below}")
    found = [one for one in metadata["sessionFiles"] if one["source"] == source]
    for one in found:
        check_safe(one["file"])
        assert members[one["file"]] == b"file"
    assert found or [one for one in metadata["notTaken"] if source.startswith(one["source"])]


@pytest.mark.parametrize("below", SAFE.values(), ids=SAFE.keys())
def test_what_every_system_can_hold_stays(usual_lab: Any, cli: Any, tmp_path: Path, below: str) -> None:
    """Leading dashes, formulas, joiners, percent signs, long names and deep folders are names like any other."""
    usual_lab.write(f"sessions/Session42/{below}", "file")
    _, _, _, members = export(usual_lab, cli, tmp_path / "out.zip")
    assert members[f"data/session_files/{below}"] == b"file"


def test_names_that_are_one_elsewhere_are_kept_apart(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Files that differ in case, in Unicode form or in replaced characters are all packed, each with its source."""
    names = [
        "café",
        "cafe\u0301",
        "CAFÉ",
        "a:b",
        "a_b",
        "A?b",
        "x.",
        "x_",
        "straße",
        "STRASSE",
        "\u212b",
        "Å",
        "K",
        "\u212a",
    ]
    for name in names:
        usual_lab.write(f"sessions/Session42/{name}", ascii(name))
    metadata, _, _, members = export(usual_lab, cli, tmp_path / "out.zip")
    members_by_source = {one["source"]: one["file"] for one in metadata["sessionFiles"]}
    assert {members[members_by_source[f"sessions/Session42/{printable(name)}"]] for name in names} == {
        ascii(n).encode() for n in names
    }
    folded = [unicodedata.normalize("NFC", member).casefold() for member in members]
    assert len(set(folded)) == len(folded)
