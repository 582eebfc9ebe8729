"""A user's directory for tests: files, a store, and programs that run in it as a user would run them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from flowc_runtime.store.records.record_types import RECORD_VERSION
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
PACKAGES = ("sdk", "compiler", "emulator", "runtime_image")


def run_record(run: RunStore, **fields: Any) -> Any:
    """Return the record of a run, with these fields and as few others as possible."""
    return {
        "version": RECORD_VERSION, "flow": run.flow, "run": run.id, "created": 0.0, "user": "me", "target": "local",
        "parameters": {}, "code": "sha256:0", "process": {}, **fields,
    }  # fmt: skip


def done_record(run: RunStore, step: str, path: str = "0", **fields: Any) -> Any:
    """Return the record of a finished task, with these fields and as few others as possible."""
    return {
        "version": RECORD_VERSION, "flow": run.flow, "run": run.id, "step": step, "path": path, "attempt": 1,
        "outcome": "ok", "began": 0.0, "ended": 1.0, "parents": [], "artifacts": {}, "exit": {}, "process": {},
        "code": "sha256:0", **fields,
    }  # fmt: skip


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, even if its parent has not waited for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll `condition` until it is true; fail with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def passing(name: str = "go") -> str:
    """Return a line of Python that waits until the gate of this name is open; the program must import `fcntl`."""
    return f'with open("{name}") as gate: fcntl.flock(gate, fcntl.LOCK_SH)'


class Gate:
    """A file that a test locks: programs wait at the line `passing(name)` until `open` is called or the test ends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self) -> None:
        """Release programs that wait at the gate, now or later."""
        self._file.close()


def read_until(stream: IO[str] | None, text: str) -> str:
    """Read lines of a program's output until a line contains `text`; return all lines."""
    assert stream is not None
    lines = ""
    while text not in lines:
        line = stream.readline()
        assert line, f"{text!r} was not printed:\n{lines}"
        lines += line
    return lines


class Started(subprocess.Popen[str]):
    """A program that is killed if its `with` block raises an exception, because it may wait for the test."""

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *rest)


class Finished(NamedTuple):
    """A finished program."""

    code: int
    out: str
    err: str


class Project:
    """A user's directory: files, a store, and programs that run in it as a user would run them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.executable = sys.executable
        self.store = Store.open(str(root / ".flowc"))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
            "PYTHONWARNINGS": "error",
            # Without this directory, each pytest in a test deletes directories of earlier test runs, which takes
            # minutes.
            "PYTEST_DEBUG_TEMPROOT": str(root),
            **{
                name: value
                for name, value in os.environ.items()
                if name.startswith("COVERAGE_PROCESS_") or name == "TMPDIR"
            },
        }
        self._started: list[subprocess.Popen[str]] = []
        self._gates: list[Gate] = []

    def close(self) -> None:
        """Kill programs that still run, for example after a failed test."""
        for process in self._started:
            with process:  # leaving the `with` block closes the program's pipes and waits for its end
                process.kill()
        for gate in self._gates:
            gate.open()

    def gate(self, name: str = "go") -> Gate:
        """Close a gate and return it; programs wait at the line `passing(name)`."""
        gate = Gate(self.root / name)
        self._gates.append(gate)
        return gate

    def write(self, name: str, text: str) -> Path:
        """Write a file; the text is dedented."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start Python with these arguments; return the running program."""
        process = Started(
            [self.executable, *command],
            cwd=self.root,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        )
        self._started.append(process)
        return process

    def python(self, *command: str, timeout: float = 60, **environment: str) -> Finished:
        """Run Python with these arguments until it ends; return its exit code and output."""
        with self.start(*command, **environment) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return Finished(process.returncode, out, err)

    def flowc(self, *arguments: str, **environment: str) -> Finished:
        """Run `flowc`."""
        return self.python("-m", "flowc", *arguments, **environment)

    def run(self, file: str, *arguments: str, **environment: str) -> RunStore:
        """Run a flow, which must succeed; return the run."""
        done = self.flowc("run", "--local", file, *arguments, **environment)
        assert done.code == 0, done.err
        return self.latest()

    def latest(self) -> RunStore:
        """Return the newest run of the only flow."""
        (flow,) = self.store.flows()
        return self.store.run(flow, self.store.runs(flow)[-1])

    def artifacts(self, run: RunStore, step: str, path: str = "0") -> dict[str, Any]:
        """Return the artifacts of a task."""
        record = run.task(step, path)
        return {name: load_value(run.objects, ref) for name, ref in record["artifacts"].items()}
