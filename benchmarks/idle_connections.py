"""How long 3,072 idle connections shut another client out.

Run it with ``python -m benchmarks.idle_connections LAB [--write PAGE]``.

The server is the real command in its own process. The idle connections come from six addresses. When the last of them
is open, a client at a seventh address sends requests until one is answered, and then nineteen more.
"""

import argparse
import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import describe_hardware, describe_software
from benchmarks.page import caption, write_tables

IDLE, ADDRESSES, ANSWERS, DESCRIPTORS = 3072, 6, 20, 8192
TIMEOUT_S, PAUSE_S = 60, 0.05


def connect(port: int, source: str) -> socket.socket:
    """Open a connection from one of this machine's addresses."""
    client = socket.socket()
    client.settimeout(TIMEOUT_S)
    client.bind((source, 0))
    client.connect(("127.0.0.1", port))
    return client


def is_answered(port: int) -> bool:
    """Return whether a new client gets an answer."""
    try:
        with connect(port, "127.0.2.1") as client:
            client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def measure(port: int) -> str:
    """Return a table row: when the first request was answered, and how long the others took."""
    idle = [connect(port, f"127.0.1.{1 + number % ADDRESSES}") for number in range(IDLE)]
    start_s = time.perf_counter()
    while not is_answered(port):
        time.sleep(PAUSE_S)
    first_s = time.perf_counter() - start_s
    times_ms = []
    for _ in range(ANSWERS - 1):
        start_s = time.perf_counter()
        is_answered(port)
        times_ms.append(1000 * (time.perf_counter() - start_s))
    for one in idle:
        one.close()
    return f"| {first_s:.2f} s | {statistics.median(times_ms):.1f} ms | {max(times_ms):.1f} ms |"


def main() -> None:
    """Serve the lab in the command's argument, measure, print the table and write it to a page."""
    parser = argparse.ArgumentParser(prog="idle_connections", description=__doc__)
    parser.add_argument("lab")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page whose table idle-connections is replaced")
    options = parser.parse_args()
    above = caption("python -m benchmarks.idle_connections LAB", [describe_software(), describe_hardware(Path.cwd())])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, max(hard, DESCRIPTORS)))
    words = [sys.executable, "-m", "labcrate", "serve", "--lab", options.lab, "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        url = json.loads(server.stdout.readline())["url"]
        try:
            row = measure(int(url.rstrip("/").rpartition(":")[2]))
        finally:
            server.terminate()
    count = ANSWERS - 1
    table = f"| first answer | the next {count}, median | the slowest of them |\n| ---: | ---: | ---: |\n{row}"
    print(table)
    if options.write:
        write_tables(options.write, {"idle-connections": f"{above}\n\n{table}"})


if __name__ == "__main__":
    main()
