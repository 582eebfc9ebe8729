"""Work that is done once in the process that forks tasks, so that the tasks need not do it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.launching import Preloaded
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import NotFound
from flowc_runtime.process.process import prepare_streams
from flowc_runtime.run.task.warm_up import warm_up
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.run_store import RunStore

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.record_types import AttemptRecord
    from project import Project

FLOW = """
import os
from flowc_ir.late import dataclass as late
from metaflow import FlowSpec, step

compile_init, compiled = late._compile_init, []

def noted(fields, options):
    compiled.append((os.getpid(), options.owner.__name__))
    return compile_init(fields, options)

late._compile_init = noted

class F(FlowSpec):
    @step
    def start(self):
        self.xs = [0, 1]
        self.next(self.work, foreach="xs")

    @step
    def work(self):
        self.compiled = [name for pid, name in compiled if pid == os.getpid()]
        self.next(self.join)

    @step
    def join(self, inputs):
        assert [each.compiled for each in inputs] == [[], []], [each.compiled for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    F()
"""


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_tasks_compile_no_methods_of_flowcs_dataclasses(project: Project, start: str) -> None:
    project.write("flow.py", FLOW)
    project.run("flow.py", "--start", start)  # the test's assertions are in the steps of the flow


def test_a_warm_up_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here, variables, streams = ambient(), dict(os.environ), (sys.stdin, sys.stdout, sys.stderr)
    warm_up()
    assert ambient() is here
    assert here.task is None
    assert here.metrics is None
    assert dict(os.environ) == variables
    assert (sys.stdin, sys.stdout, sys.stderr) == streams
    assert list(tmp_path.iterdir()) == []


def test_prepared_streams_leave_the_descriptors_as_they_were() -> None:
    before = [os.fstat(descriptor) for descriptor in range(3)]
    open_before = set(os.listdir("/proc/self/fd"))
    prepare_streams()
    after = [os.fstat(descriptor) for descriptor in range(3)]
    assert [(each.st_dev, each.st_ino) for each in after] == [(each.st_dev, each.st_ino) for each in before]
    assert set(os.listdir("/proc/self/fd")) == open_before


def record(path: str) -> AttemptRecord:
    return {
        "version": 2, "flow": "F", "run": "1", "step": "s", "path": path, "attempt": 1, "outcome": "ok",
        "began": 1.0, "ended": 2.0, "parents": [], "artifacts": {}, "exit": {"code": 0},
        "process": {"host": "h", "pid": 1, "started": "1"}, "code": "sha256:0",
    }  # fmt: skip


def test_a_preloaded_record_is_read_once_and_replaced_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryObjects()
    stored = RunStore(objects, "F", "1")
    for path in ("0", "0.1"):
        stored.finish(record(path))
    read: list[str] = []
    get = objects.get
    monkeypatch.setattr(objects, "get", lambda key: read.append(key.rpartition("/")[2]) or get(key))

    run = Preloaded(stored)
    for _ in range(3):
        run.preload("s", "0")
        assert run.task("s", "0")["path"] == "0"
    assert read == ["0.json"]
    run.preload("s", "0.1")
    assert run.task("s", "0.1")["path"] == "0.1"
    # the second preload has replaced the first record, so this read sends a request to the store
    assert run.task("s", "0")["path"] == "0"
    assert read == ["0.json", "0.1.json", "0.json"]
    with pytest.raises(NotFound):
        run.preload("s", "0.2")
