"""`current`: in a step, and outside a run."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from project import Project


def run(project: Project, body: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a flow whose step has this code; return the artifact `seen`."""
    code = "\n".join(f"                {line}" for line in dedent(body).strip().splitlines())
    project.write(
        "flow.py",
        f"""
        from metaflow import FlowSpec, Parameter, current, retry, step

        class Now(FlowSpec):
            \"\"\"Asks.\"\"\"
            p = Parameter("p", default=1)

            @retry(times=2)
            @step
            def start(self):
{code}
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    made = project.run("flow.py", *arguments, METAFLOW_USER="ann", **environment)
    seen: dict[str, Any] = project.artifacts(made, "end")["seen"]
    return seen


NAMES = (
    "flow_name", "run_id", "origin_run_id", "step_name", "task_id", "retry_count", "namespace", "username", "pathspec",
)  # fmt: skip


def test_in_a_step(project: Project) -> None:
    seen = run(project, f"self.seen = {{name: getattr(current, name) for name in {NAMES!r}}}")
    run_id = project.latest().id
    assert seen == {
        "flow_name": "Now",
        "run_id": run_id,
        "origin_run_id": None,
        "step_name": "start",
        "task_id": "start-0",
        "retry_count": 0,
        "namespace": "user:ann",
        "username": "ann",
        "pathspec": f"Now/{run_id}/start/start-0",
    }


def test_the_rest(project: Project) -> None:
    seen = run(
        project,
        """
        if current.retry_count == 0: raise ValueError("once")
        self.seen = {"tags": current.tags, "parameters": current.parameter_names, "running": current.is_running_flow,
                     "trigger": current.trigger, "tempdir": current.tempdir, "attempt": current.retry_count,
                     "in": ["run_id" in current, "trigger" in current, "nope" in current],
                     "get": [current.get("step_name"), current.get("nope"), current.get("project_name", 7)]}
        """,
        "--tag", "x", "--tag", "y",
    )  # fmt: skip
    assert seen == {
        "tags": {"x", "y"},
        "parameters": ["p"],
        "running": True,
        "trigger": None,
        "tempdir": ".",
        "attempt": 1,
        "in": [True, False, False],
        "get": ["start", None, 7],
    }


def test_the_namespace_that_was_asked_for(project: Project) -> None:
    assert run(project, "self.seen = current.namespace", "--namespace", "team:x") == "team:x"
    assert run(project, "self.seen = current.namespace", "--namespace", "") is None


def test_the_directory_for_temporary_files(project: Project) -> None:
    assert run(project, "self.seen = current.tempdir", METAFLOW_TEMPDIR="/scratch") == "/scratch"


def test_the_graph(project: Project) -> None:
    graph = run(project, "self.seen = current.graph")
    assert (graph["file"], graph["doc"], graph["start_step"], graph["end_step"]) == ("flow.py", "Asks.", "start", "end")
    assert graph["parameters"] == [{"name": "p", "type": "Parameter"}]
    assert graph["graph_structure"] == ["start", "end"]
    assert graph["steps"]["start"]["type"] == "start"
    assert graph["steps"]["start"]["next"] == ["end"]
    assert graph["steps"]["start"]["decorators"] == [
        {
            "name": "retry",
            "attributes": {"times": 2, "minutes_between_retries": 2.0},
            "statically_defined": True,
            "inserted_by": None,
        }
    ]


def test_what_has_no_value_says_why(project: Project) -> None:
    body = """
def why(name):
    try:
        return getattr(current, name)
    except AttributeError as error:
        return str(error)
self.seen = {name: why(name) for name in ("project_name", "is_production", "card", "nope")}
"""
    seen = run(project, body)
    assert seen["project_name"] == "current.project_name has a value only in a flow with @project"
    assert seen["is_production"] == "current.is_production has a value only in a flow with @project"
    assert "the step has no @card" in seen["card"]
    assert seen["nope"] == "current.nope has no value"


def test_decorators_can_add_to_it(project: Project) -> None:
    body = 'current._update_env({"project_name": "p", "mine": 7})\nself.seen = [current.project_name, current.mine]'
    assert run(project, body) == ["p", 7]


SEEN = """
    from metaflow import FlowSpec, JSONType, Parameter, current, project, step

    def seen(*_):
        names = ("flow_name", "project_name", "branch_name", "project_flow_name", "is_production", "is_user_branch",
                 "run_id", "step_name", "is_running_flow")
        return [str(current.get(name, "no value")) for name in names]

    {decorator}
    class Seen(FlowSpec):
        seen = Parameter("seen", type=JSONType, default=seen)

        @step
        def start(self):
            self.after = seen()
            self.next(self.end)

        @step
        def end(self):
            print(self.seen, self.after)
    """


@pytest.mark.parametrize(
    ("decorator", "options", "expected"),
    [
        ("@project(name='p')", [], ["p", "user.ann", "p.user.ann.Seen", "False", "True"]),
        ("@project(name='p')", ["--production"], ["p", "prod", "p.prod.Seen", "True", "False"]),
        ("@project(name='p')", ["--branch", "b"], ["p", "test.b", "p.test.b.Seen", "False", "False"]),
        ("", [], ["no value"] * 5),
    ],
)
def test_functions_of_defaults_see_the_project(
    project: Project, decorator: str, options: list[str], expected: list[str]
) -> None:
    project.write("flow.py", SEEN.format(decorator=decorator))
    project.environment["METAFLOW_USER"] = "ann"
    done = project.flowc("run", "--local", "flow.py", *options)
    assert done.code == 0, done.err
    left = project.artifacts(project.latest(), "start")["after"]
    (parameter,) = project.latest().record()["parameters"].values()
    assert parameter == ["Seen", *expected, "None", "None", "False"]
    assert left[:6] == parameter[:6]
    compiled = project.flowc("compile", "--target", "argo", "--image", "example.org/x:1", "flow.py", *options)
    assert compiled.code == 0, compiled.err
    assert json.dumps(["Seen", *expected], separators=(",", ":"))[1:-1] in compiled.out.replace("\\", "")


def test_outside_of_a_run(project: Project) -> None:
    """Outside of a run, `current.run_id` is None, as in Metaflow; unknown names raise AttributeError."""
    project.write(
        "ask.py",
        f"""
        from metaflow.metaflow_current import current
        import metaflow

        assert metaflow.current is current
        assert not current.is_running_flow
        print([getattr(current, name) for name in {NAMES!r}] == [None] * {len(NAMES)})
        print("run_id" in current, current.get("tags", 7), current.tempdir)
        for name in ("tags", "parameter_names", "graph", "project_name", "card", "trigger", "nope"):
            try:
                getattr(current, name)
            except AttributeError as error:
                print(error)
        """,
    )
    done = project.python("ask.py")
    assert done.code == 0, done.err
    first, second, *errors = done.out.splitlines()
    assert (first, second) == ("True", "False 7 .")
    assert errors[0] == "current.tags has a value only while a flow runs, inside a step"
    assert errors[-1] == "current.nope has no value outside of a run"
    assert len(errors) == 7
