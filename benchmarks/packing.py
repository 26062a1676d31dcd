"""The time to write an archive's bytes alone: ``python -m benchmarks.packing LAB TARGET``.

The archive is laid out first; nothing is synced, as ``cp`` does not sync.
"""

import json
import os
import sys
import time
from pathlib import Path

from labcrate.archive.copying import write_entity
from labcrate.archive.entity import Entity
from labcrate.export.prepare import prepare_archive
from labcrate.lab.folder import LabFolder


def measure_packing(lab: Path, target: str) -> None:
    """Print how many seconds the packing took."""
    with prepare_archive(LabFolder(lab), "1", with_fixity=True) as assembly:
        began = time.perf_counter()
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        write_entity(Entity(assembly.layout), fd)
        os.close(fd)
        print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    measure_packing(Path(sys.argv[1]), sys.argv[2])
