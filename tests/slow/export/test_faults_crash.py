"""kill -9 in the middle: the lab is untouched, the next run succeeds, and nothing is left of the one that died.

The moments are chosen by progress, not by time: a file that Python loads at start-up counts the
process's dealings with the system (opening, writing, copying, syncing, renaming) and ends it with
SIGKILL at one of them. ``LABCRATE_FAULT_ROUNDS`` sets how many moments are tried.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROUNDS = int(os.environ.get("LABCRATE_FAULT_ROUNDS", "5"))

COUNTER = """
import os, signal, sys

_limit, _count, _log = int(os.environ["DIE_AT"]), 0, os.environ["DIE_LOG"]
_own, _signal, _kind = os.environ["DIE_IN"], int(os.environ["DIE_OF"]), os.environ["DIE_ON"]


def _deal(what):
    global _count
    if _kind and what != _kind:
        return
    _count += 1
    if _count == _limit:
        os.kill(os.getpid(), _signal)


def _audit(event, arguments):
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.truncate",
                 "fcntl.flock", "sqlite3.connect", "sqlite3.connect/handle", "os.listdir", "os.scandir"):
        if _started(arguments):
            _deal(event)


def _started(arguments, seen=[]):
    # Counted from the first call about the lab: calls of the start of Python do not matter.
    if not seen and arguments and isinstance(arguments[0], (str, bytes)) and _own in os.fsdecode(arguments[0]):
        seen.append(True)
    return bool(seen)


def _counted(name):
    real = getattr(os, name)

    def dealing(*arguments, **options):
        if name == "write" and len(arguments[1]) > 65536:
            arguments = (arguments[0], arguments[1][:65536])  # a large write is split into many calls
        elif name == "copy_file_range":
            arguments = (*arguments[:2], min(arguments[2], 262144))
        _deal(name)
        return real(*arguments, **options)

    setattr(os, name, dealing)


for name in ("write", "copy_file_range", "sendfile", "fsync", "ftruncate", "pread"):
    if hasattr(os, name):
        _counted(name)
sys.addaudithook(_audit)
if _signal != signal.SIGKILL:  # a test run in the background may have been started with these ignored
    signal.signal(_signal, signal.default_int_handler if _signal == signal.SIGINT else signal.SIG_DFL)

import atexit


@atexit.register
def _tell():
    with open(_log, "w") as log:
        log.write(str(_count))
"""


@pytest.fixture
def mortal(tmp_path: Path, command: Any) -> Any:
    """Run a command that gets a signal at its n-th system call (``on``: of that kind), or never at 0."""
    (tmp_path / "counter").mkdir()
    (tmp_path / "counter/sitecustomize.py").write_text(COUNTER)

    def run(at: int, *words: Any, of: int = signal.SIGKILL, on: str = "") -> Any:
        path = os.pathsep.join(filter(None, [str(tmp_path / "counter"), os.environ.get("PYTHONPATH")]))
        env = {"PYTHONPATH": path, "DIE_AT": str(at), "DIE_OF": str(int(of)), "DIE_ON": on,
               "DIE_IN": str(tmp_path / "lab"), "DIE_LOG": str(tmp_path / "count")}  # fmt: skip
        return command(*words, env=env)

    return run


@pytest.fixture
def large_lab(usual_lab: Any) -> Any:
    """Return the usual lab with recordings large and small, and readings whose documents are kept on disk meanwhile."""
    choice = random.Random(3)  # noqa: S311 - repeatable on purpose
    for number, size in enumerate([3_000_000, 700_000, *[9_000] * 20]):
        usual_lab.recording(f"recordings/cam1_session42_{number}.mp4", content=choice.randbytes(size))
    payload = {"temperature": 21.5, "note": "x" * 400}
    times = [f"2025-05-02T08:{m:02}:{s:02}.{ms:03}Z" for m in range(5) for s in range(60) for ms in range(0, 1000, 100)]
    usual_lab.zigbee_json([(time, "zigbee2mqtt/hall", payload) for time in times])
    return usual_lab


def dealings(outcome: Any, tmp_path: Path) -> int:
    """Return the number of system calls of a whole run."""
    assert outcome.returncode == 0, outcome.stderr
    return int((tmp_path / "count").read_text())


def _export(lab: Any) -> tuple[Any, ...]:
    # One worker, so that the order of calls is the same in every run.
    return ("export", "42", "--lab", lab.root, "--workers", "1", "-o")


def moments(count: int, seed: int) -> list[int]:
    """Return one random moment in each part of the run, as many as there are rounds."""
    choice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return [1 + int((i + choice.random()) * count / ROUNDS) for i in range(ROUNDS)]


def clean(lab: Any) -> bool:
    """Return whether labcrate's own folder holds no document of an export."""
    return not [path for path in (lab.root / ".labcrate").iterdir() if path.name.startswith(("document", "spool"))]


@pytest.mark.parametrize("force", [False, True])
def test_kill_9_while_exporting(
    mortal: Any, cli: Any, large_lab: Any, tmp_path: Path, snapshot: Any, force: bool
) -> None:
    """Wherever it dies, there is no target or the old one; the next run leaves the whole archive and no rest."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    target, words = outputs / "out.zip", _export(large_lab)
    count = dealings(mortal(0, *words, outputs / "whole.zip"), tmp_path)
    whole = (outputs / "whole.zip").read_bytes()
    (outputs / "whole.zip").unlink()
    before = snapshot(large_lab.root)
    died = 0
    for at in moments(count, seed=int(force)):
        if at % 2:
            (large_lab.root / ".labcrate/index.db").unlink(missing_ok=True)
        if force:
            target.write_bytes(b"the archive of last week")
        code = mortal(at, *words, target, *(["--force"] if force else [])).returncode
        died += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL)
        if target.exists() and not (force and target.read_bytes() == b"the archive of last week"):
            assert target.read_bytes() == whole  # it was killed after the renaming
        assert {path.name for path in outputs.iterdir()} <= {"out.zip", "out.zip.part"}
        assert snapshot(large_lab.root) == before
        assert cli(*words, target, "--force").code == 0
        assert target.read_bytes() == whole
        assert [path.name for path in outputs.iterdir()] == ["out.zip"]
        assert clean(large_lab)
        assert snapshot(large_lab.root) == before
        target.unlink()
    print(f"killed {died} times in {ROUNDS} rounds")
    assert died >= ROUNDS * 3 // 4


def test_kill_9_while_indexing(mortal: Any, cli: Any, large_lab: Any, tmp_path: Path, snapshot: Any) -> None:
    """Wherever indexing dies, the index is whole or is built again: the next export verifies."""
    words = ("index", "--lab", large_lab.root, "--workers", "1")
    count = dealings(mortal(0, *words), tmp_path)
    before = snapshot(large_lab.root)
    died = 0
    for at in moments(count, seed=5):
        (large_lab.root / ".labcrate/index.db").unlink(missing_ok=True)
        code = mortal(at, *words).returncode
        died += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL)
        assert cli("export", "42", "--lab", large_lab.root, "-o", tmp_path / "out.zip", "--force").code == 0
        assert cli("verify", tmp_path / "out.zip").code == 0
        assert snapshot(large_lab.root) == before
    print(f"killed {died} times in {ROUNDS} rounds")
    assert died >= ROUNDS * 3 // 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_polite_end_leaves_nothing(usual_lab: Any, mortal: Any, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, a closed terminal and a shutdown end the export without a part, a temporary file or a traceback."""
    (tmp_path / "outputs").mkdir()
    outcome = mortal(1, *_export(usual_lab), tmp_path / "outputs/out.zip", of=number, on="fsync")
    assert outcome.returncode == 130
    assert outcome.stderr == "labcrate: Stopped. No partial files are left.\n"
    assert list((tmp_path / "outputs").iterdir()) == []
    assert clean(usual_lab)


def test_kill_9_leaves_no_documents(cli: Any, mortal: Any, large_lab: Any, tmp_path: Path, clean_temp: Path) -> None:
    """Documents too large for memory have no name, so that also kill -9 while they are packed leaves none behind."""
    words = _export(large_lab)
    assert cli(*words, tmp_path / "whole.zip").code == 0
    sizes = {part.filename: part.file_size for part in zipfile.ZipFile(tmp_path / "whole.zip").infolist()}
    assert max(sizes["data/zigbee-data.json"], sizes["data/zigbee-sensors.csv"]) > 1 << 20
    outcome = mortal(1, *words, tmp_path / "out.zip", on="fsync")
    assert outcome.returncode == -signal.SIGKILL
    assert clean(large_lab)
    assert list(clean_temp.iterdir()) == []


@pytest.fixture
def clean_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that commands take for the system's temporary one."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_documents_with_a_name_are_swept(cli: Any, usual_lab: Any) -> None:
    """Where a file had a name for a moment and a crash came, it is gone an hour later; one just made is left alone."""
    state = usual_lab.root / ".labcrate"
    state.mkdir()
    for name, age in (("document-old", 7200), ("document-young", 0), ("mine-old", 7200)):
        (state / name).write_text("document")
        os.utime(state / name, (time.time() - age,) * 2)
    assert cli("plan", "42", "--lab", usual_lab.root).code == 0
    left = {path.name for path in state.iterdir()}
    assert left & {"document-old", "document-young", "mine-old"} == {"document-young", "mine-old"}


def test_what_an_earlier_version_left(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """Of an earlier version's folders those of dead exports are removed, not one in use, nor what has another name."""
    spool = usual_lab.root / ".labcrate/spool"
    for name in ("run-dead", "run-unlocked", "run-alive", "mine"):
        (spool / name).mkdir(parents=True)
        (spool / name / "001").write_text("document")
    (spool / "run-dead/lock").touch()
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(spool / "run-alive/lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as alive:
        assert alive.stdout
        alive.stdout.readline()
        assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip").code == 0
        assert sorted(path.name for path in spool.iterdir()) == ["mine", "run-alive"]
    assert cli("plan", "42", "--lab", usual_lab.root).code == 0
    assert sorted(path.name for path in spool.iterdir()) == ["mine"]
    shutil.rmtree(spool / "mine")
    assert cli("plan", "42", "--lab", usual_lab.root).code == 0
    assert clean(usual_lab)


@pytest.mark.parametrize("kind", ["os.rename", "os.remove"])
def test_a_killed_export_leaves_no_signature_beside_another_archive(
    usual_lab: Any, cli: Any, mortal: Any, tmp_path: Path, kind: str
) -> None:
    """Killed at each rename or removal of a file: a signature is never beside another ZIP than its own."""
    key = cli("keygen", "--lab", usual_lab.root, "--json").json["publicKey"]
    target = tmp_path / "out.zip"
    words = (*_export(usual_lab), target, "--sign", "--force")
    assert cli(*words).code == 0
    killed, at = 0, 1
    while at == killed + 1:  # until a run has no such moment left
        usual_lab.session(42, name=f"Morning {at}")  # so that the existing signature is of another archive
        killed += mortal(at, *words, on=kind).returncode == -signal.SIGKILL
        at += 1
        assert cli("verify", target).code == 0 or not target.exists()
        if target.with_name("out.zip.minisig").exists():
            assert cli("verify", target, "--key", key).code == 0
    assert killed
    assert cli(*words).code == 0
    assert cli("verify", target, "--key", key).code == 0
    kept = {"lab", "counter", "count", "out.zip", "out.zip.minisig", "state"}
    assert {path.name for path in tmp_path.iterdir()} <= kept
