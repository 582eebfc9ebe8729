"""Measure whether a run needs more resources when it has more tasks: descriptors, processes, memory, temporary files,
the time of a task.

Some tasks of `bench/flows/soak.py` count the descriptors, children and memory of the process that has forked them.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

from bench.figures import Bench, Figure
from bench.measure import FLOWS, Use, use
from bench.tasks import FILES_A_TASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FEW = 5  # the number of tasks of a small run, whose cost counts as the fixed cost of a run
SIZES = (1_000, 50_000)  # the numbers of tasks between which a task's cost must not grow
SOAK = 200_000
GROWTH = 1.15
SUPERVISOR_MIB, SUPERVISOR_KB_A_TASK = 60, 0.5
STORE_KB_A_TASK = 2
# A count may grow by this number by chance: when a task counts the descriptors of its parent, the parent may not yet
# have closed the descriptors that it opened for this task.
CHANCE = 5
COUNTED = ("descriptors", "children", "temporary files", "unfinished objects")


class Soak(NamedTuple):
    """The measurements of a run with many tasks.

    Attributes:
        tasks: the number of items.
        use: the wall and the CPU time of the whole run.
        samples: the counts that some tasks returned, in the order of the items.
        files: the number of files of the store.
        size: the bytes of these files.
    """

    tasks: int
    use: Use
    samples: Sequence[dict[str, int]]
    files: int
    size: int

    def grown(self, what: str) -> int:
        """Return the difference of a count between the first and the last sample."""
        return self.samples[-1][what] - self.samples[0][what]


def soak(directory: Path, tasks: int) -> Soak:
    """Run the flow with this number of tasks in a new directory, on one worker, and delete its store.

    With several workers, the counts would depend on what the other tasks do.
    """
    place = directory / "soak"
    (place / "tmp").mkdir(parents=True)
    try:
        command = [sys.executable, str(FLOWS / "soak.py"), "run", "--width", str(tasks), "--max-workers", "1"]
        used = use(command, place, {"TMPDIR": str(place / "tmp")})
        files = [path.stat().st_size for path in (place / ".flowc").rglob("*") if path.is_file()]
        return Soak(tasks, used, json.loads((place / "samples.json").read_text()), len(files), sum(files))
    finally:
        shutil.rmtree(place)


def measure_scale(bench: Bench) -> Iterator[Figure]:
    """Yield figures that show how a task's cost and the supervisor's memory grow with the number of tasks. The
    measurement takes minutes."""
    few, small, large = (soak(bench.directory, tasks) for tasks in (FEW, *SIZES))
    before, after = (_cost(few, each) for each in (small, large))
    text = f"{after.cpu * 1e3:.2f} ms CPU, {before.cpu * 1e3:.2f} ms; wall {after.wall / before.wall:.2f} ×"
    yield Figure(f"a task of {large.tasks:,} / of {small.tasks:,}", after.cpu / before.cpu, GROWTH, "×", ratio=text)
    yield from _growth(few, large)


def measure_soak(bench: Bench) -> Iterator[Figure]:
    """Yield the growth of descriptors, processes, memory, temporary files and the store in a run of 200,000 tasks.

    The run takes half an hour or more.
    """
    yield from _growth(soak(bench.directory, FEW), soak(bench.directory, SOAK))


def _cost(few: Soak, many: Soak) -> Use:
    tasks = many.tasks - few.tasks
    return Use((many.use.wall - few.use.wall) / tasks, (many.use.cpu - few.use.cpu) / tasks)


def _growth(few: Soak, many: Soak) -> Iterator[Figure]:
    tasks = many.tasks
    for what in COUNTED:
        text = f"from {many.samples[0][what]} to {many.samples[-1][what]} during {tasks:,} tasks"
        yield Figure(f"more {what}", many.grown(what), CHANCE, "", ratio=text)
    peak = max(each["kB"] for each in many.samples) / 1024
    yield Figure("supervisor, MiB", peak, SUPERVISOR_MIB + SUPERVISOR_KB_A_TASK * tasks / 1024, "")
    first, last = many.samples[0], many.samples[-1]
    text = f"from {first['kB'] / 1024:.1f} to {last['kB'] / 1024:.1f} MiB"
    grown = many.grown("kB") / (last["task"] - first["task"])
    yield Figure("supervisor, kB a task", grown, SUPERVISOR_KB_A_TASK, "kB", ratio=text)
    more = tasks - few.tasks
    text = f"{many.size / 2**20:.0f} MiB, {many.files:,} files"
    yield Figure("the store, kB a task", (many.size - few.size) / more / 1000, STORE_KB_A_TASK, "kB", ratio=text)
    yield Figure("files a task", (many.files - few.files) / more, FILES_A_TASK, "")
