"""A flow's own `__init__` is called in every task, locally and in pods, as in Metaflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, Parameter, step

    class Base(FlowSpec):
        def __init__(self, use_cli=True):
            self.of_base = "base"
            super().__init__(use_cli=use_cli)

    class Own(Base):
        number = Parameter("number", default=3)
        kind = "of the class"

        def __init__(self, use_cli=True):
            self.greeting = "hello"
            self.kind = "of the object"
            self.twice = 0 if use_cli else self.number * 2  # the file's own command line has no values yet
            super().__init__(use_cli=use_cli)

        @step
        def start(self):
            print(self.greeting, self.of_base, self.kind, self.twice)
            self.greeting = "changed"
            self.items = [1, 2]
            self.next(self.each, foreach="items")

        @step
        def each(self):
            print(self.greeting, self.input)
            self.greeting = f"each {self.input}"
            self.next(self.join)

        @step
        def join(self, inputs):
            print([one.greeting for one in inputs], self.greeting)
            self.merge_artifacts(inputs, include=["of_base"])
            self.next(self.end)

        @step
        def end(self):
            del self.greeting

    if __name__ == "__main__":
        Own()
    """
SAID = {
    "start": "hello base of the object 8\n",
    "each/0.0": "hello 1\n",
    "join": "['hello', 'hello'] hello\n",
}


@pytest.mark.parametrize("words", [["run", "--local", "flow.py", "--number", "4"], ["flow.py", "run", "--number", "4"]])
def test_what_it_sets_comes_before_what_other_tasks_left(project: Project, words: list[str]) -> None:
    """`__init__` is also called for the inputs of a join, where it hides stored artifacts, as in Metaflow 2.19.39."""
    project.write("flow.py", FLOW)
    done = project.flowc(*words) if words[0] == "run" else project.python(*words)
    assert done.code == 0, done.err
    for task, said in SAID.items():
        assert f"[{task}] {said}" in done.out
    run = project.latest()
    assert project.artifacts(run, "start")["greeting"] == "changed"
    assert project.artifacts(run, "each", "0.1")["greeting"] == "each 2"
    assert project.artifacts(run, "join")["of_base"] == "base"
    assert project.artifacts(run, "join")["twice"] == 8
    assert "greeting" not in project.artifacts(run, "end")


def test_a_pod_calls_it(project: Project) -> None:
    project.write("code/flow.py", FLOW)
    (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
    environment = {
        "FLOWC_STORE": f"file://{project.root}/.flowc",
        "FLOWC_RUN": "own-1",
        "FLOWC_IR": str(project.root / "ir.json"),
        "FLOWC_CODE": str(project.root / "code"),
        "FLOWC_OUT": str(project.root / "out"),
    }
    parameters = json.dumps([{"name": "number", "value": "4"}])
    for step, path in (("start", "0"), ("each", "0.0"), ("each", "0.1"), ("join", "0")):
        done = project.python(
            "-m", "flowc_runtime", "task", step, "--path", path, "--retry", "0", **environment,
            FLOWC_PARAMETERS=parameters,
        )  # fmt: skip
        assert done.code == 0, done.err
        if (said := SAID.get(step if path == "0" else f"{step}/{path}")) is not None:
            assert done.out == said


ONE = """
    from metaflow import FlowSpec, catch, retry, step

    class One(FlowSpec):
        def __init__({arguments}):
            {body}
            super().__init__()

        {decorators}
        @step
        def start(self):
            print(self.x)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        One()
    """


@pytest.mark.parametrize(
    "arguments", ["self", "self, use_cli=True", "self, *more, **named", "self, other=1", "self, *, use_cli"]
)
def test_it_takes_what_it_likes_with_defaults(project: Project, arguments: str) -> None:
    """`__init__` may have arguments with defaults; in a task, `super().__init__()` starts no command line."""
    project.write("flow.py", ONE.format(arguments=arguments, body="self.x = 'made'", decorators=""))
    done = project.flowc("run", "--local", "flow.py")
    assert (done.code, done.out.count("[start] made\n")) == (0, 1), done.err


def test_arguments_without_defaults_are_a_fault(project: Project) -> None:
    project.write("flow.py", ONE.format(arguments="self, path, *, depth", body="self.x = path", decorators=""))
    done = project.flowc("check", "flow.py")
    assert done.code == 1
    assert "error[unsupported-feature]: the __init__ of flow 'One' needs arguments: path, depth\n" in done.err
    assert "hint: give them defaults: each task creates the flow's object without arguments" in done.err


def test_what_it_raises_fails_every_attempt_and_is_not_caught(project: Project) -> None:
    """@catch applies only to the step's code: an exception of `__init__` fails the flow, as in Metaflow."""
    body, decorators = "raise ValueError('in init')", "@catch(var='why')\n        @retry(times=1)"
    project.write("flow.py", ONE.format(arguments="self, use_cli=True", body=body, decorators=decorators))
    done = project.flowc("run", "--local", "flow.py")
    assert done.code == 1
    assert "error: step 'start' failed after 2 attempts: ValueError: in init\n  --> flow.py:5 in __init__\n" in done.err
    run = project.latest()
    record = run.attempt("start", "0", 2)
    assert record is not None
    assert record["outcome"] == "failed"


def test_only_init_may_set_what_the_class_defines(project: Project) -> None:
    """If `flowc check` cannot see that a step assigns an attribute of the class, the step fails at run time."""
    one = ONE.format(arguments="self", body="self.y = 1; self.x = 2", decorators="y = 0")
    project.write("flow.py", one.replace("print(self.x)", "print(self.y); setattr(self, 'y', 2)"))
    done = project.flowc("run", "--local", "flow.py")
    assert (done.code, "[start] 1\n" in done.out) == (1, True)
    assert "not modifiable: 'y'" in done.err


def test_a_unit_test_of_a_step_calls_it(project: Project) -> None:
    project.write("flow.py", FLOW)
    program = """
        from flow import Own
        from flowc.testing import run_step
        print(run_step(Own, "start", parameters={"number": 1})["twice"])
        """
    project.write("test.py", program)
    done = project.python("test.py")
    assert done.out.splitlines() == ["hello base of the object 2", "2"], done.err
