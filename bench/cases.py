"""The measurements, one function per group of figures, and the targets that flowc must meet."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.artifacts import measure_artifacts
from bench.buckets import measure_bucket
from bench.clients import make_runs, make_tasks
from bench.compiling import measure_compiler
from bench.figures import Bench, Figure, run_once
from bench.layouts import measure_layouts
from bench.measure import ARRAY_BYTES, FLOWS, MIB, Sample, module_output, run
from bench.pages import measure_pages
from bench.pipelines import measure_pipelines
from bench.reading import measure_reads
from bench.soaking import measure_scale, measure_soak
from bench.starts import measure_starts
from bench.tasks import measure_science, measure_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# the largest allowed ratios of a time with the digest check to the time without the check
CHECKED_ONCE, CHECKED_ALWAYS, CHECKED_TEXT = 1.15, 4.0, 2.0


def seconds(name: str, sample: Sample, target: float, ratio: str) -> Figure:
    """Return a figure in seconds: the median of a program's measured times."""
    return Figure(name, sample.median, target, "s", sample.least, ratio)


def milliseconds(name: str, sample: Sample, target: float, ratio: str) -> Figure:
    """Return a figure in milliseconds: the median of a program's measured times."""
    return Figure(name, sample.median * 1e3, target, "ms", sample.least * 1e3, ratio)


def flow(name: str, *options: str) -> list[str]:
    """Return the command line `python FLOW.py run`, which is the same under Metaflow."""
    return [str(FLOWS / f"{name}.py"), "run", *options]


def measure_runs(bench: Bench) -> Iterator[Figure]:
    """Yield two figures: the fixed time of a run, and the additional time of a task."""
    start, fork = bench.floors.python.median, bench.floors.fork.median
    linear = bench.program(*flow("linear"))
    ratio = f"{linear.median / start:.1f} × a Python start"
    yield seconds("3 trivial steps, the whole process", linear, 0.2, ratio)

    hundred, thousand = bench.together(flow("fanout"), flow("fanout", "--width", "1000"))
    task = (hundred.median - linear.median) / 100
    yield seconds("100-way foreach", hundred, 0.6, f"a task {task * 1e3:.1f} ms = {task / fork:.1f} × fork and wait")

    task = (thousand.median - linear.median) / 1000
    ratio = f"{thousand.median:.2f} s, a task {task / fork:.1f} × fork and wait"
    times = Sample(tuple(large / small for small, large in zip(hundred.seconds, thousand.seconds, strict=True)))
    yield Figure("1,000-way foreach / 100-way", times.median, 11, "×", times.least, ratio)

    forks, imports = bench.together(flow("fanout"), flow("fanout", "--start", "fresh"))
    times = Sample(tuple(own / fork for fork, own in zip(forks.seconds, imports.seconds, strict=True)))
    ratio = f"{imports.median:.2f} s, each task imports the flow"
    yield Figure("100-way foreach, fresh / as forks", times.median, 1.3, "×", times.least, ratio)


def measure_data(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of a large array in time and memory."""
    array = bench.program(*flow("large"))
    ratio = f"{array.median / bench.floors.write.median:.1f} × one raw write of it"
    yield seconds("256 MiB array made, added to, read", array, 1.2, ratio)

    place = bench.directory / "peak"
    place.mkdir()
    run([sys.executable, *flow("large")], place)
    records = place.glob(".flowc/flows/*/runs/*/tasks/*/0.json")
    peaks = {path.parent.name: json.loads(path.read_bytes())["exit"]["peak_rss"] for path in records}
    shutil.rmtree(place)
    ratio = "MiB: " + ", ".join(f"{step} {peaks[step] / MIB:.0f}" for step in ("start", "add", "hand_on", "end"))
    yield Figure("peak memory where it is only passed on", peaks["hand_on"] / ARRAY_BYTES, 1.2, "×", ratio=ratio)


def measure_client(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of reading a store of 1,000 runs, and a run of 10,000 tasks."""
    place = bench.directory / "client"
    place.mkdir()
    run([sys.executable, *flow("linear")], place)
    run([sys.executable, *flow("fanout", "--width", "1")], place)
    store = place / ".flowc"
    make_runs(store, "LinearBench")
    make_tasks(store, "FanoutBench", "square")

    def read(what: str, name: str) -> Sample:
        around = {"FLOWC_STORE": str(store)}
        told = [
            json.loads(module_output(place, "clients", what, name, variables=around)) for _ in range(bench.times + 1)
        ][1:]
        return Sample(tuple(one["seconds"] for one in told))

    start = bench.floors.python.median
    for what, name, title, target in (
        ("list", "LinearBench", "1,000 runs listed", 0.3),
        ("tag", "LinearBench", "1,000 runs filtered by a tag", 0.3),
        ("expression", "LinearBench", "1,000 runs by tags and status", 0.3),
        ("one", "FanoutBench", "10,000 tasks: successful, one artifact", 0.2),
        ("all", "FanoutBench", "10,000 tasks: all records", 2.0),
    ):
        sample = read(what, name)
        yield seconds(title, sample, target, f"{sample.median / start:.1f} × a Python start")
    shutil.rmtree(place)


def measure_checks(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of comparing stored data with its digest. A program runs alternately with the check and without
    it."""
    ways: tuple[tuple[str, list[str], dict[str, str]], ...] = (
        ("once", [], {}),
        ("always", ["--verify", "always"], {}),
        ("unchecked", [], {"BENCH_UNCHECKED": "1"}),
    )
    runs = [
        partial(run_once, [sys.executable, *flow("checks", *more)], bench.directory, around) for _, more, around in ways
    ]
    rounds = [[measure() for measure in runs] for _ in range(bench.times + 1)][1:]
    for column, (way, _, _) in enumerate(ways[:2]):
        times = Sample(tuple(seconds[column] / seconds[2] for seconds in rounds))
        ratio = f"{statistics.median(seconds[column] for seconds in rounds):.2f} s, each task reads one number"
        target = CHECKED_ONCE if way == "once" else CHECKED_ALWAYS
        yield Figure(f"256 MiB mapped by 20 tasks: {way} / never", times.median, target, "×", times.least, ratio)

    place = bench.directory / "checks"
    place.mkdir()
    run([sys.executable, *flow("checks")], place)
    around = {"FLOWC_STORE": str(place / ".flowc")}
    reading = [
        [
            json.loads(module_output(place, "checking", way, variables=around))["seconds"]
            for way in ("checked", "unchecked")
        ]
        for _ in range(bench.times + 1)
    ][1:]
    shutil.rmtree(place)
    times = Sample(tuple(checked / unchecked for checked, unchecked in reading))
    ratio = f"{statistics.median(checked for checked, _ in reading) * 1e3:.1f} ms"
    yield Figure("20 MiB text read: checked / unchecked", times.median, CHECKED_TEXT, "×", times.least, ratio)


def measure_durability(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of waiting until a run's data is on the disk before the run is reported as ended."""
    none, run, task = bench.together(*(flow("fanout", "--durability", mode) for mode in ("none", "run", "task")))
    for mode, sample, target in (("run", run, 1.15), ("task", task, 1.6)):
        times = Sample(tuple(own / least for least, own in zip(none.seconds, sample.seconds, strict=True)))
        ratio = f"{sample.median:.2f} s, {(sample.median - none.median) * 1e3:.0f} ms more"
        yield Figure(f"100-way foreach, durability {mode} / none", times.median, target, "×", times.least, ratio)

    place = bench.directory / "syncing"
    place.mkdir()
    waits = [json.loads(module_output(bench.directory, "syncing", str(place))) for _ in range(bench.times + 1)][1:]
    shutil.rmtree(place)
    once, each = (Sample(tuple(one[way] for one in waits)) for way in ("once", "each"))
    ratio = f"an fsync of each: {each.median * 1e3:.0f} ms, {each.median / once.median:.1f} ×"
    yield milliseconds("400 small files on the disk, syncfs", once, 20, ratio)


GROUPS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "runs": measure_runs,
    "tasks": measure_tasks,
    "science": measure_science,
    "data": measure_data,
    "artifacts": measure_artifacts,
    "bucket": measure_bucket,
    "durability": measure_durability,
    "starts": measure_starts,
    "pipelines": measure_pipelines,
    "compiler": measure_compiler,
    "client": measure_client,
    "reads": measure_reads,
    "checks": measure_checks,
    "layouts": measure_layouts,
    "pages": measure_pages,
    "scale": measure_scale,
    "soak": measure_soak,
}
SLOW = ("scale", "bucket", "soak", "layouts", "pages")
"""The groups that are measured only if `--only` names them."""
