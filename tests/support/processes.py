"""Fixtures for tests that inject faults: the real command in its own process, and a lab's exact state."""

import ctypes
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _PR_CAPBSET_DROP = 1, 2, 24

Snapshot = Callable[[Path], dict[str, tuple[object, ...]]]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def snapshot() -> Snapshot:
    """Return a function that returns the state of everything below a folder except labcrate's own files.

    The state of a file is its kind, mode, times, and hash or target.
    """

    def take(root: Path) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(root.rglob("*")):
            if ".labcrate" in path.relative_to(root).parts:
                continue
            state = path.lstat()
            content = ""
            if stat.S_ISREG(state.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            # Times of folders are ignored: they change when .labcrate is made. Their entries are compared.
            when = 0 if stat.S_ISDIR(state.st_mode) else state.st_mtime_ns
            found[str(path.relative_to(root))] = (state.st_mode, when, state.st_ino, content)
        return found

    return take


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Return a function that runs the real command in its own process; a traceback fails the test.

    ``denied``: file permissions count, also for root. ``before`` are words put before the command.
    """

    def run(
        *arguments: str | bytes | Path,
        denied: bool = False,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), **(env or {})}
        outcome = subprocess.run(
            [*before, sys.executable, "-m", "labcrate", *arguments],
            env=environment,
            preexec_fn=_drop_root_privileges if denied else options.pop("preexec_fn", None),
            capture_output="stdout" not in options,
            text=True,
            errors="surrogateescape",
            check=False,
            **options,
        )
        assert "Traceback" not in (outcome.stderr or "")
        return outcome

    return run


@pytest.fixture(scope="session")
def permissions() -> None:
    """Skip the test if this user's processes cannot be made to obey file permissions."""
    if os.geteuid() != 0:
        return
    try:
        subprocess.run([sys.executable, "-c", ""], preexec_fn=_drop_root_privileges, check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("runs as root, and may not give up root's power to open every file")


def _drop_root_privileges() -> None:
    """Drop the capabilities that let root open every file; root is then the owner of its files like any user."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "the capability cannot be dropped")


@pytest.fixture(scope="session")
def namespace() -> list[str]:
    """Return the words that run a command with its own mounts, which end with it; skip if that is not allowed."""
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        probe = [*words, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        try:
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return words
        except OSError:
            break
    pytest.skip("mounting is not allowed here, neither as this user nor in a user namespace of its own")
