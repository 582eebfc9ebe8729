"""Tasks without a process: the task of the step `_parameters`, and control tasks of unbounded foreach.

Commands that read runs show the same tasks as the client.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, step, unbounded_test_foreach_internal
    from metaflow.plugins import InternalTestUnboundedForeachInput

    class Open(FlowSpec):
        n = Parameter("n", default=2)
        kept = "constant"

        @step
        def start(self):
            self.outer = [1, 2]
            self.next(self.split, foreach="outer")

        @step
        def split(self):
            self.items = InternalTestUnboundedForeachInput([1, 2])
            self.next(self.body, foreach="items")

        @unbounded_test_foreach_internal
        @step
        def body(self):
            print("item", self.input)
            if self.input == self.n + 1:
                raise ValueError("as asked")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.last)

        @step
        def last(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Open()
    """
BODY = ["body-0.0", "body-0.0.0", "body-0.0.1", "body-0.1", "body-0.1.0", "body-0.1.1"]
CONTROLS = ["body-0.0", "body-0.1"]


@pytest.fixture
def opened(project: Project) -> Project:
    project.write("flow.py", FLOW)
    done = project.python("flow.py", "run")
    assert done.code == 0, done.err
    return project


def flowc(project: Project, *words: str) -> str:
    done = project.flowc(*words)
    assert done.code == 0, done.err
    return done.out


def own(project: Project, *words: str) -> tuple[str, list[str]]:
    """Run a command of the flow's file; return its stdout, and the task ids that it prints on stderr."""
    done = project.python("flow.py", *words)
    assert done.code == 0, done.err
    return done.out, [line.rpartition("task_id=")[2] for line in done.err.splitlines() if "task_id=" in line]


def test_the_client_has_the_same_tasks(opened: Project) -> None:
    opened.write("reader.py", """
        from metaflow import Flow, namespace
        namespace(None)
        run = Flow("Open").latest_run
        print(*sorted(task.id for task in run["body"]), *sorted(task.id for task in run["body"].control_tasks()))
        print(sorted(artifact.id for artifact in run["_parameters"].task))
        """)  # fmt: skip
    done = opened.python("reader.py")
    assert done.out.split("\n")[:2] == [" ".join(BODY + CONTROLS), "['kept', 'n', 'name']"], done.err


def test_control_tasks_in_flowc_s_commands(opened: Project) -> None:
    steps = {row["step"]: (row["done"], row["tasks"]) for row in json.loads(flowc(opened, "show", "Open/latest", "--json"))["steps"]}  # fmt: skip
    assert steps["body"] == (6, 6)
    assert steps["split"] == (2, 2)
    assert "_parameters" not in steps
    shown = json.loads(flowc(opened, "show", "Open/latest/body", "--json"))["tasks"]
    assert [(row["task"], row["outcome"]) for row in shown] == [(task, "ok") for task in BODY]
    for task in CONTROLS:
        told = json.loads(flowc(opened, "show", f"Open/latest/body/{task}", "--json"))
        assert told["parents"] == [task.replace("body", "split/split")]
        assert sorted(told["artifacts"]) == ["items", "outer"]
        assert flowc(opened, "logs", f"Open/latest/body/{task}") == ""
        assert "items: " in flowc(opened, "dump", f"Open/latest/body/{task}")
    dumped = json.loads(flowc(opened, "dump", "Open/latest/body", "--json"))
    assert [row["task"] for row in dumped] == BODY
    assert "[body/0.1.1] item 2" in flowc(opened, "logs", "Open/latest/body")


def test_control_tasks_in_the_commands_of_a_flow_s_own_file(opened: Project) -> None:
    assert own(opened, "dump", "latest/body")[1] == BODY
    assert own(opened, "logs", "latest/body")[1] == BODY
    for task in CONTROLS:
        out, tasks = own(opened, "dump", f"latest/body/{task}")
        assert tasks == [task]
        assert "items [size: " in out
        assert own(opened, "logs", f"latest/body/{task}") == ("", [task])
    assert opened.python("flow.py", "logs", "scrub", "latest/body/body-0.0").code == 0


def test_the_task_of_the_parameters(opened: Project) -> None:
    """The task of `_parameters` has the constants and the parameters as artifacts, and an empty log, as in Metaflow."""
    for path in ("_parameters", "_parameters/0", "_parameters/_parameters-0"):
        out, tasks = own(opened, "dump", f"latest/{path}")
        assert tasks == ["_parameters-0"]
        assert [line.partition(" [")[0] for line in out.splitlines()] == ["kept", "n"]
        assert own(opened, "logs", f"latest/{path}") == ("", ["_parameters-0"])
        assert "n: int, 5 bytes = 2" in flowc(opened, "dump", f"Open/latest/{path}")
        assert flowc(opened, "logs", f"Open/latest/{path}") == ""
    assert [row["task"] for row in json.loads(flowc(opened, "show", "Open/latest/_parameters", "--json"))["tasks"]] == [
        "_parameters-0"
    ]
    told = json.loads(flowc(opened, "show", "Open/latest/_parameters/0", "--json"))
    assert {name: value["type"] for name, value in told["artifacts"].items()} == {"kept": "str", "n": "int"}
    assert "artifacts:  kept (str, " in flowc(opened, "show", "Open/latest/_parameters/0")


def test_what_needs_a_process_has_only_those_that_had_one(opened: Project) -> None:
    for words in (("debug", "Open/latest/body/body-0.0"), ("card", "list", "Open/latest/_parameters")):
        done = opened.flowc(*words)
        assert done.code == 1
        assert "has no task" in done.err
    assert opened.python("flow.py", "dump", "latest/_parameters/1").code == 1


def test_a_control_task_is_not_done_before_all_items_are(project: Project) -> None:
    project.write("flow.py", FLOW)
    # one worker: with several, the failure in one foreach could end the run before the other foreach has started
    assert project.python("flow.py", "run", "--n", "1", "--max-workers", "1").code == 1
    shown = json.loads(flowc(project, "show", "Open/latest/body/body-0.0", "--json"))
    assert [row["outcome"] for row in shown["attempts"]] == ["vanished"]
    steps = {row["step"]: row["done"] for row in json.loads(flowc(project, "show", "Open/latest", "--json"))["steps"]}
    assert steps["body"] < 4
    done = project.python("flow.py", "dump", "latest/body/body-0.0")
    assert done.code == 1
    assert "has not finished" in done.err
