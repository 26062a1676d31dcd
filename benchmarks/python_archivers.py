"""The two archivers that are Python libraries: ``python -m benchmarks.python_archivers KIND FOLDER TARGET``."""

import importlib
import sys
import zipfile
from pathlib import Path
from typing import Any


def write_with_zipfile(folder: Path, target: Path) -> None:
    """Write a ZIP with Python's zipfile, members stored."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)


def write_with_zipstream(folder: Path, target: Path) -> None:
    """Write a ZIP with the library zipstream-ng, members stored."""
    zipstream: Any = importlib.import_module("zipstream")
    with target.open("wb") as file:
        file.writelines(zipstream.ZipStream.from_path(str(folder), compress_type=zipfile.ZIP_STORED))


if __name__ == "__main__":
    {"zipfile": write_with_zipfile, "zipstream": write_with_zipstream}[sys.argv[1]](
        Path(sys.argv[2]), Path(sys.argv[3])
    )
