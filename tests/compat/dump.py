"""Print the results of a run as JSON, in the same form under flowc and under Metaflow.

    python dump.py FLOW_FILE RUN

The program reads the tasks of each step through the client; the order of tasks does not matter.
"""

import enum
import inspect
import json
import os
import re
import runpy
import sys
from pathlib import Path

import __main__
from metaflow import Run, namespace

ADDED = "name"  # an artifact that Metaflow adds to every task: the flow's name


def neutral(value):
    """Return the value in a JSON form that also contains the names of types that JSON cannot distinguish."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = type(value).__name__
    if hasattr(value, "stacktrace"):  # an exception stored by @catch; messages of Metaflow's exceptions may differ
        return {"exception": [value.type, None if value.type.startswith("metaflow.") else value.exception]}
    if isinstance(value, dict):
        pairs = sorted(([neutral(k), neutral(v)] for k, v in value.items()), key=json.dumps)
        return {"dict" if kind == "ConfigValue" else kind: pairs}
    if isinstance(value, (list, tuple)):
        return {kind: [neutral(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {kind: sorted((neutral(item) for item in value), key=json.dumps)}
    if isinstance(value, enum.Enum):
        return {kind: value.name}
    if hasattr(value, "__dict__") and not inspect.isroutine(value):
        return {kind: neutral(vars(value))}
    return {kind: repr(value)}


def flow_of(file):
    """Run a flow's file, make its classes available to this program, and return the name of the flow."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    names = runpy.run_path(file, run_name="flow")
    vars(__main__).update((name, value) for name, value in names.items() if not name.startswith("__"))
    found = re.search(r"__main__.:\n(?:    .*\n)*?    (\w+)\(\)$", Path(file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def main(file, run):
    """Return step -> the artifacts of its tasks; steps without tasks are left out."""
    flow = flow_of(file)
    namespace(None)
    found = {}
    for step in Run(f"{flow}/{run}"):
        tasks = [
            {a.id: neutral(a.data) for a in task.artifacts if not a.id.startswith("_") and a.id != ADDED}
            for task in step.tasks()
            if task.successful
        ]
        if tasks:
            found[step.id] = sorted(tasks, key=lambda task: json.dumps(task, sort_keys=True))
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
