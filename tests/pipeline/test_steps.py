"""The classes of flowc.pipeline check their arguments when a pipeline is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.pipeline import (
    Catalog,
    Conditional,
    Fail,
    Loop,
    Map,
    NotebookTask,
    Parallel,
    Pipeline,
    PipelineError,
    PythonTask,
    ShellTask,
    Stub,
    Success,
    json,
    metric,
    pickled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project

ONE = Pipeline(steps=[Stub(name="one")])

FAULTY: list[tuple[Callable[[], Any], str]] = [
    (lambda: PythonTask(name="a", functoin=len), "PythonTask has no argument 'functoin': did you mean 'function'?"),
    (lambda: PythonTask(name="a"), "PythonTask needs the argument 'function'"),
    (lambda: PythonTask(name="a", function=3), "function is 3, not a function or its dotted path"),
    (lambda: PythonTask(name=" ", function=len), "name is ' ', not a string such as 'train'"),
    (lambda: PythonTask(name="a", function=len, returns="x"), "returns is 'x', not a list of names"),
    (lambda: PythonTask(name="a", function=len, returns=[3]), "3 is not a return: write a name, pickled(name)"),
    (lambda: PythonTask(name="a", function=len, returns=["a b"]), "the return 'a b' is not a valid name"),
    (lambda: PythonTask(name="a", function=len, returns=["x", pickled("x")]), "the return 'x' is named twice"),
    (lambda: PythonTask(name="a", function=len, overrides=3), 'overrides is 3, not a name such as "big"'),
    (lambda: PythonTask(name="a", function=len, overrides={"argo": ""}), "overrides is {'argo': ''}, not a name"),
    (
        lambda: PythonTask(name="a", function=len, overrides={"local-container": "small", "argo": "big"}),
        "overrides has 'small' for local-container, 'big' for argo, but a step has one override",
    ),
    (lambda: ONE.execute(configuration_file="no.toml"), "the configuration file no.toml does not exist"),
    (lambda: PythonTask(name="a", function=len, next_node="b"), "steps run in the order of the list"),
    (lambda: PythonTask(name="a", function=len, catalog={"get": []}), "not a Catalog"),
    (lambda: ShellTask(name="a", command="true", secrets="TOKEN"), "secrets is 'TOKEN', not a list of names such as"),
    (
        lambda: ShellTask(name="a", command="true", secrets=["my-key"]),
        "secrets: 'my-key' is not the name of a variable",
    ),
    (
        lambda: PythonTask(name="a", function=len, on_failure=len),
        "on_failure is <built-in function len>, not a pipeline",
    ),
    (
        lambda: Stub(name="a", terminate_with_success=True, terminate_with_failure=True),
        "Stub 'a' terminates with success and with failure: choose one",
    ),
    (lambda: NotebookTask(name="a", notebook="a.py"), "not the path of an .ipynb file"),
    (lambda: NotebookTask(name="a", notebook="a.ipynb", optional_ploomber_args={"x": 1}), "runs by nbclient"),
    (lambda: ShellTask(name="a", command=" "), "command is empty: write a shell command"),
    (lambda: Catalog(get="a.csv"), "get is 'a.csv', not a list of patterns"),
    (lambda: Map(name="m", branch=ONE, iterate_on="xs", iterate_as="a b"), "iterate_as is 'a b'"),
    (lambda: Map(name="m", branch=len, iterate_on="xs", iterate_as="x"), "branch is <built-in function len>"),
    (lambda: Loop(name="l", branch=ONE, break_on="done", max_iterations=0), "max_iterations is 0"),
    (lambda: Loop(name="l", branch=ONE, break_on="done", max_iterations=True), "max_iterations is True"),
    (lambda: Parallel(name="p", branches={}), "branches is {}, not a dict of names and pipelines"),
    (lambda: Parallel(name="p", branches={"a": len}), "branch 'a' is <built-in function len>, not a pipeline"),
    (lambda: Conditional(name="c", branches={"a": ONE}, parameter=3), "parameter is 3"),
    (lambda: Pipeline(steps=[]), "steps is [], not a list of steps with at least one"),
    (lambda: Pipeline(steps=[len]), "item 0 of steps is <built-in function len>, not a step: write PythonTask("),
    (lambda: Pipeline(steps=[Success()]), "no step before it"),
    (lambda: Pipeline(steps=[Stub(name="t"), Stub(name="t")]), "two steps have the name 't': give each its own name"),
]


@pytest.mark.parametrize(("make", "message"), FAULTY, ids=[message[:40] for _, message in FAULTY])
def test_a_wrong_argument_is_refused_where_it_is_written(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        make()
    assert message in str(raised.value)


def test_a_step_knows_its_place() -> None:
    step = Stub(name="here")
    assert step.place.file == __file__
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert "Stub(name=" in lines[step.place.line - 1]


def test_names_by_default() -> None:
    assert PythonTask(function=len).name == "len"
    assert PythonTask(function="statistics.mean").name == "mean"
    assert NotebookTask(notebook="notebooks/explore.ipynb").name == "explore"


def test_a_stub_takes_the_arguments_of_any_step() -> None:
    assert Stub(name="later", function=len, returns=["x"], anything=3).name == "later"


def test_returns_have_kinds() -> None:
    task = PythonTask(name="a", function=len, returns=["x", json("y"), pickled("z"), metric("m")])
    assert [(each.name, each.kind) for each in task.named_returns] == [
        ("x", "json"), ("y", "json"), ("z", "pickled"), ("m", "metric"),
    ]  # fmt: skip


def test_fail_as_the_last_step_makes_the_pipeline_fail() -> None:
    pipeline = Pipeline(steps=[Stub(name="a"), Fail()])
    assert len(pipeline.steps) == 1
    assert pipeline.steps[0].terminate_with_failure


def _assign(path: str, value: object) -> None:
    """Create a pipeline, assign a value to an attribute at this path, and execute the pipeline."""
    task = PythonTask(name="work", function=len, catalog=Catalog(put=["x"]))
    inner = Pipeline(steps=[task])
    pipeline = Pipeline(name="later", steps=[Map(name="all", branch=inner, iterate_on="rows", iterate_as="obj")])
    places: dict[str, Any] = {"pipeline": pipeline, "map": pipeline.steps[0], "task": task, "catalog": task.catalog}
    place, attribute = path.split(".")
    setattr(places[place], attribute, pipeline if value == "itself" else value)
    pipeline.execute({"rows": []})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task.on_failure", PythonTask(function=print), "on_failure is PythonTask(name='print'), not a pipeline: write task"),
        ("map.on_failure", len, "Map 'all': on_failure is <built-in function len>, not a pipeline"),
        ("map.branch", None, "Map 'all': branch is None, not a pipeline"),
        ("map.iterate_on", 3, "Map 'all': iterate_on is 3, not the name of a value"),
        ("task.returns", "x", "returns is 'x', not a list of names"),
        ("task.retry", "often", "PythonTask 'work': retry"),
        ("catalog.put", "x", "Catalog: put is 'x', not a list of patterns"),
        ("pipeline.steps", [], "steps is [], not a list of steps with at least one"),
        ("pipeline.parameters", [1], "parameters is [1], not names and defaults"),
        ("task.on_failure", "itself", "Pipeline 'later': it contains itself"),
    ],
)  # fmt: skip
def test_an_attribute_that_is_assigned_later_is_checked(path: str, value: object, message: str) -> None:
    with pytest.raises(PipelineError, match=re.escape(message)):
        _assign(path, value)


def test_flowc_reports_an_attribute_that_is_assigned_later(project: Project) -> None:
    project.write("p.py", """
        from flowc.pipeline import Pipeline, PythonTask

        p = Pipeline(steps=[PythonTask(function=print)])
        p.steps[0].on_failure = PythonTask(function=print)
        """)  # fmt: skip
    done = project.flowc("check", "p.py:p")
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    assert "PythonTask 'print': on_failure is PythonTask(name='print'), not a pipeline" in done.err
    assert "--> p.py:3:1" in done.err
