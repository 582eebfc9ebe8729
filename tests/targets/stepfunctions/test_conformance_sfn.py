"""A flow in the emulator and its state machine in the simulation have the same tasks and artifacts."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compare import summary
from conformance import FLOWS
from ir.test_golden_ir import CASES
from project import PACKAGES, ROOT
from targets.stepfunctions.player import PlayedExecution, Player, definition

if TYPE_CHECKING:
    from flowc_runtime.store.records.store import RunStore
    from project import Project
    from targets.stepfunctions.player import Evaluator

REFUSED = {
    "gang": "stepfunctions-construct",  # refused for num_parallel
    "Ids": "stepfunctions-construct",
    "kubernetes": "stepfunctions-option",
    "policies": "stepfunctions-option",  # refused for @resources(shared_memory=…)
    "Awkward": "stepfunctions-too-large",  # a default of 60,000 bytes
}
"""Flows that Step Functions cannot express, each with the code of the error."""


def compiled(project: Project, *options: str, file: str = "flow.py") -> Any:
    """Compile a flow and return the CloudFormation template."""
    done = project.flowc("compile", file, "--target", "stepfunctions", *options)
    assert done.code == 0, done.err
    return json.loads(done.out)


def played(
    project: Project,
    evaluator: Evaluator,
    *options: str,
    given: Any = None,
    name: str = "played",
    file: str = "flow.py",
) -> tuple[PlayedExecution, RunStore]:
    """Compile the flow, and run its state machine in the simulation, with a store of its own."""
    from flowc_runtime.store.records.store import Store

    template = compiled(
        project, "--store", "s3://bucket/runs", "--context", str(project.root / "image"), *options, file=file
    )
    assert evaluator.faults(definition(template, {})) == []
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        "PYTHONWARNINGS": "error",
    }
    player = Player(template, evaluator, project.root / "image", project.root / "s3", environment)
    execution = player.play(given or {}, name)
    store = Store.open(f"file://{project.root}/s3/bucket/runs")
    (flow,) = store.flows()
    run = store.run(flow, name)
    assert (execution.status == "SUCCEEDED") == (run.status()["state"] == "succeeded"), execution.logs()
    return execution, run


def refused(project: Project, code: str) -> None:
    done = project.flowc("compile", "flow.py", "--target", "stepfunctions")
    assert done.code == 1
    assert f"error[{code}]" in done.err


@pytest.mark.parametrize("golden", CASES, ids=lambda path: path.name)
def test_golden_flows(project: Project, evaluator: Evaluator, golden: Path) -> None:
    for file in golden.glob("*.py"):
        project.write(file.name, file.read_text())
    if golden.name in REFUSED:
        refused(project, REFUSED[golden.name])
        return
    local = project.run("flow.py")
    execution, run = played(project, evaluator)
    assert summary(run) == summary(local), execution.logs()


@pytest.mark.parametrize("name", FLOWS)
def test_flows(project: Project, evaluator: Evaluator, name: str) -> None:
    state, source = FLOWS[name]
    project.write("flow.py", source)
    if name in REFUSED:
        refused(project, REFUSED[name])
        return
    done = project.flowc("run", "flow.py")
    assert done.code == (0 if state == "succeeded" else 1), done.err
    local = summary(project.latest())
    assert local["state"] == state
    execution, run = played(project, evaluator)
    assert summary(run) == local, execution.logs()


PIPELINE = """
    from flowc.pipeline import Conditional, Loop, Map, Parallel, Pipeline, PythonTask, pickled

    from steps import bad, count, good, kind, left, load, right, train

    pipeline = Pipeline(
        name="train",
        steps=[
            PythonTask(name="load", function=load, returns=["sizes", pickled("table")]),
            Map(
                name="models", iterate_on="sizes", iterate_as="size",
                branch=PythonTask(name="train a model", function=train, returns=[pickled("model")], retry=1).as_pipeline(),
            ),
            Parallel(
                name="both",
                branches={
                    "left": PythonTask(name="left", function=left, returns=["a"]).as_pipeline(),
                    "right": PythonTask(name="right", function=right, returns=["b"]).as_pipeline(),
                },
            ),
            Loop(
                name="rounds", index_as="turn", break_on="done", max_iterations=5,
                branch=PythonTask(name="count", function=count, returns=["total", "done"]).as_pipeline(),
            ),
            PythonTask(name="kind", function=kind, returns=["quality"]),
            Conditional(
                name="route", parameter="quality",
                branches={"good": PythonTask(name="good", function=good, returns=["said"]).as_pipeline()},
                default=PythonTask(name="bad", function=bad, returns=["said"]).as_pipeline(),
            ),
        ],
    )
    """
STEPS = """
    def load(rows: int = 3):
        return list(range(rows)), {"a": 1}


    def train(size: int):
        return {"size": size}


    def left(model):
        return len(model)


    def right(table):
        return table["a"]


    def count(turn):
        return turn, turn == 2


    def kind(a: int, b: int, total: int):
        return "good" if a + b + total > 100 else "odd"


    def good():
        return "good"


    def bad():
        return "bad"
    """


def test_a_pipeline(project: Project, evaluator: Evaluator) -> None:
    """A pipeline of functions with a map, branches, a loop with a limit, and a condition with a default."""
    project.write("pipeline.py", PIPELINE)
    project.write("steps.py", STEPS)
    done = project.flowc("run", "pipeline.py")
    assert done.code == 0, done.err
    execution, run = played(project, evaluator, file="pipeline.py")
    assert summary(run) == summary(project.latest()), execution.logs()
    assert "bad" in execution.states
    assert execution.states.count("count") == 3
