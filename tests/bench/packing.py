"""Parts of an export, timed by themselves: ``python -m tests.bench.packing pack|unsynced LAB TARGET``.

``pack`` lays the archive out first and times only the writing of its bytes, not synced, as ``cp`` does not sync.
``unsynced`` is the whole command without its wait for the disk.
"""

import json
import os
import sys
import time
from pathlib import Path


def pack(lab: str, target: str) -> None:
    """Print how many seconds the packing took."""
    from labcrate.archive.copying import write_entity  # noqa: PLC0415 - each part with its own imports alone
    from labcrate.archive.entity import Entity  # noqa: PLC0415
    from labcrate.export.prepare import prepared  # noqa: PLC0415
    from labcrate.lab.folder import Lab  # noqa: PLC0415

    with prepared(Lab(Path(lab)), 1, hashed=True) as assembly:
        began = time.perf_counter()
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        write_entity(Entity(assembly.layout), fd)
        os.close(fd)
        print(json.dumps({"seconds": time.perf_counter() - began}))


def unsynced(lab: str, target: str) -> None:
    """Run ``labcrate export`` with a sync that returns at once.

    Without the truncation of the file that is still empty, too: ext4 takes it for a promise and
    begins to write everything out when the file is closed (its mount option ``auto_da_alloc``).
    """
    vars(os).update(fsync=_nothing, ftruncate=_nothing)
    from labcrate.cli.main import main  # noqa: PLC0415

    sys.exit(main(["export", "1", "--lab", lab, "-o", target]))


def _nothing(*_: object) -> None:
    """Stands for the sync."""


if __name__ == "__main__":
    {"pack": pack, "unsynced": unsynced}[sys.argv[1]](sys.argv[2], sys.argv[3])
