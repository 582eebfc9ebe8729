"""The exit codes of pods that cannot run an attempt: 79 if a retry cannot succeed, 75 if it may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base import errors
from flowc_runtime.base.contract import INFRASTRUCTURE, NO_RETRY
from flowc_runtime.run.task import attempts

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

FLOW = """
    from metaflow import FlowSpec, card, parallel, retry, step

    class Pods(FlowSpec):
        @step
        def start(self):
            self.items = ["a", "b"]
            self.next(self.work, num_parallel=2)

        @parallel
        @retry(times=3)
        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
    """


class Pods:
    """The pods of a workflow whose first task is done; the methods call the entry point as pods do."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = project.root / ".flowc"
        project.write("code/flow.py", FLOW)
        (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
        self.environment = {
            "FLOWC_STORE": f"file://{self.root}",
            "FLOWC_RUN": "pods-x7",
            "FLOWC_IR": str(project.root / "ir.json"),
            "FLOWC_CODE": str(project.root / "code"),
            "FLOWC_OUT": str(project.root / "out"),
        }
        self.run: RunStore = project.store.run("Pods", "pods-x7")
        done = self.call("start", "0")
        assert done.code == 0, done.err

    def call(self, step: str, path: str, **environment: str) -> Finished:
        return self.project.python(
            "-m", "flowc_runtime", "task", step, "--path", path, "--retry", "0", **self.environment | environment
        )

    def path(self, name: str) -> Path:
        return self.root / self.run.prefix / name


@pytest.fixture
def cluster(project: Project) -> Pods:
    return Pods(project)


def damaged(cluster: Pods, name: str, subject: str, why: str = "it is empty") -> str:
    key = f"{cluster.run.prefix}/{name}"
    return (f"flowc: {key} in file://{cluster.root} ({subject}) is damaged: {why}; restore it from a copy, or list what "
            "is lost: flowc fsck\n")  # fmt: skip


def test_a_damaged_record_of_a_parent_is_no_matter_of_another_attempt(cluster: Pods) -> None:
    cluster.path("tasks/start/0.json").write_bytes(b"")
    done = cluster.call("work", "0.0")
    told = damaged(cluster, "tasks/start/0.json", "task Pods/pods-x7/start/start-0").removeprefix("flowc: ")
    assert (done.code, done.err) == (NO_RETRY, told)
    assert cluster.run.status()["state"] == "failed"  # although retries are left


def test_a_record_that_was_moved_aside_is_no_matter_of_another_attempt(cluster: Pods) -> None:
    aside = cluster.root / "damaged" / cluster.run.prefix / "tasks/start/0.json"
    aside.parent.mkdir(parents=True)
    cluster.path("tasks/start/0.json").rename(aside)
    done = cluster.call("work", "0.0")
    assert (done.code, " was moved to damaged/" in done.err) == (NO_RETRY, True), done.err


def test_a_damaged_record_of_the_run_is_told_in_a_line(cluster: Pods) -> None:
    cluster.path("run.json").write_bytes(b"")
    done = cluster.call("work", "0.0")
    told = damaged(cluster, "run.json", "run Pods/pods-x7").removeprefix("flowc: ")
    assert (done.code, done.err) == (NO_RETRY, told)


def test_a_damaged_beginning_in_a_gang_is_told_in_a_line(cluster: Pods) -> None:
    cluster.path("tasks/work").mkdir()
    cluster.path("tasks/work/0.0-1.begin.json").write_bytes(b"")
    done = cluster.call("work", "0.1", FLOWC_POD_IP="10.0.0.2")
    told = damaged(cluster, "tasks/work/0.0-1.begin.json", "task Pods/pods-x7/work/work-0.0").removeprefix("flowc: ")
    assert (done.code, done.err) == (NO_RETRY, told)


def test_a_damaged_run_that_is_resumed_is_no_matter_of_another_attempt(cluster: Pods) -> None:
    cluster.path("run.json").write_bytes(b"{")
    order = json.dumps({"origin": "pods-x7", "step": None, "given": []})
    done = cluster.call("start", "0", FLOWC_RUN="pods-x8", FLOWC_RESUME=order)
    assert done.code == NO_RETRY, done.err
    assert "(run Pods/pods-x7) is damaged: " in done.err


@pytest.mark.parametrize("address", ["ftp://x", "s3://", "s3://key:secret@bucket/x"])
def test_an_address_that_names_no_store_is_no_matter_of_another_attempt(cluster: Pods, address: str) -> None:
    done = cluster.call("work", "0.0", FLOWC_STORE=address)
    assert done.code == NO_RETRY
    assert done.err.startswith("flowc: cannot open the store ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StoreError("cannot reach s3://b"), INFRASTRUCTURE),
        (errors.RecordError("cannot read run.json: Input/output error"), INFRASTRUCTURE),
        (errors.DamagedOnTheWay("came damaged twice"), INFRASTRUCTURE),
        (errors.DamagedRecord("is damaged"), NO_RETRY),
        (errors.FormatError("was written by a newer flowc"), NO_RETRY),
        (errors.LostRecord("was moved aside"), NO_RETRY),
        (errors.Damaged("is damaged"), NO_RETRY),
        (errors.AddressError("no store"), NO_RETRY),
        (errors.NotFound("no run"), NO_RETRY),
        (errors.ProtocolError("no step"), NO_RETRY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(error: errors.FlowcError, code: int) -> None:
    assert attempts.exit_code(error) == code
