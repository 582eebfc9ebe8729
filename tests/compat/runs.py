"""Run a case with a Python interpreter in which `metaflow` is flowc or Metaflow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from compat.cases import HERE, USER

if TYPE_CHECKING:
    from compat.cases import Case


class Program(NamedTuple):
    """A Python interpreter whose package `metaflow` is flowc's or Metaflow's."""

    name: str
    python: str
    path: tuple[str, ...] = ()
    """Directories for PYTHONPATH."""

    def environment(self, home: Path) -> dict[str, str]:
        """Return the environment variables for processes of this interpreter, which is `python` on their PATH."""
        return {
            "PATH": os.pathsep.join((str(Path(self.python).parent), os.environ["PATH"])),
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join(self.path),
            "METAFLOW_USER": USER,
            "LC_ALL": "C.UTF-8",
        }

    def call(self, directory: Path, *arguments: str, **environment: str) -> Finished:
        """Run the interpreter with these arguments until it ends."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=directory,
            env=self.environment(directory) | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)


class Finished(NamedTuple):
    """A finished process."""

    code: int
    out: str
    err: str


def make_project(directory: Path) -> None:
    """Create a directory with empty stores, so that flowc and Metaflow use no store in a parent directory."""
    for store in (".flowc", ".metaflow"):
        (directory / store).mkdir(parents=True)


def run_case(program: Program, case: Case, directory: Path) -> Finished:
    """Run the flow in a new directory, with copies of the files beside the flow."""
    make_project(directory)
    shutil.copytree(case.home, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    arguments = (f"{case.flow}.py", *case.before, "run", "--run-id-file", "run-id", *case.arguments)
    return program.call(directory, *arguments, **case.environment)


def dump(program: Program, directory: Path, case: Case) -> Any:
    """Return the artifacts of every task, in one form for flowc and Metaflow; None if the run did not start."""
    run = directory / "run-id"
    if not run.exists():
        return None
    done = program.call(directory, str(HERE / "dump.py"), f"{case.flow}.py", run.read_text())
    assert done.code == 0, done.err
    found = {step: sorted(tasks, key=json.dumps) for step, tasks in json.loads(done.out).items()}
    return [task.get("seen") for task in found.get("end", ())] if case.seen else found


def faults(case: Case, finished: Finished) -> list[str]:
    """Return how the finished run differs from the case's expected result."""
    found = []
    if finished.code != case.code:
        found.append(f"exit code {finished.code}, not {case.code}:\n{finished.out[-2000:]}{finished.err[-2000:]}")
    if case.says not in finished.out + finished.err:
        found.append(f"nowhere '{case.says}':\n{finished.out[-2000:]}{finished.err[-2000:]}")
    return found


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Return the differences between two dumps."""
    if type(one) is type(other) and isinstance(one, dict):
        return [
            line
            for name in sorted(one.keys() | other.keys())
            for line in differences(one.get(name, "(not there)"), other.get(name, "(not there)"), f"{where}/{name}")
        ]
    if type(one) is type(other) and isinstance(one, list) and len(one) == len(other):
        return [
            line
            for number, pair in enumerate(zip(one, other, strict=True))
            for line in differences(*pair, f"{where}/{number}")
        ]
    return [] if one == other else [f"{where}: {json.dumps(one)[:300]} is not {json.dumps(other)[:300]}"]
