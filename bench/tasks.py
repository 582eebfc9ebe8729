"""Measure the cost of a task without the fixed cost of a run, relative to a fork (`bench.forking`).

All figures of this module are ratios of CPU times (user and system, of all processes), because the wall time of a task
is only a few milliseconds and depends on the load of the machine. The text beside a figure also shows wall times. A
task's cost is the difference between the costs of a long and a short run, divided by the number of additional tasks.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
from typing import TYPE_CHECKING

from bench.environments import make_checkout
from bench.figures import Bench, Figure
from bench.measure import FLOWS, Use, module_output, new_directory, use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FEW, MANY = 5, 305  # the numbers of items in the short and in the long run, whose difference gives the cost of a task
FORKS = 300
FILES_A_TASK = 3
LIBRARIES = ("numpy", "pandas", "sklearn")


def measure_tasks(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of a task on one worker, and how tasks that compute scale to two workers."""
    floors, ones = _rounds(
        bench.times,
        lambda: _floor(bench.directory, "linear.py"),
        lambda: _task(bench.directory, "fanout.py", "--max-workers", "1"),
    )
    walls = statistics.median(task.wall / floor.wall for task, floor in zip(ones, floors, strict=True))
    text = f"{_ms(ones)} CPU, a fork {_ms(floors)}; wall {walls:.1f} ×"
    yield _ratio("a task / fork and wait, one worker", 2, ones, floors, text)

    two, one = _rounds(
        bench.times,
        *(lambda workers=workers: _whole(bench.directory, "busy.py", "--max-workers", workers) for workers in "21"),
    )
    speed = [each.wall / alone.wall for each, alone in zip(two, one, strict=True)]
    text = f"{1 / statistics.median(speed):.2f} × faster, steps of 50 ms CPU"
    yield Figure("two workers / one worker", statistics.median(speed), 1 / 1.8, "×", min(speed), text)

    if bench.baseline is not None:
        python = make_checkout(bench.baseline, "argo")
        uses = _rounds(
            bench.times,
            *(
                lambda flow=flow, program=program: _task(bench.directory, flow, "--max-workers", "1", python=program)
                for program in (sys.executable, python)
                for flow in ("fanout.py", "cards.py")
            ),
        )
        now, before = (
            [Use(card.wall - plain.wall, card.cpu - plain.cpu) for plain, card in zip(*uses[at : at + 2], strict=True)]
            for at in (0, 2)
        )
        text = f"{_ms(now)} CPU a card, {_ms(before)}"
        yield _ratio(f"a card / commit {bench.baseline[:7]}", 0.3, now, before, text)

        now, before = (list(column) for column in _rounds(
            bench.times,
            *(lambda program=program: _whole(bench.directory, "small.py", python=program)
              for program in (sys.executable, python)),
        ))  # fmt: skip
        walls = statistics.median(each.wall / other.wall for each, other in zip(now, before, strict=True))
        text = f"10,000 texts of 1.2 kB stored and read; wall {walls:.2f} ×, CPU {_ms(now)}, {_ms(before)}"
        yield _ratio(f"many small artifacts / commit {bench.baseline[:7]}", 1 / 5, now, before, text)

    count = {width: _files(bench.directory, width) for width in (FEW, FEW + 20)}
    text = "the record, the record of the start, and no log without output"
    yield Figure("files a task", (count[FEW + 20] - count[FEW]) / 20, FILES_A_TASK, "", ratio=text)


def measure_science(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of a task in a flow that has imported large libraries, relative to a flow without them."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not measured: {', '.join(missing)} is not installed", file=sys.stderr)
        return
    plain, large, floors = _rounds(
        bench.times,
        lambda: _task(bench.directory, "fanout.py", "--max-workers", "1"),
        lambda: _task(bench.directory, "science.py", "--max-workers", "1"),
        lambda: _floor(bench.directory, "science.py", "--width", "1"),
    )
    text = f"{_ms(large)} CPU; a fork of that size {_ms(floors)}"
    yield _ratio(f"a task with {', '.join(LIBRARIES)} / without", 3, large, plain, text)


def _rounds(times: int, *measures: Callable[[], Use]) -> list[tuple[Use, ...]]:
    """Call the functions alternately, so that a busy machine slows all of them; the first round fills caches."""
    rounds = [[measure() for measure in measures] for _ in range(times + 1)][1:]
    return list(zip(*rounds, strict=True))


def _ratio(name: str, target: float, uses: Sequence[Use], others: Sequence[Use], text: str) -> Figure:
    ratios = [each.cpu / other.cpu for each, other in zip(uses, others, strict=True)]
    return Figure(name, statistics.median(ratios), target, "×", min(ratios), text)


def _ms(uses: Sequence[Use]) -> str:
    return f"{statistics.median(each.cpu for each in uses) * 1e3:.2f} ms"


def _whole(directory: Path, flow: str, *options: str, python: str = sys.executable) -> Use:
    """Return the wall time and the CPU time of a run in a new directory."""
    return use([python, str(FLOWS / flow), "run", *options], new_directory(directory))


def _task(directory: Path, flow: str, *options: str, python: str = sys.executable) -> Use:
    """Return the wall time and the CPU time that one more item adds to a foreach."""
    few, many = (_whole(directory, flow, "--width", str(width), *options, python=python) for width in (FEW, MANY))
    return Use((many.wall - few.wall) / (MANY - FEW), (many.cpu - few.cpu) / (MANY - FEW))


def _floor(directory: Path, flow: str, *options: str) -> Use:
    """Return the wall time and the CPU time to fork a process that has run the flow, and to wait for the child."""
    place = new_directory(directory)
    told = module_output(place, "forking", str(FORKS), str(FLOWS / flow), "run", *options)
    return Use(**json.loads(told.splitlines()[-1]))


def _files(directory: Path, width: int) -> int:
    """Return the number of files of a run."""
    place = new_directory(directory)
    use([sys.executable, str(FLOWS / "fanout.py"), "run", "--width", str(width)], place)
    return sum(path.is_file() for path in (place / ".flowc").rglob("*"))
