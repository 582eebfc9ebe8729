"""The CPU time of short programs relative to a bare Python start, and of a short flow relative to Metaflow.

Each program runs alternately with `python -c pass`, a bare start, so that a busy machine slows all of them. CPU time is
user and system time of a program and of the processes that it waits for.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from bench.environments import METAFLOW, make_environment
from bench.figures import Bench, Figure
from bench.measure import FLOWS, Use, new_directory, output, run, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HEAVY = ("hera", "pydantic", "kubernetes", "rich", "obstore", "yaml", "jsonschema", "click", "asyncio", "numpy")
# files that are copied out of the git repository, because inside a repository `flowc run` also asks git for the state
FILES = ("linear.py", "plain_functions.py", "pipelines.py", "made_pipelines.py")
LINEAR = ("linear.py", "run")
PEER = 1 / 12
MADE = ("-m", "flowc", "run", "--local", "made_pipelines.py:ten", "--count", "0")


@final
@dataclass(frozen=True)
class Start:
    """A program to measure against a bare start.

    Attributes:
        name: the figure's name.
        target: the largest allowed ratio of the program's CPU time to that of a bare start.
        arguments: the arguments of Python.
        line: the command line that a completion completes; empty for other programs.
        added: whether the ratio has only the time beyond a bare start: the time of the bare start is subtracted.
        in_store: whether the program needs a store with runs.
    """

    name: str
    target: float
    arguments: tuple[str, ...]
    line: str = ""
    added: bool = False
    in_store: bool = False


STARTS = (
    Start("import metaflow adds", 0.7, ("-c", "import metaflow"), added=True),
    Start(
        "from metaflow import FlowSpec, … adds",
        2,
        ("-c", "from metaflow import FlowSpec, step, Parameter, current"),
        added=True,
    ),
    Start("3 trivial steps", 10, LINEAR),
    Start("flowc --help", 5, ("-m", "flowc", "--help")),
    Start("flowc runs", 5, ("-m", "flowc", "runs"), in_store=True),
    Start("flowc show FLOW/RUN", 5, ("-m", "flowc", "show", "LinearBench/latest"), in_store=True),
    Start("completion of a command", 3, ("-m", "flowc"), line="flowc ru"),
    Start("completion of an option", 3, ("-m", "flowc"), line="flowc run --"),
    Start("completion of a run", 3, ("-m", "flowc"), line="flowc show LinearBench/", in_store=True),
    Start("10 mocked steps", 12, (*MADE, "--mock")),
    Start("10 steps of a named pipeline", 25, MADE),  # the figure consists mostly of the time to start the fork server
)


def measure_starts(bench: Bench) -> Iterator[Figure]:
    """Yield the figures of start-up: CPU times as ratios to `python -c pass`, and the modules that `import metaflow`
    loads."""
    store = _new(bench.directory)
    for _ in range(3):
        run([sys.executable, *LINEAR], store)
    metaflow = make_environment(*METAFLOW)

    def once(start: Start) -> Use:
        variables = {"_FLOWC_COMPLETE": "bash_complete", "COMP_LINE": start.line} if start.line else {}
        return _used(bench.directory, [sys.executable, *start.arguments], variables, store if start.in_store else None)

    def bare() -> Use:
        return _used(bench.directory, [sys.executable, "-c", "pass"], {})

    def peer() -> Use:
        return _used(bench.directory, [metaflow, *LINEAR], {"METAFLOW_USER": "bench"})

    rounds = [(bare(), [once(start) for start in STARTS], peer()) for _ in range(bench.times + 1)][1:]
    floor = statistics.median(base.cpu for base, _, _ in rounds)
    for column, start in enumerate(STARTS):
        ratios = [all_[column].cpu / base.cpu - start.added for base, all_, _ in rounds]
        cpu = statistics.median(all_[column].cpu for _, all_, _ in rounds)
        text = f"CPU {cpu * 1e3:.1f} ms, a bare start {floor * 1e3:.1f} ms"
        yield Figure(f"{start.name} / python -c pass", statistics.median(ratios), start.target, "×", min(ratios), text)
    linear = next(column for column, start in enumerate(STARTS) if start.arguments == LINEAR)
    ratios = [all_[linear].cpu / theirs.cpu for _, all_, theirs in rounds]
    text = f"CPU of {METAFLOW[0]} {statistics.median(theirs.cpu for _, _, theirs in rounds) * 1e3:.0f} ms"
    yield Figure("3 trivial steps / Metaflow", statistics.median(ratios), PEER, "×", min(ratios), text)

    loaded = json.loads(output([sys.executable, "-c", _LOADED], bench.directory))
    heavy = sorted(set(HEAVY) & set(loaded["packages"]))
    text = ", ".join(heavy) or f"{loaded['modules']} modules beyond a Python start"
    yield Figure("heavy packages that import metaflow loads", len(heavy), 0, "", ratio=text)


def _new(directory: Path) -> Path:
    """Make a directory with the flows, outside of a repository."""
    place = new_directory(directory)
    for file in FILES:
        shutil.copy(FLOWS / file, place)
    return place


def _used(directory: Path, command: list[str], variables: Mapping[str, str], place: Path | None = None) -> Use:
    """Measure a program in the directory `place`, or in a new directory."""
    if place is not None:
        return use(command, place, variables)
    return use(command, _new(directory), variables)


_LOADED = """
import json, sys
before = set(sys.modules)
import metaflow
new = set(sys.modules) - before
print(json.dumps({"modules": len(new), "packages": sorted({name.partition(".")[0] for name in new})}))
"""
