"""The rows of downloads: labcrate, nginx with the finished ZIP, and a server that makes the ZIP while sending it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks import peers, servers
from benchmarks.export_rows import Benchmark
from benchmarks.measure import ENVIRONMENT, CommandError, NotPossibleError, Results, Run, run
from benchmarks.servers import Server
from benchmarks.table import MB, ResultLine, Target, result_lines

GB = 1_000_000_000
_MAX_TIME_RATIO = round(1 / 0.95, 3)
_MAX_CPU_RATIO = {1: 1.1, 8: 1.3}
_MAX_MEMORY_BYTES = 150 * MB
_MAX_FIRST_BYTE_S = 0.05
_MAX_OTHERS_S = 0.1
_MANY_CLIENTS = 64
_SLOW_BYTES = 16384
_SMALL_BYTES = 1_000_000
# What a server does after the last byte (labcrate writes a line to its log) counts as its processor time.
_AFTERWARDS_S = 0.2


@dataclass(slots=True)
class ServerResults:
    """The results of one server in all rounds."""

    times: Results = field(default_factory=Results)
    cpu_per_gb: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def serve(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the download of 2 GB in 8 recordings from the page cache, for one client and for eight."""
    if not peers.NGINX.is_installed():
        raise NotPossibleError("nginx is not installed")
    with bench.lab("recordings", 8, bench.size.large, 0) as lab, _competing(bench, lab) as compared:
        for clients in (1, 8):
            yield from _measure_throughput(f"serve-{clients}", compared, clients, bench.size.rounds)
        yield _measure_memory(compared[1])


def serve_many(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the download of many small recordings from the page cache, for one client."""
    if not peers.NGINX.is_installed():
        raise NotPossibleError("nginx is not installed")
    with bench.lab("recordings", bench.size.small_files, _SMALL_BYTES, 0) as lab, _competing(bench, lab) as compared:
        yield from _measure_throughput("serve-many", compared, 1, bench.size.rounds)


@contextmanager
def _competing(bench: Benchmark, lab: Path) -> Iterator[list[Server]]:
    """Run nginx with the archive of a lab, labcrate, and a server that makes the archive while sending it."""
    with ExitStack() as stack:
        archive = bench.folder / "Session1.zip"
        stack.callback(archive.unlink, missing_ok=True)
        run(replace(bench.export(lab), command=(*bench.export(lab).command[:5], "-o", str(archive))))
        competing = [stack.enter_context(servers.nginx(archive, bench.folder / "nginx"))]
        competing.append(stack.enter_context(servers.labcrate(lab)))
        if peers.ARCHIVERS[0].is_installed():
            competing.append(stack.enter_context(servers.zipstream(lab / "recordings")))
        yield competing


def _measure_throughput(row: str, competing: Sequence[Server], clients: int, rounds: int) -> Iterator[ResultLine]:
    served = {server.name: ServerResults() for server in competing}
    for server in competing:
        run_clients(server, 1)
    for number in range(rounds):
        first_byte_s = number % len(competing)
        for server in (*competing[first_byte_s:], *competing[:first_byte_s]):
            before = server.cpu_seconds()
            answer = run_clients(server, clients)
            one, size = served[server.name], answer["bytes"] / GB
            one.times.runs.append(Run(answer["seconds"], server.resident_bytes()))
            time.sleep(_AFTERWARDS_S)
            one.cpu_per_gb.append((server.cpu_seconds() - before) / size)
            one.rates.append(size / answer["seconds"])
    nginx, ours, *_ = (server.name for server in competing)
    notes = {
        name: f"{median(one.rates):.2f} GB/s, {median(one.cpu_per_gb):.2f} CPU s/GB" for name, one in served.items()
    }
    results = {name: one.times for name, one in served.items()}
    references = {name: nginx for name in served if name != nginx}
    yield from result_lines(
        row, results, references, {ours: Target(ratio=_MAX_TIME_RATIO, peak_bytes=_MAX_MEMORY_BYTES)}, notes
    )
    per_gb = {}
    for name in (nginx, ours):
        runs = zip(served[name].cpu_per_gb, served[name].times.runs, strict=True)
        per_gb[f"{name}: CPU per GB"] = Results([Run(cpu, one.peak_bytes) for cpu, one in runs])
    of_nginx, of_ours = per_gb
    yield from result_lines(row, per_gb, {of_ours: of_nginx}, {of_ours: Target(ratio=_MAX_CPU_RATIO[clients])}, {})


def _measure_memory(server: Server) -> ResultLine:
    """Measure the memory of very many slow downloads at once."""
    peak = [server.resident_bytes()]
    with _SlowClients(server, _MANY_CLIENTS):
        for _ in range(50):
            peak.append(server.resident_bytes())
            time.sleep(0.02)
    most = max(peak)
    return ResultLine(
        "serve-64",
        "labcrate serve, 64 slow downloads",
        0,
        0,
        most,
        target=f"< {_MAX_MEMORY_BYTES // MB} MB",
        is_met=most < _MAX_MEMORY_BYTES,
    )


def first_byte(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the time to the first byte of a session of very many large recordings (sparse files), at any offset."""
    with bench.lab("sparse", bench.size.members, bench.size.member_bytes) as lab, servers.labcrate(lab) as server:
        total = bench.size.members * bench.size.member_bytes
        cold = first_byte_s(server, 0)
        results = {"labcrate serve, first byte": Results(), "labcrate serve, first byte in the middle": Results()}
        for number in range(2 * bench.size.rounds):
            for name, start in zip(results, (0, total * (number + 1) // (2 * bench.size.rounds + 2)), strict=True):
                time.sleep(1.2)  # longer than the states of so many files are cached
                results[name].runs.append(Run(first_byte_s(server, start), server.resident_bytes()))
        note = f"{bench.size.members:,} members, {total / 1e12:.1f} TB; the very first after a start {cold:.1f} s"
        yield from result_lines(
            "first-byte",
            results,
            {},
            dict.fromkeys(results, Target(seconds=_MAX_FIRST_BYTE_S)),
            dict.fromkeys(results, note),
        )


def others(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure other requests during eight downloads from a cold disk and eight slow downloads."""
    with bench.lab("recordings", 8, bench.size.large, 0) as lab:
        run(bench.export(lab))
        bench.clear()
        with servers.labcrate(lab) as server:
            run_clients(server, 1)
            seconds: list[float] = []
            with _SlowClients(server, 8):
                for _ in range(bench.size.rounds):
                    servers.drop_from_page_cache(sorted((lab / "recordings").iterdir()))
                    seconds += _request_times(server)
            answers = Results([Run(one, server.resident_bytes()) for one in seconds])
    most = quantiles(seconds, n=100, method="inclusive")[98]
    yield ResultLine(
        "others", "labcrate serve, other requests meanwhile", answers.median_s, answers.minimum_s, answers.peak_bytes,
        target=f"p99 < {_MAX_OTHERS_S:g} s", is_met=most < _MAX_OTHERS_S,
        note=f"p99 {most * 1000:.0f} ms, the slowest {max(seconds) * 1000:.0f} ms of {len(seconds)}",
    )  # fmt: skip


def _request_times(server: Server) -> list[float]:
    """Return the seconds that each of many small requests takes while eight clients download different parts."""
    fetching = threading.Thread(target=run_clients, args=(server, 8, True))
    fetching.start()
    seconds = []
    while fetching.is_alive():
        for path in ("/api/health", "/api/sessions", "/api/sessions/1", "/", "/sessions/1"):
            began = time.perf_counter()
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", path, headers=_headers(server))
            answer = connection.getresponse()
            answer.read()
            connection.close()
            seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                raise CommandError(f"{path} answered {answer.status}")
        time.sleep(0.005)
    fetching.join()
    return seconds


def run_clients(server: Server, clients: int, parts: bool = False) -> dict[str, Any]:
    """Run that many clients at once, and return their results; see ``clients``."""
    words = [str(server.port), str(clients), str(int(parts)), server.path, *server.headers]
    command = [sys.executable, "-m", "benchmarks.clients", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        raise CommandError(f"{server.name}: {done.stderr[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def first_byte_s(server: Server, start: int) -> float:
    """Return the seconds until the first byte of the body from an offset on arrives."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.connect()
    began = time.perf_counter()
    connection.request("GET", server.path, headers={**_headers(server), "Range": f"bytes={start}-"})
    answer = connection.getresponse()
    answer.read(1)
    seconds = time.perf_counter() - began
    connection.close()
    if answer.status != 206:
        raise CommandError(f"the archive answered {answer.status}")
    return seconds


def _headers(server: Server) -> dict[str, str]:
    return dict(header.split(": ", 1) for header in server.headers)


class _SlowClients:
    """Clients that read little and late, as long as the context is open."""

    def __init__(self, server: Server, count: int) -> None:
        self._server, self._count = server, count
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_slowly)
        self._responses: list[HTTPResponse] = []

    def __enter__(self) -> None:
        for _ in range(self._count):
            connection = HTTPConnection("127.0.0.1", self._server.port, timeout=600)
            connection.request("GET", self._server.path, headers=_headers(self._server))
            self._responses.append(connection.getresponse())
        self._thread.start()

    def _read_slowly(self) -> None:
        while not self._stop.wait(0.05):
            for answer in self._responses:
                answer.read(_SLOW_BYTES)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for answer in self._responses:
            answer.close()
