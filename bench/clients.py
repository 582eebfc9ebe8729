"""Measure the cost of reading: a store with 1,000 runs and one run of 10,000 tasks, copied from real runs."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from flowc_runtime.store.records.sealed import FIELD, dump

RUNS, TASKS = 1_000, 10_000


def make_runs(store: Path, flow: str, count: int = RUNS) -> None:
    """Copy a flow's only run `count - 1` times. The copies' start times are a second apart, and every tenth copy has
    the tag `tenth`."""
    (first,) = (store / "flows" / flow / "runs").iterdir()
    record = json.loads((first / "run.json").read_text())
    for number in range(1, count):
        created = record["created"] + number
        name = time.strftime("%Y%m%d-%H%M%S-000", time.gmtime(created))
        run = shutil.copytree(first, first.parent / name)
        (run / "run.json").write_bytes(dump(_open(record) | {"run": name, "created": created}))
        if number % 10 == 0:
            tag = store / "flows" / flow / "tags" / name / "tenth"
            tag.parent.mkdir(parents=True)
            tag.touch()


def make_tasks(store: Path, flow: str, step: str, count: int = TASKS) -> None:
    """Fill the foreach of a flow's only run with `count` tasks, which are copies of its first task."""
    (run,) = (store / "flows" / flow / "runs").iterdir()
    tasks = run / "tasks" / step
    begun, record = (tasks / "0.0-1.begin.json").read_bytes(), _open(json.loads((tasks / "0.0.json").read_text()))
    for number in range(1, count):
        (tasks / f"0.{number}-1.begin.json").write_bytes(begun)
        (tasks / f"0.{number}.json").write_bytes(dump(record | {"path": f"0.{number}"}))


def _open(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without its digest."""
    return {name: value for name, value in record.items() if name != FIELD}


def main(what: str, flow: str) -> None:
    """Print the seconds that one reading takes, without the time of the imports."""
    # imported before the clock starts; the figure `import metaflow` measures this import
    from metaflow import Flow, Run, namespace

    namespace(None)
    latest = Flow(flow).latest_run
    assert latest is not None
    pathspec = latest.pathspec
    answer: Any
    began = time.perf_counter()
    if what == "list":
        answer = len(list(Flow(flow)))
    elif what == "tag":
        answer = len(list(Flow(flow).runs("tenth")))
    elif what == "expression":
        answer = len(list(Flow(flow).runs(tags="tenth and user:* and not old", status="succeeded")))
    elif what == "one":
        run = Run(pathspec)
        answer = run.successful, run["square"][f"0.{TASKS // 2}"].data.result
    else:
        answer = sum(1 for task in Run(pathspec)["square"] if task.successful)
    print(json.dumps({"seconds": time.perf_counter() - began, "answer": answer}))


if __name__ == "__main__":
    main(*sys.argv[1:])
