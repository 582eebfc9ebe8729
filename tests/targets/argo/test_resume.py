"""Resuming on a cluster: pods reuse the records of the resumed run, which was local or on a cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from flowc_runtime.run.reuse import Order
from project import PACKAGES, ROOT, Project
from targets.argo.controller import play

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore

FLOW = """
import os
from metaflow import FlowSpec, Parameter, current, step

class Resumed(FlowSpec):
    n = Parameter("n", default=3)
    factor = Parameter("factor", required=True, type=int)

    @step
    def start(self):
        self.items = list(range(self.n))
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.value = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.values = [given.value for given in inputs]
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.both)

    @step
    def right(self):
        if os.environ.get("BREAK"):
            raise ValueError("broken")
        self.next(self.both)

    @step
    def both(self, inputs):
        self.total = sum(inputs.left.values) * self.factor
        self.origin = current.origin_run_id
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Resumed()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("flow.py", FLOW)
    return project


def resumed(project: Project, name: str, *words: str, phase: str = "Succeeded", **more: str) -> RunStore:
    """Write the manifests of a Workflow that resumes a run, and run them; `more` are variables that the image sets."""
    url = f"file://{project.root}/.flowc"
    # the same directory under another path, because flowc refuses volumes below /tmp
    mounted = "file:///proc/self/cwd/.flowc"
    done = project.flowc(
        "resume",
        "flow.py",
        "--target",
        "argo",
        "--store",
        mounted,
        "--output",
        "out.yaml",
        *words,
        FLOWC_STORE_CLAIM="claim",
    )
    assert done.code == 0, done.err
    manifests = list(yaml.safe_load_all((project.root / "out.yaml").read_text()))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        **more,
    }
    work = project.root / name
    work.mkdir()
    workflow = play(manifests, url, work, {}, name=name, environment=environment)
    assert workflow.phase == phase, workflow.logs()
    return project.store.run("Resumed", name)


def begun(run: RunStore) -> list[str]:
    """Return the tasks that the run has executed itself."""
    return sorted(f"{step}/{path}" for step in run.steps() for path in run.tasks_run(step))


def test_a_run_of_here_is_resumed_there_and_the_other_way_round(project: Project) -> None:
    assert project.flowc("run", "flow.py", "--factor", "10", BREAK="1").code == 1
    origin = project.latest().id
    run = resumed(project, "played")
    assert begun(run) == ["both/0", "end/0", "right/0"]
    assert project.artifacts(run, "both") == {"total": 30, "origin": origin}
    record = run.record()
    assert (record["origin"], record["parameters"]) == (origin, {"n": 3, "factor": 10})
    assert run.status()["state"] == "succeeded"
    assert run.task("each", "0.1")["origin"]["run"] == origin

    assert project.flowc("resume", "flow.py", "both", "--origin-run-id", "played").code == 0
    here = project.latest()
    assert here.record()["origin"] == "played"
    assert begun(here) == ["both/0", "end/0"]
    assert project.artifacts(here, "both")["origin"] == "played"


def test_a_step_and_parameters(project: Project) -> None:
    assert project.flowc("run", "flow.py", "--factor", "10").code == 0
    assert begun(resumed(project, "one", "left")) == ["both/0", "end/0", "left/0"]
    run = resumed(project, "two", "--factor", "5")
    assert begun(run) == ["both/0", "end/0"]
    assert project.artifacts(run, "both")["total"] == 15
    everything = resumed(project, "three", "--n", "2")
    assert begun(everything) == [
        "both/0", "each/0.0", "each/0.1", "end/0", "join/0", "left/0", "right/0", "start/0",
    ]  # fmt: skip
    assert project.artifacts(everything, "both")["total"] == 10


def test_what_failed_there_is_resumed_there_and_here(project: Project) -> None:
    """A run that resumed another one and failed can be resumed too; each run has its own tags."""
    assert project.flowc("run", "flow.py", "--factor", "10", "--tag", "old", BREAK="1").code == 1
    origin = project.latest().id
    failed = resumed(project, "failed", "--tag", "new", "--tag", "{{x}}", phase="Failed", BREAK="1")
    assert (failed.status()["state"], failed.user_tags()) == ("failed", {"new", "{{x}}"})
    again = resumed(project, "again", "--origin-run-id", "failed")
    assert begun(again) == ["both/0", "end/0", "right/0"]
    assert (again.record()["origin"], again.user_tags()) == ("failed", set())
    assert project.flowc("resume", "flow.py", "--origin-run-id", "failed").code == 0
    here = project.latest()
    assert begun(here) == ["both/0", "end/0", "right/0"]
    assert here.task("left", "0")["origin"]["run"] == origin
    assert project.artifacts(here, "both")["total"] == 30


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "is on this machine: pods cannot read it"),
        (["--max-workers", "2"], 2, "--max-workers is only for runs on this machine"),
        (["--output", "x.yaml", "--run-id-file", "id"], 2, "--run-id-file needs a submitted run"),
    ],
)
def test_what_a_cluster_does_not_take(project: Project, words: list[str], code: int, message: str) -> None:
    done = project.flowc("resume", "flow.py", "--target", "argo", "--store", ".flowc", *words)
    assert (done.code, message in done.err) == (code, True), done.err


def test_what_pods_are_told_is_left_alone_on_its_way() -> None:
    order = Order("run-1", "join", ("$(HOME)", "{{workflow.name}}"))
    assert Order.of(order.text) == order
    assert not {"$", "{{"} & {order.text[at : at + size] for at in range(len(order.text)) for size in (1, 2)}
