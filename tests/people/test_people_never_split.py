"""A lab never gets a second database of people: the server refuses to start, and an export warns."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

import labcrate
from labcrate.errors import PeopleError
from labcrate.export.people_folder import open_people, refuse_split
from labcrate.index.state_folder import STATE_FOLDER, user_state_folder
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, ExportLogLine
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users

if TYPE_CHECKING:
    from tests.conftest import Clear, LabBuilder
    from tests.support.processes import Command

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
NOBODY = 65_534


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a state folder of the user, for the test and the commands that it runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def populated(usual_lab: "LabBuilder", own_state: Path) -> Iterator[Path]:
    """Yield the ``.labcrate/`` folder of a lab with an administrator, and make it deletable afterwards."""
    folder = usual_lab.root / STATE_FOLDER
    folder.mkdir()
    populate(folder)
    yield folder
    if not folder.is_symlink():
        folder.chmod(0o700)


def populate(folder: Path) -> None:
    """Add an administrator to the people of a folder."""
    with PeopleDatabase.open(folder) as database:
        Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST))).add("Ana", Role.ADMIN, "correct horse")


def log_of(folder: Path) -> list[ExportLogLine]:
    """Return the lines of the export log in a folder."""
    with PeopleDatabase.open(folder) as database, ExportLog(database) as log:
        return log.lines()


def damage(folder: Path) -> None:
    """Put in the place of the file what no database is."""
    (folder / "people.db").write_bytes(b"x" * 5000)


def leave_journal(folder: Path) -> None:
    """Leave of the file nothing but its write-ahead log."""
    (folder / "people.db").rename(folder / "people.db-wal")


def shut(folder: Path) -> None:
    """Remove all permissions of the folder."""
    folder.chmod(0)


def lock_up(folder: Path) -> None:
    """Remove all permissions of the file."""
    (folder / "people.db").chmod(0)


def forbid_writing(folder: Path) -> None:
    """Make the file read-only."""
    (folder / "people.db").chmod(0o400)


def lead_elsewhere(folder: Path) -> None:
    """Move the folder away, and leave a symbolic link to it."""
    folder.rename(folder.parent.parent / "moved")
    folder.symlink_to(folder.parent.parent / "moved")


def give_away(folder: Path) -> None:
    """Give folder and file to another user, and remove the permissions of all others."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files to another user")
    for path in (folder / "people.db", folder):
        os.chown(path, NOBODY, NOBODY)


SPOILT = [damage, leave_journal, shut, lock_up, forbid_writing, lead_elsewhere, give_away]
REMEDIES: dict[Callable[[Path], None], str] = {
    damage: "restore it from your backup",
    leave_journal: "restore it from your backup",
    lead_elsewhere: "replace the link by that folder itself",
}


@pytest.mark.thorough
@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize("spoil", SPOILT)
def test_people_that_cannot_be_used_are_not_replaced(
    command: "Command", clear: "Clear", populated: Path, own_state: Path, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    """The server stops with an error; an export succeeds with a warning and logs in the state folder."""
    spoil(populated)
    lab = populated.parent
    refused = command("serve", "--lab", lab, "--port", "0", denied=True, timeout=60)
    clear(refused, PeopleError.exit_code, "people.db", REMEDIES.get(spoil, "labcrate as the user who owns the file"))
    assert "setup" not in refused.stdout
    assert list(own_state.rglob("people.db")) == []
    made = command("export", "42", "--lab", lab, "-o", tmp_path / "out.zip", denied=True)
    assert made.returncode == 0
    assert made.stderr.startswith("labcrate: warning: The export log has no entry for this export, but your own log")
    assert made.stderr.count("\n") == 1
    (line,) = log_of(user_state_folder(lab))
    assert (line.session, line.outcome, line.bytes_sent) == ("42", "finished", (tmp_path / "out.zip").stat().st_size)


@pytest.mark.thorough
def test_a_lab_remounted_read_only_keeps_its_people(
    command: "Command", clear: "Clear", namespace: list[str], populated: Path, own_state: Path, tmp_path: Path
) -> None:
    """The server refuses with the remedy, an export warns; mounted as before, the people are unchanged."""
    lab = populated.parent
    mounted = [*namespace, "sh", "-c", READ_ONLY, str(lab)]
    refused = command("serve", "--lab", lab, "--port", "0", before=mounted, timeout=60)
    clear(refused, PeopleError.exit_code, "people.db", "read-only file system", "Make the lab's file system writable")
    assert list(own_state.rglob("people.db")) == []
    made = command("export", "42", "--lab", lab, "-o", tmp_path / "out.zip", before=mounted)
    assert (made.returncode, len(log_of(user_state_folder(lab)))) == (0, 1)
    assert "The export log has no entry for this export, but your own log" in made.stderr
    again = command("user", "list", "--json", "--lab", lab)
    assert [one["name"] for one in json.loads(again.stdout)] == ["Ana"]
    assert log_of(populated) == []


def test_python_warns_of_a_line_that_is_elsewhere(populated: Path, tmp_path: Path) -> None:
    """The Python API warns as the command does, and the log in the state folder has the line."""
    damage(populated)
    with pytest.warns(UserWarning, match=r"has no entry for this export, but your own log, .*people\.db"):
        labcrate.Lab(populated.parent).export(42, tmp_path / "out.zip")
    assert [line.via for line in log_of(user_state_folder(populated.parent))] == ["Python"]


def test_a_log_that_nobody_takes_is_said(populated: Path, own_state: Path, tmp_path: Path) -> None:
    """If the log in the state folder cannot be written either, the warning says that there is no entry."""
    damage(populated)
    own_state.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"The export log has no entry for this export\. people\.db"):
        labcrate.Lab(populated.parent).export(42, tmp_path / "out.zip")
    assert (tmp_path / "out.zip").exists()


@pytest.mark.thorough
def test_a_lab_that_was_read_only_from_the_beginning_goes_on(
    command: "Command", namespace: list[str], usual_lab: "LabBuilder", own_state: Path, tmp_path: Path
) -> None:
    """Its people and log are in the user's state folder; the server and the export say so."""
    mounted = [*namespace, "sh", "-c", READ_ONLY, str(usual_lab.root)]
    made = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", before=mounted)
    assert (made.returncode, made.stderr) == (0, "")
    assert "this export was logged in your own state folder" in made.stdout
    words = [sys.executable, "-m", "labcrate", "serve", "--lab", str(usual_lab.root), "--port", "0", "--json"]
    environment = os.environ | {"XDG_STATE_HOME": str(own_state)}
    with subprocess.Popen([*mounted, *words], stdout=subprocess.PIPE, env=environment) as server:
        try:
            assert server.stdout
            told: dict[str, Any] = json.loads(server.stdout.readline())
        finally:
            server.terminate()
    assert "own state folder" in told["warning"]
    assert told["setupUrl"]
    assert not (usual_lab.root / STATE_FOLDER).exists()


def test_people_of_the_state_folder_stay_when_the_lab_can_be_written(usual_lab: "LabBuilder", own_state: Path) -> None:
    """A lab that was read-only keeps its people in the state folder when it becomes writable."""
    assert own_state.name
    own = user_state_folder(usual_lab.root)
    own.mkdir(parents=True)
    populate(own)
    with open_people(usual_lab.root) as people:
        assert Users(people).has_admin()
    assert not (usual_lab.root / STATE_FOLDER / "people.db").exists()


def test_two_files_of_people_are_refused(usual_lab: "LabBuilder", populated: Path) -> None:
    """Administrators in the state folder are not ignored in favour of a file in the lab without any."""
    own = user_state_folder(usual_lab.root)
    own.mkdir(parents=True)
    populate(own)
    with open_people(usual_lab.root) as people:
        refuse_split(usual_lab.root, people)
    for file in populated.glob("people.db*"):
        file.unlink()
    PeopleDatabase.open(populated).close()
    with open_people(usual_lab.root) as people, pytest.raises(PeopleError, match="Move one of them away"):
        refuse_split(usual_lab.root, people)


WHILE_IT_RUNS = """
import json, subprocess, sys, urllib.error, urllib.request
lab, token = sys.argv[1:]
words = [sys.executable, "-m", "labcrate", "serve", "--lab", lab, "--port", "0", "--json"]
server = subprocess.Popen(words, stdout=subprocess.PIPE)
url = json.loads(server.stdout.readline())["url"]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(path, token=token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with opener.open(urllib.request.Request(url + path, headers=headers)) as answer:
            return answer.status, answer.url, bool(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, "", False
archive = "api/sessions/42/archive.zip"
answers = [ask(archive)]
subprocess.run(["mount", "--bind", lab, lab], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", lab], check=True)
answers += [ask(archive) for _ in range(4)]
page = ask("", token=None)
again = subprocess.run(words, capture_output=True, text=True)
server.terminate()
ended = server.wait()
print(json.dumps({"answers": answers, "page": page, "again": [again.returncode, again.stdout], "ended": ended}))
"""


@pytest.mark.thorough
def test_a_lab_remounted_while_the_server_runs(
    namespace: list[str], populated: Path, own_state: Path, tmp_path: Path
) -> None:
    """Each download is logged in the lab or refused; no page offers a new setup; no restart is needed."""
    with PeopleDatabase.open(populated) as database:
        _, token = Tokens(database).add(Users(database).get("Ana"), "test", 1)
    ran = subprocess.run(
        [*namespace, sys.executable, "-c", WHILE_IT_RUNS, str(populated.parent), token],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_STATE_HOME": str(own_state)},
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    statuses = [status for status, _, _ in told["answers"]]
    assert statuses[0] == 200
    assert set(statuses) <= {200, 503}
    assert "/setup" not in told["page"][1]
    assert told["again"] == [PeopleError.exit_code, ""]
    assert told["ended"] == 0
    assert "Traceback" not in ran.stderr
    assert len(log_of(populated)) == statuses.count(200)
    assert list(own_state.rglob("people.db")) == []


def test_no_warning_where_all_is_well(populated: Path, tmp_path: Path) -> None:
    """An export with a writable log gives no warning, and leaves no files in the state folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labcrate.Lab(populated.parent).export(42, tmp_path / "out.zip")
    assert len(log_of(populated)) == 1
    assert not user_state_folder(populated.parent).exists()
