"""Measure the least cost of a task: a process with the memory of a real run forks a child that exits at once.

`python -m bench.forking COUNT FLOW.py ARGUMENT…` first runs the flow in this process, so that the process has the
modules and objects of a real run. The command then prints the wall and the CPU seconds of one fork as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import runpy
import sys
import time
from pathlib import Path


def main(count: int, program: list[str]) -> None:
    """Run the program, then fork `count` times and print the seconds of a fork."""
    sys.argv = program
    sys.path[0] = str(Path(program[0]).parent)
    out = os.dup(1)
    try:
        runpy.run_path(program[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    gc.freeze()
    before, began = _cpu(), time.perf_counter()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    took = {"wall": (time.perf_counter() - began) / count, "cpu": (_cpu() - before) / count}
    os.write(out, json.dumps(took).encode())


def _cpu() -> float:
    """Return the CPU seconds of this process and its ended children."""
    uses = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in uses)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
