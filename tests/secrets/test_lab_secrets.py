"""Secrets are read from every file of the lab that contains some, and a broken file hides no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from labcrate.lab.folder import LabFolder
from labcrate.secrets.lab_secrets import WordSearch, read_secrets, secret_file_paths

CANARY = "Users-Are-Never-Read"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a lab of two users whose files contain a secret each, and return its folder."""
    for folder in ("data/user_1", "data/user_2", "sessions/Session7", "recordings"):
        (tmp_path / folder).mkdir(parents=True)
    put(tmp_path, "data/cameras.json", {"1": {"password": "Top-Camera-1", "ipAddress": "192.0.2.1"}})
    put(tmp_path, "data/user_2/cameras.json", {"2": {"password": "User-Camera-2", "ipAddress": "192.0.2.2"}})
    put(tmp_path, "data/user_2/sessions.json", {"7": {"notes": "rtsp://u:Notes-Pass-3@192.0.2.1/x"}})
    put(tmp_path, "sessions/Session7/session_data.json", {"labInfo": {"password": "Folder-Pass-4"}})
    put(tmp_path, "data/users.json", [{"password": CANARY}])
    put(tmp_path, "data/user_1/users.json", [{"password": CANARY}])
    info = {"mqtt": {"password": "Bridge-Pass-5"}}
    put(tmp_path, "data/zigbee-data.json", {"messages": {"z/bridge/info": [{"payload": json.dumps(info)}]}})
    (tmp_path / "data/zigbee-sensors.csv").write_text(
        "timestamp,topic,device_id,payload\n"
        '"t","z/door","door","{""contact"":true}"\n'
        '"t","z/bridge/info","","{""frontend"":{""auth_token"":""Table-Token-6""}}"\n'
        '"t","z/lock","lock","{""pin_code"":""4711""}"\n',
        encoding="utf-8",
    )
    return tmp_path


def put(root: Path, path: str, value: Any) -> None:
    """Write a JSON file of the lab."""
    (root / path).write_text(json.dumps(value), encoding="utf-8")


STRONG = {
    "Top-Camera-1", "User-Camera-2", "Notes-Pass-3", "Folder-Pass-4", "Bridge-Pass-5", "Table-Token-6",
    "192.0.2.1", "192.0.2.2",
}  # fmt: skip


def test_every_file_gives_its_secrets(root: Path) -> None:
    """Cameras of the lab and of each user, notes, session folders, the bridge in JSON and table are all read."""
    read = read_secrets(LabFolder(root))
    assert {secret.value for secret in read.secrets.strong} == STRONG
    assert {secret.value for secret in read.secrets.weak} == {"4711"}
    assert read.problems == ()
    assert not any("users.json" in path for path in secret_file_paths(LabFolder(root)))


def test_a_large_register_is_read_where_it_holds_something(root: Path) -> None:
    """A large file is parsed only if the quick search finds that it may contain a secret."""
    rows = [{"timestamp": "t", "payload": {"temperature": 21.5, "n": i}} for i in range(9000)]
    messages = {"z/t": rows, "z/bridge/info": [{"payload": {"mqtt": {"password": "Bridge-Pass-5"}}}]}
    put(root, "data/zigbee-data.json", {"messages": messages})
    assert (root / "data/zigbee-data.json").stat().st_size > 256 * 1024
    assert {secret.value for secret in read_secrets(LabFolder(root)).secrets.strong} == STRONG


@pytest.mark.parametrize(
    "path", ["data/user_2/cameras.json", "data/recordings.json", "sessions/Session7/session_data.json"]
)
def test_a_broken_file_is_a_problem_and_hides_no_other(root: Path, path: str) -> None:
    """A half-written file is a problem, and the secrets of the other files are found."""
    text = (root / path).read_bytes() if (root / path).exists() else b'{"1": {"filePath": "a"}}'
    (root / path).write_bytes(text[:-3])
    read = read_secrets(LabFolder(root))
    assert [problem.file for problem in read.problems] == [path]
    assert {"Top-Camera-1", "Notes-Pass-3"} <= {secret.value for secret in read.secrets.strong}
    assert not any(value in str(problem) for problem in read.problems for value in STRONG)


def test_messages_one_a_line_are_read_as_well(root: Path) -> None:
    """Readings may be one message a line, the last one cut short: the bridge's secrets are found without a problem."""
    lines = [
        {"topic": "z/t", "payload": {"n": 1}},
        {"topic": "z/bridge/info", "payload": {"password": "Bridge-Pass-5"}},
    ]
    (root / "data/zigbee-data.json").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"topic": "z/')
    read = read_secrets(LabFolder(root))
    assert "Bridge-Pass-5" in {secret.value for secret in read.secrets.strong}
    assert read.problems == ()


@pytest.mark.parametrize(
    "row",
    [
        '"t","z/do\ror","d\roor",{"n": "{0}"}\n',
        't,z/bri\rdge/info,x\r,"{""password"":""Bridge-Pass-9""}"\n',
        't,z/bridge/info,,"{""devices"":""{0}"",""password"":""Bridge-Pass-9""}"\r\n',
        't,z/bridge/info,,"{""password"":\r""Bridge-Pass-9""}"\n',
    ],
    ids=["unquoted", "unquoted topic", "200 kB", "between words"],
)
def test_no_row_of_the_table_stops_reading(root: Path, row: str) -> None:
    """Carriage returns outside quotes and messages longer than 128 KiB are read; they used to stop every command."""
    header = "timestamp,topic,device_id,payload\n"
    text = header + 't,z/x,,"{""password"":""Table-Pass-0""}"\n' + row.replace("{0}", "password" * 25_000)
    (root / "data/zigbee-sensors.csv").write_text(text, encoding="utf-8", newline="")
    read = read_secrets(LabFolder(root))
    values = {secret.value for secret in read.secrets.strong}
    assert "Table-Pass-0" in values
    assert ("Bridge-Pass-9" in values) == ("Bridge-Pass-9" in row)
    assert read.problems == ()


def test_only_what_changed_is_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in the same state are not opened again, and the result is the same as when all are read."""
    before = read_secrets(LabFolder(root))
    put(root, "data/user_2/cameras.json", {"5": {"password": "Another-Pass-8"}})
    opened: list[str] = []
    read = LabFolder.read

    def noting(lab: LabFolder, path: str) -> bytes | None:
        opened.append(path)
        return read(lab, path)

    monkeypatch.setattr(LabFolder, "read", noting)
    again = read_secrets(LabFolder(root), before)
    assert opened == ["data/user_2/cameras.json"]
    assert again.secrets == read_secrets(LabFolder(root)).secrets
    assert "Another-Pass-8" in {secret.value for secret in again.secrets.strong}


def test_links_are_named_and_not_followed(root: Path) -> None:
    """A symbolic link in the place of a file with secrets is a problem."""
    elsewhere = root / "elsewhere.json"
    elsewhere.write_text(json.dumps({"9": {"password": "Behind-A-Link-9"}}), encoding="utf-8")
    (root / "data/user_1/cameras.json").symlink_to(elsewhere)
    read = read_secrets(LabFolder(root))
    assert [problem.file for problem in read.problems] == ["data/user_1/cameras.json"]
    assert {secret.value for secret in read.secrets.strong} == STRONG


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_a_table_of_any_dialect(root: Path, encoding: str) -> None:
    """The table of a spreadsheet is read as well."""
    text = 'timestamp;topic;payload\nt;z/bridge/info;"{""password"":""Küchen-Pass""}"\n'
    (root / "data/zigbee-sensors.csv").write_bytes(text.encode(encoding))
    assert "Küchen-Pass" in {secret.value for secret in read_secrets(LabFolder(root)).secrets.strong}


@pytest.mark.parametrize("word", ["installed_version", "InstalledVersion", "INSTALLED", "install_code", "Install Code"])
def test_an_installed_version_is_no_word_of_a_secret(word: str) -> None:
    """The search for words finds an install code among any number of installed versions, and these nowhere."""
    search = WordSearch([b"nstall", b"NSTALL", b"Nstall", b"pin"])
    text = f'{{"installed_version":1,"{word}":2,"INSTALLED_ON":3}}'.encode() * 3
    found = {text[place - 1 : place + 8] for place in search.positions(text)}
    assert found == ({word.encode()[:9]} if "ed" not in word.lower() else set())


def test_a_lab_without_anything(tmp_path: Path) -> None:
    """A lab with recordings only has no secrets and no problems."""
    (tmp_path / "recordings").mkdir()
    read = read_secrets(LabFolder(tmp_path))
    assert (read.secrets.strong, read.secrets.weak, read.problems) == ((), (), ())
