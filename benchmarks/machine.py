"""The machine and the versions that figures were measured with."""

import os
import platform
from importlib import metadata
from pathlib import Path


def describe_software() -> str:
    """Return the versions of labcrate, Python and the system."""
    return f"labcrate {metadata.version('labcrate')}, Python {platform.python_version()}, {platform.platform()}"


def describe_hardware(folder: Path) -> str:
    """Return cores, memory, the file system of a folder, and the load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {_file_system(folder)}, "
        f"load before the start {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _file_system(folder: Path) -> str:
    """Return the type of the file system of a folder."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "file system unknown"
    return max((m for m in mounts if folder.is_relative_to(m[0])), key=lambda m: len(m[0]))[1]
