"""Print what a run left as JSON, the same for whatever package `metaflow` is: executed under flowc and under Metaflow.

    python dump.py FLOW_FILE RUN

Every step's tasks in no order, each with its artifacts; what a class of the flow's own is shows by its name and state.
"""

import json
import pickle
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ADDED = "name"  # an artifact that Metaflow adds to every task: the flow's name


class Own(dict):
    """An object of a class that is the flow's own: what it was made of, its state, and what was put into it."""

    def __new__(cls, *arguments):
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __init__(self, *arguments):
        pass


class Lenient(pickle.Unpickler):
    """Reads objects whose classes are in the flow's file: under any module, each is a class of its name here."""

    def find_class(self, module, name):
        try:
            if module != "__main__":
                return super().find_class(module, name)
        except ModuleNotFoundError:
            pass
        return type(name, (Own,), {})


def steps(file):
    """The names of the steps in the flow's file."""
    return sorted(set(re.findall(r"@step(?:\(.*\))?\n\s+def (\w+)", Path(file).read_text(encoding="utf-8"))))


def artifacts(file, run, step):
    """The artifacts of every task of a step that ran; None for one that did not."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory, "values")
        command = [sys.executable, file, "--quiet", "dump", "--file", str(target), f"{run}/{step}"]
        subprocess.run(command, capture_output=True, check=False)
        if not target.exists():
            return None
        with target.open("rb") as stream:
            return list(Lenient(stream).load().values()) or None


def neutral(value):
    """The value as JSON would have it, with the type of everything that JSON cannot tell apart."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = type(value).__name__
    if isinstance(value, Own):
        return {kind: [neutral(vars(value)), neutral(dict(value))]}
    if isinstance(value, dict):
        pairs = sorted(([neutral(k), neutral(v)] for k, v in value.items()), key=json.dumps)
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        return {kind: [neutral(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {kind: sorted((neutral(item) for item in value), key=json.dumps)}
    if hasattr(value, "stacktrace"):  # what @catch keeps; what Metaflow's own exceptions say is its own
        return {"exception": [value.type, None if value.type.startswith("metaflow.") else value.exception]}
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return {kind: neutral(vars(value))}
    return {kind: repr(value)}


def main(file, run):
    """All steps."""
    found = {}
    for step in steps(file):
        tasks = artifacts(file, run, step)
        if tasks is not None:
            shown = [{name: neutral(value) for name, value in task.items() if name != ADDED} for task in tasks]
            found[step] = sorted(shown, key=lambda task: json.dumps(task, sort_keys=True))
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
