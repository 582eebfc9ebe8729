"""Patches replace the code of steps: from the command line, from programs, and in tests of pipelines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.pipeline import Conditional, Loop, Map, Parallel, Pipeline, PipelineError, PythonTask, Stub, pickled
from flowc.testing import run_pipeline
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from project import Project

STEPS = """
    def boom(x=0): raise ValueError("the code of the user ran")
    def double(x): return x * 2
    def total(doubled): return sum(doubled)
    """
PIPELINE = """
    from flowc.pipeline import Map, Pipeline, PythonTask
    import steps

    pipeline = Pipeline(name="numbers", steps=[
        PythonTask(name="load data", function=steps.boom, returns=["xs", "k"]),
        Map(name="each", iterate_on="xs", iterate_as="x",
            branch=PythonTask(name="double", function=steps.double, returns=["doubled"]).as_pipeline()),
        PythonTask(name="total", function=steps.total, returns=["sum"]),
    ])
    """


def boom(x: Any = None) -> Any:
    raise ValueError("the code of the user ran")


def task(name: str, *returns: Any, function: Any = boom, **more: Any) -> PythonTask:
    return PythonTask(name=name, function=function, returns=list(returns), **more)


def steps(*parts: Any, name: str = "mocked") -> Pipeline:
    return Pipeline(name=name, steps=[*parts])


def every_composite() -> Pipeline:
    return steps(
        task("load", "xs", "k"),
        Map(name="models", iterate_on="xs", iterate_as="x", branch=steps(task("train", "score")), reducer=max),
        Loop(name="grow", branch=steps(task("more", "size", "done")), max_iterations=9, break_on="done", index_as="i"),
        Conditional(
            name="by",
            parameter="size",
            branches={"a": steps(task("small", "label")), "b": steps(task("big", "label"))},
        ),
        Parallel(name="both", branches={"l": steps(task("left", "l")), "r": steps(task("right", "r"))}),
        task("report", "text", on_failure=steps(task("handle", "handled"))),
    )


# -- from programs


def test_a_mocked_run_runs_no_function(capfd: pytest.CaptureFixture[str]) -> None:
    done = run_pipeline(every_composite(), mock=True)
    assert done.outputs["xs"] == [None]
    assert (done["score"], done["text"], done["label"]) == (None, None, None)
    assert len(done.steps["train"]) == len(done.steps["more"]) == 1
    assert done.mocked >= {"load", "train", "more", "small", "left", "right", "report"}
    assert "big" not in done.mocked
    shown = capfd.readouterr().err
    assert "mocked load: nothing ran; 'xs' is mocked: the map has one item, None" in shown
    assert "'done' is mocked: the loop ends" in shown
    assert "'size' is mocked: the condition takes the branch at 'small'" in shown


def test_patches_feed_a_map_its_items_and_what_follows() -> None:
    patches = {
        "load": {"xs": [1, 2, 3], "k": 10},
        "train": lambda x, k: x * k,
        "more": lambda i: ("b", i >= 2),
        "report": lambda score, label: f"{score} {label}",
        "big": "large",
    }
    done = run_pipeline(every_composite(), patches=patches, mock=True)
    assert done["text"] == "30 large"
    assert [each["score"] for each in done.steps["train"]] == [10, 20, 30]
    assert len(done.steps["more"]) == 3
    assert done["l"] is None


def test_without_mock_the_other_steps_run() -> None:
    pipeline = steps(task("load", "x"), task("double", "y", function=lambda x: x * 2))
    done = run_pipeline(pipeline, patches={"load": 4})
    assert (done["x"], done["y"], done.mocked) == (4, 8, {"load"})
    with pytest.raises(AssertionError, match="step 'load': ValueError: the code of the user ran"):
        run_pipeline(pipeline)
    failed = run_pipeline(pipeline, check=False)
    assert (failed.ok, failed.outputs) == (False, {})


def test_a_patch_may_be_any_object_and_fail() -> None:
    pipeline = steps(task("load", pickled("x")), Stub(name="rest"))
    assert run_pipeline(pipeline, patches={"load": {1, 2}})["x"] == {1, 2}
    handled = steps(task("load", "x", on_failure=steps(task("handle", "why", function=lambda error: error.exception))))
    with_handler = run_pipeline(handled, patches={"load": boom})
    assert with_handler["why"] == "the code of the user ran"


def test_a_value_that_json_cannot_represent_fails_a_step_that_returns_json() -> None:
    failed = run_pipeline(steps(task("load", "x")), patches={"load": object()}, check=False)
    assert "'x' of the patch of step 'load' is a object, which JSON cannot represent" in failed.message


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ({"lod": 1}, "flow 'mocked' has no step 'lod' to patch: did you mean 'load'"),
        ({"load": {"xs": 1, "y": 2}}, "the patch of step 'load' has 'y'; the step returns xs, k"),
        ({"load": {"xs": 1}}, "the patch of step 'load' lacks 'k'"),
        ({"load": 3}, "the patch of step 'load' is 3, but the step returns xs, k"),
    ],
)
def test_wrong_patches_are_errors_before_the_run(patches: dict[str, object], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        run_pipeline(every_composite(), patches=patches)


def test_execute_takes_patches(tmp_path: Path) -> None:
    done = steps(task("load", "x")).execute(patches={"load": 3}, store=tmp_path / "store")
    assert done["x"] == 3
    assert done.run["load"].task.mocked
    assert "mocked:true" in done.run.system_tags


# -- on the command line


@pytest.fixture
def numbers(project: Project) -> Project:
    project.write("steps.py", STEPS)
    project.write("pipeline.py", PIPELINE)
    project.write("fakes.py", "def load_data(): return [5, 6], 0\ndef double(x): return x * 100\n")
    return project


def sum_of(project: Project) -> Any:
    run = project.store.run("numbers", project.store.runs("numbers")[-1])
    return codecs.load_value(project.store.objects, run.task("total", "0")["artifacts"]["sum"])


@pytest.mark.parametrize("start", ["auto", "fresh"])
@pytest.mark.parametrize(
    ("words", "total"),
    [
        (['load data={"xs": [1, 2], "k": 0}'], 6),
        (["load_data=[[1, 2, 3], null]", "double=fakes:double"], 600),
        (["load_data=fakes.py"], 22),
        (["load_data=fakes.py:load_data", "total=7"], 7),
    ],
)
def test_patches_of_the_command_line(numbers: Project, words: list[str], total: int, start: str) -> None:
    options = [part for word in words for part in ("--patch", word)]
    done = numbers.flowc("run", "--local", "pipeline.py", "--start", start, *options)
    assert done.code == 0, done.err
    assert sum_of(numbers) == total


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("totl=1", "error: flow 'numbers' has no step 'totl' to patch\nhint: did you mean 'total'?\n"),
        ("total", "error: --patch 'total' has no '='\nhint: write --patch STEP=VALUE\n"),
        ("total=big", "nor a Python file\nhint: write a text as JSON: --patch 'total=\"big\"'"),
        ("total=fakes:nothing", "the patch of step 'total', fakes:nothing, cannot be used"),
        ("total=nowhere:fake", "ModuleNotFoundError: No module named 'nowhere'"),
        ("total=nowhere.py", "nowhere.py"),
        ("total=fakes.py", "has no function 'total', and does not define exactly one function"),
        ("load data=1", "but the step returns xs, k: give a dict with these names"),
    ],
)
def test_wrong_words_end_with_exit_code_2(numbers: Project, word: str, error: str) -> None:
    done = numbers.flowc("run", "--local", "pipeline.py", "--patch", word)
    assert (done.code, error in done.err, numbers.store.flows()) == (2, True, []), done.err


def test_records_and_show_say_mocked(numbers: Project) -> None:
    assert numbers.flowc("run", "--local", "pipeline.py", "--mock", "--log-format", "json").code == 0
    run = numbers.store.run("numbers", numbers.store.runs("numbers")[-1])
    view = RunView.of(run)
    assert [run.task(step.name, step.paths[0]).get("mocked") for step in view.steps] == [True] * 4
    assert "mocked" in numbers.flowc("show", "numbers/latest/total").out
    (row,) = json.loads(numbers.flowc("show", "numbers/latest/total", "--json").out)["tasks"]
    assert row["mocked"] is True
    assert row["note"] == "nothing ran"


def test_a_real_resume_reuses_no_mocked_result(numbers: Project) -> None:
    patches = ["--patch", "load_data=[[1, 2], 0]", "--patch", "total=steps:boom"]
    assert numbers.flowc("run", "--local", "pipeline.py", *patches).code == 1
    numbers.write("steps.py", STEPS.replace('raise ValueError("the code of the user ran")', "return [3], 0"))
    done = numbers.flowc("resume", "pipeline.py")
    assert done.code == 0, done.err
    assert "load_data runs again: it was mocked" in done.err
    assert sum_of(numbers) == 6


def test_a_resume_may_patch_what_failed_and_reuses_the_rest(numbers: Project) -> None:
    numbers.write("steps.py", STEPS.replace('raise ValueError("the code of the user ran")', "return [3], 0")
                  .replace("return sum(doubled)", "raise ValueError"))  # fmt: skip
    assert numbers.flowc("run", "--local", "pipeline.py").code == 1
    done = numbers.flowc("resume", "pipeline.py", "--patch", "total=9")
    assert done.code == 0, done.err
    assert "reused 3 tasks" in done.err
    assert sum_of(numbers) == 9


# -- pytest


def test_the_fixture(numbers: Project) -> None:
    numbers.write(
        "test_numbers.py",
        """
        from flowc.pipeline import PipelineError
        from pipeline import pipeline

        def test_total(run_pipeline):
            done = run_pipeline(pipeline, patches={"load data": {"xs": [1, 2, 3], "k": 0}})
            assert done["sum"] == 12
            assert [each["doubled"] for each in done.steps["double"]] == [2, 4, 6]
            assert done.mocked == {"load_data"}
            assert run_pipeline.store.is_dir()
        """,
    )
    done = numbers.python("-m", "pytest", "-q", "-p", "flowc.mocking.pytest_plugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert (done.code, "1 passed" in done.out) == (0, True), done.out


def test_the_plugin_imports_little() -> None:
    heavy = ("click", "flowc.pipeline", "flowc.testing", "flowc_ir.model", "metaflow")
    program = f"import sys, pytest, flowc.mocking.pytest_plugin; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_pytest_finds_the_plugin() -> None:
    root = next(parent for parent in Path(__file__).parents if (parent / "pyproject.toml").is_file())
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nflowc = "flowc.mocking.pytest_plugin"\n' in pyproject
    assert (root / "compiler/flowc/mocking/pytest_plugin.py").is_file()


@pytest.mark.parametrize(
    ("options", "started"),
    [(["--mock"], False), (["--mock", "--patch", "total=1"], False), (["--mock", "--patch", "total=steps:one"], True),
     (["--patch", "total=1"], True), (["--mock", "--start", "fresh"], False)],
)  # fmt: skip
def test_a_fork_server_is_started_only_if_a_step_runs_code(project: Project, options: list[str], started: bool) -> None:
    project.write(
        "steps.py",
        STEPS + "\n    print('the import has an effect')\n    def load(): return [1], 2\n    def one(): return 1\n",
    )
    project.write("pipeline.py", PIPELINE.replace("steps.boom", "steps.load"))
    done = project.python("-X", "importtime", "-m", "flowc", "run", "--local", *options, "pipeline.py:pipeline")
    assert ("flowc_emulator.forkserver.client" in done.err) == started
    assert "succeeded: " in done.out + done.err
