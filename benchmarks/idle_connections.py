"""How long 3,072 idle connections shut a visitor out: ``python -m benchmarks.idle_connections LAB``.

The server is the real command in a process of its own. The connections are from six addresses. The visitor comes from
a seventh one when the last of them is made, again and again until a request is answered, and then nineteen times more.
"""

import json
import resource
import socket
import statistics
import subprocess
import sys
import time

IDLE, ADDRESSES, ANSWERS, DESCRIPTORS = 3072, 6, 20, 8192
PATIENCE_SECONDS, PAUSE_SECONDS = 60, 0.05


def connect(port: int, source: str) -> socket.socket:
    """A connection from one of this machine's addresses."""
    client = socket.socket()
    client.settimeout(PATIENCE_SECONDS)
    client.bind((source, 0))
    client.connect(("127.0.0.1", port))
    return client


def is_answered(port: int) -> bool:
    """Whether a visitor who comes now is served."""
    try:
        with connect(port, "127.0.2.1") as client:
            client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def measure(port: int) -> None:
    """Print when the first answer came, and how long the others took."""
    idle = [connect(port, f"127.0.1.{1 + number % ADDRESSES}") for number in range(IDLE)]
    start_s = time.perf_counter()
    while not is_answered(port):
        time.sleep(PAUSE_SECONDS)
    print(f"the first answer came after {time.perf_counter() - start_s:.2f} s")
    times_ms = []
    for _ in range(ANSWERS - 1):
        start_s = time.perf_counter()
        is_answered(port)
        times_ms.append(1000 * (time.perf_counter() - start_s))
    print(f"the next {len(times_ms)}: median {statistics.median(times_ms):.1f} ms, at most {max(times_ms):.1f} ms")
    for one in idle:
        one.close()


def main() -> None:
    """Serve the lab that is named, and measure."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, max(hard, DESCRIPTORS)))
    words = [sys.executable, "-m", "labcrate", "serve", "--lab", sys.argv[1], "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        url = json.loads(server.stdout.readline())["url"]
        try:
            measure(int(url.rstrip("/").rpartition(":")[2]))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
