"""The figures of the bench with their targets, and the class that measures programs."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, final

from bench.measure import Floors, Sample, repeat, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Unit = Literal["s", "ms", "×", "kB", ""]


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: `value` is the median, `least` the minimum, `ratio` a text that compares the value with a
    floor or with another program."""

    name: str
    value: float
    target: float
    unit: Unit
    least: float | None = None
    ratio: str = ""

    @property
    def ok(self) -> bool:
        """Whether the figure meets its target."""
        return self.value <= self.target


@final
@dataclass(frozen=True, slots=True)
class Bench:
    """Runs each program `times` times in a directory, and relates its duration to `floors`.

    The floors are the shortest possible durations on this machine, such as the start of a Python process without code.
    """

    directory: Path
    times: int
    floors: Floors
    baseline: str | None = None

    def program(self, *arguments: str) -> Sample:
        """Measure a Python program several times."""
        return measure_program([sys.executable, *arguments], self.directory, self.times)

    def together(self, *programs: list[str]) -> list[Sample]:
        """Measure several Python programs alternately, so that a busy machine slows all of them."""
        once = [partial(run_once, [sys.executable, *program], self.directory) for program in programs]
        rounds = [[measure() for measure in once] for _ in range(self.times + 1)][1:]
        return [Sample(times) for times in zip(*rounds, strict=True)]


def measure_program(command: list[str], directory: Path, times: int) -> Sample:
    """Run a program once to fill its caches, then measure it."""
    run_once(command, directory)
    return repeat(times, lambda: run_once(command, directory))


def run_once(command: list[str], directory: Path, around: Mapping[str, str] | None = None) -> float:
    """Run a program in a new directory, which contains no store, and return its seconds."""
    place = directory / "run"
    place.mkdir()
    try:
        return run(command, place, around)
    finally:
        shutil.rmtree(place)
