"""Pipelines under flowc and under runnable: the two programs run the same file alternately.

runnable runs in its own virtual environment. A figure is flowc's wall time divided by runnable's; the text beside the
figure shows both wall times, and the CPU times (user and system, of all processes) with their ratio.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from bench.environments import make_environment
from bench.figures import Bench, Figure
from bench.measure import FLOWS, Use, new_directory, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RUNNABLE = ("runnable-0.50.0", ("runnable[k8s]==0.50.0",))  # the extra `k8s` also installs runnable's back end for Argo
FILES = ("plain_functions.py", "pipelines.py", "made_pipelines.py", "runnable_argo.yaml")
MAP_ITEMS, LINEAR_ITEMS = 100, 10_000


@final
@dataclass(frozen=True)
class Program:
    """The command line of a program to measure, and additional environment variables for it."""

    command: list[str]
    variables: Mapping[str, str]

    def use(self, directory: Path) -> Use:
        """Run the program in a new directory without a store. The directory contains the pipelines' files, because
        runnable searches for them in the working directory."""
        place = new_directory(directory)
        for name in FILES:
            shutil.copy(FLOWS / name, place)
        return use(self.command, place, self.variables)


def program(python: str, *arguments: str, **variables: str) -> Program:
    """Return the program that runs an interpreter with these arguments and environment variables."""
    return Program([python, *arguments], variables)


def alternately(directory: Path, times: int, ours: Program, theirs: Program, cold: int = 1) -> list[tuple[Use, Use]]:
    """Measure two programs alternately, after `cold` runs of each that fill caches."""
    rounds = [(ours.use(directory), theirs.use(directory)) for _ in range(times + cold)]
    return rounds[cold:]


def ratio(name: str, target: float, uses: list[tuple[Use, Use]], other: str = "runnable") -> Figure:
    """Return the figure that compares two programs, whose measurements alternated."""
    walls = [ours.wall / theirs.wall for ours, theirs in uses]
    ours, theirs = (_median([each[column] for each in uses]) for column in (0, 1))
    text = (
        f"wall {ours.wall:.2f} s, {other} {theirs.wall:.2f} s; "
        f"CPU {ours.cpu:.2f} s, {theirs.cpu:.2f} s = {ours.cpu / theirs.cpu:.3f} ×"
    )
    return Figure(name, statistics.median(walls), target, "×", min(walls), text)


def _median(uses: list[Use]) -> Use:
    return Use(statistics.median(each.wall for each in uses), statistics.median(each.cpu for each in uses))


def measure_pipelines(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of pipelines relative to runnable."""
    python, runnable, place = sys.executable, make_environment(*RUNNABLE), bench.directory

    pair = program(python, "-c", "import flowc.pipeline"), program(runnable, "-c", "import runnable")
    yield ratio("import flowc.pipeline / runnable", 1 / 10, alternately(place, bench.times, *pair))

    def both(shape: str, number: int, **variables: str) -> tuple[Program, Program]:
        return (
            program(python, "pipelines.py", "flowc.pipeline", shape, str(number)),
            program(runnable, "pipelines.py", "runnable", shape, str(number), **variables),
        )

    ten = both("chain", 10, RUNNABLE_PRM_count="0")
    yield ratio("10 steps / runnable", 1 / 5, alternately(place, bench.times, *ten))

    items = both("map", MAP_ITEMS, RUNNABLE_PRM_width=str(MAP_ITEMS))
    # Measure fewer rounds, because each round takes a minute or more. `cold=0`: the measurement of `ten` has already
    # filled the caches.
    few = max(1, bench.times // 4)
    yield ratio(f"map of {MAP_ITEMS} items / runnable", 1 / 80, alternately(place, few, *items, cold=0))

    def own(number: int) -> Program:
        return both("map", number)[0]

    sizes = own(LINEAR_ITEMS), own(LINEAR_ITEMS // 10)
    yield ratio("map of 10,000 items / of 1,000", 11, alternately(place, few, *sizes, cold=0), "of 1,000")

    compiles = (
        program(python, "-m", "flowc", "compile", "--target", "argo", "made_pipelines.py:fifty", "-o", "argo.yaml"),
        both("chain", 50, RUNNABLE_PRM_count="0", RUNNABLE_CONFIGURATION_FILE="runnable_argo.yaml")[1],
    )
    yield ratio("compile of 50 steps / runnable", 1 / 4, alternately(place, bench.times, *compiles))
