"""The programs that labcrate is compared with: each packs a folder of recordings, uncompressed, into one file."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

Command = Callable[[Path, Path], Sequence[str]]
"""(folder to pack, file or folder to make) -> command."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program: what must be installed, its command, and the command that prints its version."""

    name: str
    needs: str
    command: Command
    version: Sequence[str] = ()
    line: int = 0

    def is_installed(self) -> bool:
        """Return whether the program can be run on this machine."""
        if not self.needs:
            return True
        return _distribution(self.needs) is not None if not self.version else shutil.which(self.needs) is not None

    def describe(self) -> str:
        """Return the program's version as it prints it."""
        if not self.needs:
            return f"{self.name} of Python {platform.python_version()}"
        if not self.version:
            return f"{self.needs} {_distribution(self.needs)}"
        output_lines = (
            subprocess.run(self.version, capture_output=True, text=True, check=False).stdout.strip().splitlines()
        )
        return output_lines[self.line].strip() if len(output_lines) > self.line else self.name


def _distribution(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def copy(folder: Path, target: Path) -> Sequence[str]:
    """Return the command ``cp -r``, the reference."""
    return ("cp", "-r", str(folder), str(target))


def copy_synced(folder: Path, target: Path) -> Sequence[str]:
    """Return ``cp -r`` followed by ``sync`` of its files: the copy survives a power cut, as an export does."""
    return ("sh", "-c", 'cp -r "$0" "$1" && find "$1" -type f -exec sync {} + && sync "$1"', str(folder), str(target))


def copy_and_crc32(folder: Path, target: Path) -> Sequence[str]:
    """Return ``cp -r`` with the CRC-32 of every file computed at the same time."""
    beside = '"$2" -m benchmarks.crc32 "$0" > /dev/null & cp -r "$0" "$1" && wait $!'
    return ("sh", "-c", beside, str(folder), str(target), sys.executable)


def copy_synced_and_crc32(folder: Path, target: Path) -> Sequence[str]:
    """Return the command of ``copy_and_crc32`` followed by ``sync``."""
    shell, option, beside, *arguments = copy_and_crc32(folder, target)
    return (shell, option, f'{beside} && find "$1" -type f -exec sync {{}} + && sync "$1"', *arguments)


def hash_and_copy(folder: Path, target: Path) -> Sequence[str]:
    """Return ``sha256sum`` of every file followed by ``cp -r``."""
    return (
        "sh",
        "-c",
        'find "$0" -type f -exec sha256sum {} + > /dev/null && cp -r "$0" "$1"',
        str(folder),
        str(target),
    )


def hash_and_copy_synced(folder: Path, target: Path) -> Sequence[str]:
    """Return the command of ``hash_and_copy`` followed by ``sync``."""
    shell, option, first, *arguments = hash_and_copy(folder, target)
    return (shell, option, f'{first} && find "$1" -type f -exec sync {{}} +', *arguments)


def _writer(kind: str) -> Command:
    return lambda folder, target: (sys.executable, "-m", "benchmarks.python_archivers", kind, str(folder), str(target))


ARCHIVERS = (
    Peer("zipstream-ng", "zipstream-ng", _writer("zipstream")),
    Peer(
        "bsdtar", "bsdtar",
        lambda f, t: ("bsdtar", "-c", "--format", "zip", "--options", "zip:compression=store", "-f", str(t), str(f)),
        ("bsdtar", "--version"),
    ),
    Peer("Python zipfile", "", _writer("zipfile")),
    Peer("7-Zip", "7z", lambda f, t: ("7z", "a", "-tzip", "-mx0", "-bso0", "-bsp0", str(t), str(f)), ("7z",), 0),
    Peer("zip -0 -r", "zip", lambda f, t: ("zip", "-0", "-r", "-q", str(t), str(f)), ("zip", "-v"), 1),
)  # fmt: skip

DUCKDB = Peer("DuckDB", "duckdb", lambda _, __: ())
NGINX = Peer("nginx", "nginx", lambda _, __: (), ("sh", "-c", "nginx -v 2>&1"))
COPY = Peer("cp", "cp", copy, ("cp", "--version"))
