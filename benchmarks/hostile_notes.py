"""Processor time of a plan of a session with a long hostile note, and the longest delay of another thread.

Run it with ``python -m benchmarks.hostile_notes [--write PAGE]``.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.machine import describe_hardware, describe_software
from benchmarks.page import caption, write_tables
from tests.support.hostile_texts import SHAPES, repeat_to_length
from tests.support.platform_lab import PlatformLab

from labcrate import Lab

LENGTH = 900_000
NAMES = (
    "letters", "URLs with users", "cells", "percents of percents", "JSON escapes", "numbered entities", "line feeds",
    "no schemes", "controls",
)  # fmt: skip
HARMLESS = "The participant sat down and read for a while. "


def measure_note(note: str) -> tuple[float, float]:
    """Return the processor seconds of a plan, and the longest time in seconds that another thread waited."""
    with tempfile.TemporaryDirectory() as folder:
        lab = PlatformLab(Path(folder) / "lab").build()
        session = {"id": 77, "startTime": "2025-05-02T08:00:00Z", "endTime": "2025-05-02T09:00:00Z", "notes": note}
        lab.json("sessions/Session77/session_data.json", session)
        lab.json("data/user_3/cameras.json", [{"id": 9, "password": "aaaaaaaa"}, {"id": 10, "password": "4711"}])
        done = threading.Event()
        delays_s = [0.0]

        def tick() -> None:
            last = time.monotonic()
            while not done.wait(0.001):
                delays_s.append(time.monotonic() - last)
                last = time.monotonic()

        ticking = threading.Thread(target=tick)
        ticking.start()
        start_s = time.process_time()
        try:
            Lab(lab.root).plan("77")
        finally:
            cpu_s = time.process_time() - start_s
            done.set()
            ticking.join()
        return cpu_s, max(delays_s)


def main() -> None:
    """Print a row for each shape of note, and write them to the table of a page."""
    parser = argparse.ArgumentParser(prog="hostile_notes", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page whose table hostile-notes is replaced")
    page = parser.parse_args().write
    above = caption("python -m benchmarks.hostile_notes", [describe_software(), describe_hardware(Path.cwd())])
    rows = ["| note | CPU s | longest delay ms |", "| --- | ---: | ---: |"]
    print(*rows, sep="\n")
    measure_note("short")
    for name, piece in {"harmless": HARMLESS, **{name: SHAPES[name] for name in NAMES}}.items():
        cpu_s, delay_s = measure_note(repeat_to_length(piece, LENGTH))
        rows.append(f"| {name} | {cpu_s:.2f} | {delay_s * 1000:.0f} |")
        print(rows[-1], flush=True)
    if page:
        write_tables(page, {"hostile-notes": "\n".join([above, "", *rows])})


if __name__ == "__main__":
    main()
