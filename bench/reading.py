"""Measure how the cost of reading grows with the store: 20 and 10,000 runs, and a run of 1,000 tasks.

Each cost is the CPU time of one process, divided by the CPU time of a program which reads the same files as plain JSON.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.clients import make_runs, make_tasks
from bench.figures import Bench, Figure
from bench.measure import FLOWS, module_output, run, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY, FEW, TASKS = 10_000, 20, 1_000
FILTERS: dict[str, dict[str, Any]] = {
    "tag": {"tags": "tenth and not old"},
    "status": {"status": "failed"},
    "parameter": {"parameters": {"width": lambda value: value < 0}},
    "time": {"since": "2000-01-01"},
}
PATTERNS = {"records": "flows/FanoutBench/runs/*/run.json", "tasks": "flows/TasksBench/runs/*/tasks/*/*.json"}


def measure_reads(bench: Bench) -> Iterator[Figure]:
    """Yield the costs of `flowc runs`, of the client's filters and of reading a run's tasks."""
    place = bench.directory / "reading"
    stores = {count: make_store(place / str(count), count) for count in (FEW, MANY)}

    def client(what: str, store: Path) -> tuple[float, float]:
        told = json.loads(module_output(place, "reading", what, variables={"FLOWC_STORE": str(store)}))
        return told["cpu"], told["peak"]

    def ratios(one: list[float], other: list[float]) -> list[float]:
        return [a / b for a, b in zip(one, other, strict=True)]

    command = [sys.executable, "-m", "flowc", "runs", "--store"]
    rounds = [[use([*command, str(stores[count])], place).cpu for count in (FEW, MANY)] for _ in range(bench.times)]
    few, many = ([each[at] for each in rounds] for at in (0, 1))
    found = ratios(many, few)
    text = f"{statistics.median(many) * 1e3:.0f} ms"
    yield Figure("flowc runs: 10,000 runs / 20 runs", statistics.median(found), 2, "×", min(found), text)
    for what in FILTERS:
        measured = [(client("records", stores[MANY]), client(what, stores[MANY])) for _ in range(bench.times)]
        found = [read[0] / plain[0] for plain, read in measured]
        text = f"{statistics.median(read[0] for _, read in measured) * 1e6 / MANY:.0f} µs a run"
        name = f"10,000 runs, by {what} / plain JSON"
        yield Figure(name, statistics.median(found), 3, "×", min(found), text)
    peaks = [client("status", stores[count])[1] for count in (MANY, FEW)]
    yield Figure("memory: 10,000 runs / 20 runs", peaks[0] / peaks[1], 1.5, "×", ratio=f"{peaks[0] / 1024:.0f} MiB")
    measured = [(client("tasks", stores[FEW]), client("tree", stores[FEW])) for _ in range(bench.times)]
    found = [read[0] / plain[0] for plain, read in measured]
    yield Figure("1,000 tasks of a run / plain JSON", statistics.median(found), 2, "×", min(found))
    shutil.rmtree(place)


def make_store(place: Path, runs: int) -> Path:
    """Return a store with `runs` copies of a real run. The store also has one run of another flow, with many tasks."""
    place.mkdir(parents=True)
    for name in ("FanoutBench", "TasksBench"):
        text = (FLOWS / "fanout.py").read_text(encoding="utf-8").replace("FanoutBench", name)
        (place / "flow.py").write_text(text, encoding="utf-8")
        run([sys.executable, "flow.py", "run", "--width", "1"], place)
    store = place / ".flowc"
    make_runs(store, "FanoutBench", runs)
    make_tasks(store, "TasksBench", "square", TASKS)
    return store


def main(what: str) -> None:
    """Read the store once and print the CPU time in seconds, without imports, and the peak memory in KiB."""
    # imported before the clock starts; the figure `import metaflow` measures this import
    from metaflow import Flow, Run, namespace

    namespace(None)
    before = time.process_time()
    answer = 0
    if what in PATTERNS:
        answer = _read(os.environ["FLOWC_STORE"], PATTERNS[what])
    elif what == "tree":
        latest = Flow("TasksBench").latest_run
        assert latest is not None
        answer = sum(task.successful for step in Run(latest.pathspec) for task in step)
    else:
        answer = sum(1 for _ in Flow("FanoutBench").runs(**FILTERS[what]))
    cpu = time.process_time() - before
    print(json.dumps({"cpu": cpu, "answer": answer, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def _read(store: str, pattern: str) -> int:
    """Read the files of a pattern with one `*` for each level of directories, with as little code as possible."""
    places = [store]
    for part in pattern.split("/")[:-1]:
        places = [f"{place}/{name}" for place in places for name in (os.listdir(place) if part == "*" else [part])]
    count, last = 0, pattern.rpartition("/")[2]
    for place in places:
        for name in os.listdir(place) if last.startswith("*") else [last]:
            with open(f"{place}/{name}", "rb") as file:
                count += bool(json.loads(file.read()))
    return count


if __name__ == "__main__":
    main(*sys.argv[1:])
