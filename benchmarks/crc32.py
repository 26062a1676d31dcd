"""The CRC-32 of every file in a folder, computed by isal as labcrate does: ``python -m benchmarks.crc32 FOLDER``."""

import os
import sys
from pathlib import Path

from isal import isal_zlib

_READ_BYTES = 256 * 1024


def main(folder: Path) -> None:
    """Print the CRC-32 of each file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            crc32 = 0
            fd = os.open(path, os.O_RDONLY)
            while data := os.read(fd, _READ_BYTES):
                crc32 = isal_zlib.crc32(data, crc32)
            os.close(fd)
            print(f"{crc32:08x}  {path.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
