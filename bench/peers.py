"""The same flows under other programs, as black boxes, each in a cached virtual environment.

The flow files run unchanged under Metaflow. Luigi has no foreach; `flows/luigi_tasks.py` has a hundred tasks with the
same work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cases import flow, measure_program
from bench.measure import FLOWS
from metaflow.metaflow_version import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

METAFLOW = (f"metaflow-{API_VERSION}", (f"metaflow=={API_VERSION}", "numpy"))
LUIGI = ("luigi", ("luigi>=3.6,<4",))
TWO_WORKERS = ("--max-workers", "2")


def cache() -> Path:
    """Return the directory of the environments: `FLOWC_BENCH_CACHE`, or one below the user's cache directory."""
    given = os.environ.get("FLOWC_BENCH_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "flowc-bench"


def make_environment(name: str, packages: tuple[str, ...]) -> str:
    """Return the Python of an environment with these packages; create it on first use."""
    place = cache() / name
    python = place / "bin" / "python"
    stamp = place / "made"
    if not stamp.exists():
        print(f"installing {', '.join(packages)} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.touch()
    return str(python)


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
