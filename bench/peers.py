"""The same flows under other programs, as black boxes, each in a cached virtual environment.

The flow files run unchanged under Metaflow. Luigi has no foreach; `flows/luigi_tasks.py` has a hundred tasks with the
same work.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.cases import flow
from bench.environments import METAFLOW, make_environment
from bench.figures import measure_program
from bench.measure import FLOWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LUIGI = ("luigi", ("luigi>=3.6,<4",))
TWO_WORKERS = ("--max-workers", "2")


def measure_peers(directory: Path, times: int) -> Iterator[tuple[str, str, float]]:
    """Yield (program, runner, median seconds): flowc and each peer with the same command line."""
    metaflow = make_environment(*METAFLOW)
    for what, name in (("3 trivial steps", "linear"), ("100-way foreach", "fanout"), ("256 MiB array", "large")):
        for who, python in (("flowc", sys.executable), ("Metaflow 2.19", metaflow)):
            sample = measure_program([python, *flow(name, *TWO_WORKERS)], directory, times)
            yield what, who, sample.median
    for who, python in (("flowc", sys.executable), ("Metaflow 2.19", metaflow)):
        yield "import metaflow", who, measure_program([python, "-c", "import metaflow"], directory, times).median
    luigi = make_environment(*LUIGI)
    command = [luigi, str(FLOWS / "luigi_tasks.py")]
    yield "100 tasks", "Luigi 3 (no records, no logs)", measure_program(command, directory, times).median
