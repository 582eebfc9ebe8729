"""The page of `flowc ui` beside the pages of other programs: the time to the first answer, and the memory.

Each program starts in a new directory, on loopback, and is asked for its first page until it answers; all programs
start one after the other in each round. The memory is the sum of the proportional set sizes of all its processes,
after the page has been read ten times. Further figures compare the pages of a store of 10,000 runs with those of a
store of 20 runs.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from bench.environments import make_environment
from bench.figures import Bench, Figure
from bench.measure import environment, new_directory
from bench.reading import FEW, MANY, make_store
from flowc.ui.page_data.run_rows import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READS = 10
SLOWEST = 180.0  # seconds that a program may take until it answers


@final
@dataclass(frozen=True)
class PageServer:
    """A program with a page.

    Attributes:
        name: the program.
        packages: what is installed into its environment; empty for this project's own interpreter.
        arguments: the arguments of the interpreter, with `{port}`.
        path: the path of the page that a browser opens.
        variables: additional environment variables.
        files: the files of the working directory, by name.
    """

    name: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...]
    path: str
    variables: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def python(self) -> str:
        """The interpreter of the program."""
        if not self.packages:
            return sys.executable
        return make_environment("-".join(("page", *self.packages[:1])).replace("==", "-"), self.packages)


OURS = PageServer("flowc", (), ("-m", "flowc", "ui", "--no-open", "--port", "{port}"), "/", {}, {})
OTHERS = (
    PageServer(
        "MLflow", ("mlflow==3.17.2",), ("-m", "mlflow", "ui", "--port", "{port}", "--workers", "1"), "/", {}, {}
    ),
    PageServer(
        "Dagster",
        ("dagster==1.13.28", "dagster-webserver==1.13.28"),
        ("-m", "dagster", "dev", "-p", "{port}", "-f", "definitions.py"),
        "/",
        {"DAGSTER_HOME": "", "DO_NOT_TRACK": "1"},
        {"definitions.py": "import dagster\n\n@dagster.asset\ndef one():\n    return 1\n"},
    ),
    PageServer(
        "Prefect",
        ("prefect==3.9.1",),
        ("-m", "prefect", "server", "start", "--port", "{port}"),
        "/",
        {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        {},
    ),
)


def measure_pages(bench: Bench) -> Iterator[Figure]:
    """Yield the figures of the page."""
    servers = (OURS, *OTHERS)
    rounds = [[start(server, bench.directory) for server in servers] for _ in range(bench.times)]
    for what, target, at in (("start to the first answer", 1 / 5, 0), ("memory", 1 / 3, 1)):
        medians = [statistics.median(each[number][at] for each in rounds) for number in range(len(servers))]
        best = min(range(1, len(servers)), key=lambda number: medians[number])
        ratios = [each[0][at] / min(other[at] for other in each[1:]) for each in rounds]
        shown = [f"{value:.2f} s" if at == 0 else f"{value / 1e6:.0f} MB" for value in medians]
        text = ", ".join(f"{server.name} {value}" for server, value in zip(servers, shown, strict=True))
        name = f"flowc ui: {what} / {servers[best].name}"
        yield Figure(name, statistics.median(ratios), target, "×", min(ratios), text)
    yield from _large(bench)


def start(server: PageServer, directory: Path) -> tuple[float, float]:
    """Start a program; return the seconds to its first answer, and its memory in bytes."""
    place = new_directory(directory)
    for name, text in server.files.items():
        (place / name).write_text(text, encoding="utf-8")
    variables = {name: value or str(place) for name, value in server.variables.items()}
    return _started([server.python, *server.arguments], server.path, place, variables)[:2]


def _started(
    command: list[str], path: str, place: Path, variables: Mapping[str, str], pages: tuple[str, ...] = ()
) -> tuple[float, float, list[float]]:
    """Start a server; return the seconds to its first answer, its memory, and the CPU seconds of each of the pages."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [word.format(port=port) for word in command]
    began = time.monotonic()
    log = (place / "log").open("wb")
    process = subprocess.Popen(
        words, cwd=place, env={**environment(place), **variables}, stdout=log, stderr=log, start_new_session=True
    )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() - began > SLOWEST:
                raise RuntimeError(f"{' '.join(words)} does not answer; its output is in {place / 'log'}")
            time.sleep(0.005)
        seconds = time.monotonic() - began
        for _ in range(READS):
            _answers(port, path)
        costs = []
        for page in pages:
            _answers(port, page)
            before = _cpu(process.pid)
            for _ in range(READS):
                assert _answers(port, page), page
            costs.append(_cpu(process.pid) - before)
        return seconds, _memory(process.pid), costs
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _members(session: int) -> Iterator[str]:
    """Yield the ids of the processes of a session."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                if os.getsid(int(name)) == session:
                    yield name


def _memory(session: int) -> float:
    """Return the sum of the proportional set sizes of a session's processes, in bytes."""
    total = 0
    for name in _members(session):
        with suppress(OSError):
            for line in Path(f"/proc/{name}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return float(total)


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process's threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9


def _large(bench: Bench) -> Iterator[Figure]:
    """Yield the figures of a store of 10,000 runs against a store of 20 runs, each with a run of many tasks."""
    stores = {count: make_store(bench.directory / "pages" / str(count), count) for count in (FEW, MANY)}
    found: dict[int, tuple[float, float, list[float]]] = {}
    for count, store in stores.items():
        run = sorted(os.listdir(store / "flows" / "FanoutBench" / "runs"))[-1]
        command = [sys.executable, *OURS.arguments, "--store", str(store)]
        pages = ("/?flow=FanoutBench", f"/run/FanoutBench/{run}")
        found[count] = _started(command, "/", store.parent, {}, pages)
    for at, (what, rows) in enumerate((("list of runs, a row", min(MANY, PAGE) / FEW), ("page of a run", 1.0))):
        few, many = found[FEW][2][at], found[MANY][2][at] / rows
        text = f"{found[MANY][2][at] / READS * 1e3:.0f} ms a page"
        yield Figure(f"{what}: 10,000 runs / 20 runs", many / few, 1.5, "×", ratio=text)
    memory = found[MANY][1] / found[FEW][1]
    yield Figure("flowc ui's memory: 10,000 runs / 20 runs", memory, 2, "×", ratio=f"{found[MANY][1] / 1e6:.0f} MB")
