"""Download clients that cost little: ``python -m benchmarks.clients PORT COUNT PARTS PATH [HEADER ...]``.

COUNT clients request a path at once and discard the answer; with PARTS 1, each requests another part of it. Prints
the total time, each client's time to the first byte of the body, and the number of bytes.
"""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Sequence

_BUFFER_BYTES = 1 << 20
# tcp(7): with this flag, Linux discards received data instead of copying them.
_DROP = socket.MSG_TRUNC if sys.platform == "linux" else 0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def fetch(port: int, path: str, headers: Sequence[str]) -> tuple[float, int]:
    """Return the seconds until the first byte of the body, and the body's length in bytes."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.perf_counter()
        connection.sendall("\r\n".join(lines).encode())
        head, buffer = b"", bytearray(_BUFFER_BYTES)
        while b"\r\n\r\n" not in head or head.endswith(b"\r\n\r\n"):
            data = connection.recv(65536)
            if not data:
                break
            head += data
        first = time.perf_counter() - began
        head, _, body = head.partition(b"\r\n\r\n")
        count = len(body)
        found = _LENGTH.search(head + b"\r\n")
        length = int(found[1]) if found else None
        # As other clients do: what a server does after the last byte (a line in its log) does not count.
        while count != length and (got := connection.recv_into(buffer, _BUFFER_BYTES, _DROP)):
            count += got
    if not re.match(rb"HTTP/1\.1 20[06] ", head) or count != (count if length is None else length):
        raise SystemExit(f"{head[:300]!r}, and then {count} bytes")
    return first, count


def fetch_in_parallel(port: int, count: int, parts: bool, path: str, headers: Sequence[str]) -> dict[str, object]:
    """Run all clients at once, each in its own process, and return their results."""
    total = _content_length(port, path, headers) if parts else 0
    began, ends = time.perf_counter(), []
    for number in range(count):
        receive, send = os.pipe()
        if os.fork() == 0:
            os.close(receive)
            part = [f"Range: bytes={number * total // count}-{(number + 1) * total // count - 1}"] if parts else []
            os.write(send, json.dumps(fetch(port, path, [*headers, *part])).encode())
            os._exit(0)
        os.close(send)
        ends.append(receive)
    answers = [json.loads(os.read(receive, 1 << 16) or b"null") for receive in ends]
    seconds = time.perf_counter() - began
    for _ in range(count):
        os.wait()
    if None in answers:
        raise SystemExit("a client got less than it was promised")
    return {"seconds": seconds, "first": [first for first, _ in answers], "bytes": sum(size for _, size in answers)}


def _content_length(port: int, path: str, headers: Sequence[str]) -> int:
    """Return the length of the whole body in bytes."""
    lines = [f"HEAD {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answer:
        connection.sendall("\r\n".join(lines).encode())
        found = _LENGTH.search(answer.read())
    return int(found[1]) if found else 0


if __name__ == "__main__":
    port, count, parts, path, *headers = sys.argv[1:]
    print(json.dumps(fetch_in_parallel(int(port), int(count), parts == "1", path, headers)))
