"""Examples of runnable 0.50's documentation work with another import line, or are refused with an error."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

import flowc.pipeline
from flowc.pipeline import NotebookJob, Parallel, PipelineError, PythonJob, PythonTask, Stub
from flowc.pipeline.unsupported import HINTS
from pipeline.test_notebooks import notebook
from project import ROOT

if TYPE_CHECKING:
    from project import Project

# All public names of runnable 0.50.
NAMES = [
    "AsyncPipeline",
    "AsyncPythonTask",
    "Catalog",
    "Conditional",
    "Console",
    "Fail",
    "Loop",
    "Map",
    "NotebookJob",
    "NotebookTask",
    "OTEL_AVAILABLE",
    "Parallel",
    "Pipeline",
    "PythonJob",
    "PythonTask",
    "ShellJob",
    "ShellTask",
    "StreamingSpanProcessor",
    "Stub",
    "Success",
    "catalog",
    "console",
    "context",
    "datastore",
    "defaults",
    "exceptions",
    "executor",
    "get_stream_queue",
    "graph",
    "json",
    "metric",
    "names",
    "nodes",
    "os",
    "parameters",
    "pickled",
    "pickler",
    "sdk",
    "secrets",
    "set_stream_queue",
    "task_console",
    "tasks",
    "telemetry",
    "truncate_value",
    "utils",
]
STEPS = """
    import argparse
    from enum import Enum
    from pathlib import Path

    class Colour(Enum):
        RED = "red"

    def process(batch_size=100, debug=False):
        return [batch_size, debug]

    def train(args: argparse.Namespace):
        return [args.learning_rate, args.epochs]

    def typed(path: Path, colour: Colour, word):
        return path / "x", colour, word

    def greet(name):
        return name

    def fail():
        raise ValueError("planned")
    """


@pytest.mark.parametrize("name", NAMES)
def test_all_names_of_runnable_can_be_imported(name: str) -> None:
    assert hasattr(flowc.pipeline, name)


@pytest.mark.parametrize("name", sorted(HINTS))
def test_names_without_a_counterpart_are_refused_when_used(name: str) -> None:
    found = getattr(flowc.pipeline, name)
    for use in (lambda: found.anything, lambda: found("a")):
        with pytest.raises(PipelineError, match=f"does not support runnable's '{name}': {re.escape(HINTS[name])}"):
            use()


def test_a_name_that_runnable_does_not_have_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pipelin'"):
        flowc.pipeline.Pipelin  # type: ignore[attr-defined]  # noqa: B018


def test_each_row_of_the_table_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs" / "runnable.md").read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| page")]
    assert len(rows) > 35
    for row in rows:
        places = re.findall(r"`([\w/]+(?:\.py)?/?)(?:::(\w+))?`", row.rsplit(" | ", 1)[1])
        assert places, row
        for file, name in places:
            path = ROOT / "tests" / file
            assert path.exists(), row
            assert not name or f"def {name}(" in path.read_text(), row


def run(project: Project, body: str, **environment: str) -> str:
    """Run a program with the functions of STEPS; return what it prints after the word VALUES."""
    project.write("steps.py", STEPS)
    project.write("program.py", f"from json import dumps\nfrom flowc.pipeline import *\nfrom steps import *\n{body}\n")
    done = project.python("program.py", **environment)
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("VALUES "))
    return line.removeprefix("VALUES ")


def test_sources_of_parameters_in_their_order(project: Project) -> None:
    project.write("code.yaml", "batch_size: 1\ndebug: true\n")
    project.write("environment.yaml", "batch_size: 2\n")
    body = "job = PythonJob(function=process, returns=['v'])\n"
    file = "parameters_file='code.yaml'"
    assert run(project, f"{body}print('VALUES', job.execute({file})['v'])") == "[1, True]"
    named = {"RUNNABLE_PARAMETERS_FILE": "environment.yaml"}
    assert run(project, f"{body}print('VALUES', job.execute({file})['v'])", **named) == "[2, True]"
    assert run(project, f"{body}print('VALUES', job.execute()['v'])", **named) == "[2, False]"
    named["RUNNABLE_PRM_batch_size"] = "3"
    assert run(project, f"{body}print('VALUES', job.execute({file})['v'])", **named) == "[3, True]"
    assert run(project, f"{body}print('VALUES', job.execute({{'batch_size': 4}}, {file})['v'])", **named) == "[4, True]"


def test_the_file_of_the_environment_is_below_the_command_line(project: Project) -> None:
    project.write("steps.py", STEPS)
    project.write("environment.yaml", "batch_size: 2\n")
    done = project.flowc(
        "run", "--local", "steps.py:process", "--debug", "x", RUNNABLE_PARAMETERS_FILE="environment.yaml"
    )
    assert done.code == 0, done.err
    assert project.latest().record()["parameters"] == {"batch_size": 2, "debug": "x"}


def test_a_function_of_a_namespace_gets_all_values(project: Project) -> None:
    project.write("values.yaml", "learning_rate: 0.5\n")
    body = """
p = Pipeline(name="p", steps=[PythonTask(name="train", function=train, returns=["v"])])
print("VALUES", p.execute(parameters_file="values.yaml")["v"])"""
    assert run(project, body, RUNNABLE_PRM_epochs="7") == "[0.5, 7]"


@pytest.mark.parametrize("value", ["two", "2", "[1]", "", "NaN", 2, True, None, {"a": [1]}])
def test_a_value_of_a_program_is_taken_as_it_is(project: Project, value: object) -> None:
    body = f"""
p = Pipeline(name="p", steps=[PythonTask(name="greet", function=greet, returns=["v"])])
print("VALUES", dumps(p.execute({{"name": {value!r}}})["v"]))"""
    assert json.loads(run(project, body)) == value


@pytest.mark.parametrize(("text", "value"), [("Ann", "Ann"), ("2", 2), ('"2"', "2"), ("NaN", "NaN"), ("{", "{")])
def test_an_option_is_json_or_else_text(project: Project, text: str, value: object) -> None:
    project.write("steps.py", STEPS)
    done = project.flowc("run", "--local", "steps.py:greet", "--name", text)
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "greet")["result"] == value


def test_paths_and_enums_are_arguments_and_returns(project: Project) -> None:
    body = """
p = Pipeline(name="p", steps=[PythonTask(name="typed", function=typed, returns=["path", "colour", "word"])])
print("VALUES", dumps(p.execute({"path": "a", "colour": "red", "word": "b"}).outputs))"""
    assert json.loads(run(project, body)) == {"path": "a/x", "colour": "red", "word": "b"}
    done = project.flowc("run", "--local", "steps.py:typed", "--path", "a", "--colour", "blue", "--word", "b")
    assert done.code == 2
    assert "'--colour': argument of typed() in step 'typed' (steps.py:14:1) is 'blue' (str), not a Colour" in done.err


def test_returns_of_all_kinds(project: Project) -> None:
    body = """
class Table:
    rows = [1, 2]
def write():
    return Table(), 10, 3.14, "hello", 0.95
def read(table, integer, floater, stringer, score):
    return [len(table.rows), integer, floater, stringer, score]
p = Pipeline(name="p", steps=[
    PythonTask(name="write", function=write, returns=[pickled("table"), "integer", json("floater"), "stringer", metric("score")]),
    PythonTask(name="read", function=read, returns=["v"]),
])
print("VALUES", p.execute()["v"])"""
    assert run(project, body) == "[2, 10, 3.14, 'hello', 0.95]"


def test_a_handler_may_be_set_after_the_step_is_made(project: Project) -> None:
    body = """
first = PythonTask(name="first", function=fail)
first.on_failure = Stub(name="recovery").as_pipeline()
done = Pipeline(name="p", steps=[first, Stub(name="second")]).execute()
print("VALUES", done.status, sorted(step.id for step in done.run))"""
    assert run(project, body) == "succeeded ['end', 'first', 'recovery']"


def test_what_cannot_be_followed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    job = PythonJob(function=print)
    with pytest.raises(PipelineError, match=r"execute\(job_id='mine'\) is not supported: flowc makes the ids of runs"):
        job.execute(job_id="mine")
    with pytest.raises(
        PipelineError, match=r"execute\('config.yaml'\): the first argument is a dict of the run's values"
    ):
        job.execute("config.yaml")  # type: ignore[arg-type]
    monkeypatch.setenv("RUNNABLE_RUN_ID", "mine")
    with pytest.raises(PipelineError, match="RUNNABLE_RUN_ID=mine is not supported: flowc makes the ids of runs"):
        job.execute()
    task = PythonTask(name="a", function=print)
    for wrong in (task, [task], Stub(name="s")):
        with pytest.raises(PipelineError, match=r"branch 'a' is .*, not a pipeline: write .*as_pipeline\(\)"):
            Parallel(name="p", branches={"a": wrong})  # type: ignore[dict-item]


def test_options_of_another_notebook_runner_are_refused_of_jobs_too() -> None:
    with pytest.raises(PipelineError, match="optional_ploomber_args is not supported"):
        NotebookJob(notebook="a.ipynb", optional_ploomber_args={"x": 1})


def test_a_value_that_a_notebook_replaces_is_refused(project: Project) -> None:
    project.write("book.ipynb", notebook("import os\nsize = 1\nother = size + 1", "total = total + 1\nfree"))
    program = "from flowc.pipeline import *\nNotebookJob(notebook='book.ipynb').execute({%r: 5})"
    done = project.python("-c", program % "size")
    assert done.code == 1
    assert "the notebook book.ipynb sets 'size' itself, so that a value from outside has no effect" in done.err
    assert "give the cell that sets it the tag 'parameters'" in done.err
    assert project.store.flows() == []


def test_two_steps_use_one_secret(project: Project) -> None:
    body = """
steps = [ShellTask(name=name, command=f'export {name}=${{#TOKEN}}', returns=[name], secrets=["TOKEN"]) for name in "ab"]
print("VALUES", Pipeline(name="p", steps=steps).execute().outputs)"""
    assert run(project, body, TOKEN="s3cr3t") == "{'a': 6, 'b': 6}"
