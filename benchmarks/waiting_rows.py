"""The rows of what people wait for in a lab with very many readings: plans, pages, choices, and appended readings."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from benchmarks import servers
from benchmarks.export_rows import LABCRATE, Benchmark
from benchmarks.measure import ENVIRONMENT, CommandError, Competitor, Results, Run, run, run_in_turn
from benchmarks.servers import Server
from benchmarks.table import ResultLine, Target, result_lines

APPENDED = 1000
_POLL_S = 0.01
_LONGEST_WAIT_S = 600.0
_PAGE = "/sessions/1"
_PLAN = "/api/sessions/1/plan"
_LIMITS_S = {
    "labcrate plan, nothing indexed": None,
    "labcrate plan again": 1.0,
    "the page with recordings, first": 1.0,
    "the page's plan, first": None,
    "the page again": 0.3,
    "the page after a restart": 1.0,
    "the page's plan after a restart": 1.0,
    "size of all sensors but one": 0.3,
    "size of half of the time": 0.3,
}


def waiting(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure how long a command and a browser wait for plans, pages and sizes."""
    with bench.lab("sensors", bench.size.readings) as lab:
        results = {name: Results() for name in _LIMITS_S}
        for number in range(bench.size.rounds):
            _delete_index(lab)
            with _serve(lab) as server:
                _time(results["the page with recordings, first"], server, partial(_wait_for_page, server, lab))
                _time(results["the page's plan, first"], server, partial(_size, server, ""))
                _wait_for_page(server, lab)
                _time(results["the page again"], server, partial(_wait_for_page, server, lab))
                for name, query in _choices(lab, number).items():
                    _time(results[name], server, partial(_size, server, query))
            with _serve(lab) as server:
                _time(results["the page after a restart"], server, partial(_wait_for_page, server, lab))
            with _serve(lab) as server:
                _time(results["the page's plan after a restart"], server, partial(_size, server, ""))
            command = Competitor("labcrate plan", (LABCRATE, "plan", "1", "--lab", str(lab)))
            _delete_index(lab)
            results["labcrate plan, nothing indexed"].runs.append(run(command))
            results["labcrate plan again"].runs.append(run(command))
    targets = {name: Target(seconds=limit) for name, limit in _LIMITS_S.items() if limit is not None}
    note = {"labcrate plan, nothing indexed": f"{bench.size.readings:,} readings"}
    yield from result_lines("waiting", results, {}, targets, note)


def appended(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure how long new readings take to be read: the time beyond that of a run with nothing new."""
    with bench.lab("sensors", bench.size.readings) as lab:
        run(Competitor("indexing", (LABCRATE, "index", "--lab", str(lab))))
        has_index = (lab / ".labcrate/readings").is_dir()
        command = (LABCRATE, *(("index",) if has_index else ("plan", "1")), "--lab", str(lab))
        run(Competitor("the first", command))
        numbers = iter(range(1_000_000))

        def append(file: str) -> None:
            words = ("append-readings", str(lab), str(next(numbers)), str(APPENDED), file)
            run(Competitor(f"appending to the {file}", (sys.executable, "-m", "benchmarks.labs", *words)))

        what = " ".join(("labcrate", *command[1:-2]))
        nothing = f"{what}, nothing new"
        competitors = [Competitor(nothing, command)]
        competitors += [
            Competitor(f"{what}, {APPENDED:,} readings new in the {file.upper()}", command, partial(append, file))
            for file in ("csv", "json")
        ]
        results = run_in_turn(competitors, bench.size.rounds)
        _check_plan(lab, bench.size.readings + APPENDED * next(numbers))
    for line in result_lines("appended", results, {}, {}, {nothing: f"{bench.size.readings:,} readings"}):
        if line.what == nothing:
            yield line
            continue
        beyond = results[line.what].median_s - results[nothing].median_s
        yield ResultLine(
            line.row, line.what, line.median_s, line.minimum_s, line.peak_bytes,
            target="0.5 s more", is_met=beyond <= 0.5, note=f"{beyond:.2f} s more",
        )  # fmt: skip


def _check_plan(lab: Path, expected: int) -> None:
    """Raise CommandError unless the plan of the whole session has that many readings."""
    command = (LABCRATE, "plan", "1", "--lab", str(lab), "--json")
    found = json.loads(subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT).stdout)["readings"]
    if found != expected:
        raise CommandError(f"the plan has {found:,} readings instead of {expected:,}")


def _delete_index(lab: Path) -> None:
    for path in sorted((lab / ".labcrate").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@contextmanager
def _serve(lab: Path) -> Iterator[Server]:
    """Run the server; users of an earlier run are removed, because this one adds the same."""
    for path in lab.glob(".labcrate/people.db*"):
        path.unlink()
    with servers.labcrate(lab) as server:
        yield server


def _time(results: Results, server: Server, wait: Callable[[], object]) -> None:
    began = time.perf_counter()
    wait()
    results.runs.append(Run(time.perf_counter() - began, server.resident_bytes()))


def _choices(lab: Path, number: int) -> dict[str, str]:
    """Return queries of choices, which differ from round to round."""
    names = [device["name"] for device in json.loads((lab / "data/devices.json").read_text())]
    left_out = names[(7 * number) % len(names)]
    chosen = "&".join(f"sensor={quote(name)}" for name in names if name != left_out)
    half = f"from=2025-05-05T00:00:0{number % 10}Z&to=2025-05-12T00:00:00Z"
    return {"size of all sensors but one": f"?{chosen}", "size of half of the time": f"?{half}"}


def _wait_for_page(server: Server, lab: Path) -> None:
    """Wait until the page of the session shows its name and its recordings."""
    wanted = ["Session 1", *(path.stem for path in (lab / "recordings").glob("*_session1-*"))]
    ends = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < ends:
        status, page = _get(server, _PAGE)
        if status in {200, 202} and all(word in page for word in wanted):
            return
        time.sleep(_POLL_S)
    raise CommandError(f"{_PAGE} does not show the recordings after {_LONGEST_WAIT_S:.0f} s")


def _size(server: Server, query: str) -> int:
    """Return the size in bytes of an archive with that choice."""
    status, text = _get(server, _PLAN + query)
    if status != 200:
        raise CommandError(f"{_PLAN}{query[:100]} answered {status}: {text[:500]}")
    return int(json.loads(text)["sizeBytes"])


def _get(server: Server, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=_LONGEST_WAIT_S)
    connection.request("GET", path, headers=dict(header.split(": ", 1) for header in server.headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text
