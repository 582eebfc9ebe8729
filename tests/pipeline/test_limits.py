"""The retries, timeouts, resources and environment variables of tasks, and the parameters that pipelines declare."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.pipeline import Pipeline, PipelineError, PythonJob, PythonTask, ShellTask
from flowc_ir import Resources, Retry, Timeout

if TYPE_CHECKING:
    from flowc_ir import Flow
    from project import Project


def one(x: int = 1, y: float = 0.5) -> int:
    return x


def task(**more: Any) -> PythonTask:
    return PythonTask(name="a", function=one, **more)


def lowered(*steps: Any, **more: Any) -> Flow:
    loaded = load_pipeline(Pipeline(name="flow", steps=[*steps], **more))
    assert loaded.flow is not None, loaded.diagnostics
    return loaded.flow


def test_the_limits_of_a_task_are_the_policies_of_its_node() -> None:
    node = lowered(
        task(
            retry={"times": 3, "wait": "1m30s"},
            timeout="2h",
            resources={"cpu": 0.5, "memory": "4Gi", "gpu": 1, "disk": 100, "shared_memory": "64Mi"},
            environment={"LEVEL": "high", "N": 3},
        )
    ).nodes[0]
    assert node.retry == Retry(times=3, wait_seconds=90)
    assert node.timeout == Timeout(seconds=7200)
    assert node.resources == Resources(cpu="0.5", memory=4096, gpu=1, disk=100, shared_memory=64)
    assert node.environment == (("LEVEL", "high"), ("N", "3"))


@pytest.mark.parametrize(
    ("given", "seconds"), [(90, 90), ("90s", 90), ("1d2h3m4s", 93784), (timedelta(minutes=2), 120)]
)
def test_forms_of_a_duration(given: Any, seconds: int) -> None:
    assert lowered(task(timeout=given)).nodes[0].timeout == Timeout(seconds=seconds)


@pytest.mark.parametrize(
    ("given", "cores"), [(2, "2"), (0.25, "0.25"), ("1.5", "1.5"), ("500m", "0.5"), (1e-05, "0.00001")]
)
def test_forms_of_cores(given: Any, cores: str) -> None:
    assert lowered(task(resources={"cpu": given})).nodes[0].resources == Resources(cpu=cores)


def test_jobs_have_limits_too() -> None:
    (node,) = lowered(*PythonJob(function=one, retry=1, timeout="1m", environment={"A": 1}).as_pipeline().steps).nodes
    assert (node.retry, node.timeout, node.environment) == (Retry(times=1), Timeout(seconds=60), (("A", "1"),))


def test_a_number_of_retries_is_enough() -> None:
    assert lowered(task(retry=2)).nodes[0].retry == Retry(times=2)


FAULTY: list[tuple[dict[str, Any], str]] = [
    ({"retry": -1}, "retry: times is -1, not a whole number such as 3"),
    ({"retry": True}, "retry: times is True"),
    ({"retry": {"time": 3}}, "retry has no 'time': did you mean 'times'?"),
    ({"retry": {"wait": 3}}, "retry: times is None"),
    ({"retry": {"times": 1, "wait": "soon"}}, "retry: wait is 'soon', not a number of seconds"),
    ({"timeout": 0}, "timeout is 0, not a number of seconds"),
    ({"timeout": "90"}, "timeout is '90'"),
    ({"timeout": 1.5}, "timeout is 1.5"),
    ({"resources": {"memry": 3}}, "resources has no 'memry': did you mean 'memory'?"),
    ({"resources": {"ram": 3}}, "it has cpu, memory, gpu, disk and shared_memory"),
    ({"resources": {"memory": "4GB"}}, "memory is '4GB', not a number of MiB"),
    ({"resources": {"cpu": "two"}}, "cpu is 'two', not a number of cores"),
    ({"resources": {"cpu": float("inf")}}, "cpu is inf"),
    ({"resources": {"gpu": "1"}}, "gpu is '1', not a whole number"),
    ({"resources": 4}, "resources is 4, not amounts"),
    ({"environment": {"A B": "x"}}, "environment: 'A B' is not the name of a variable"),
    ({"environment": {"A": None}}, "environment: A is None, not a string or a number"),
    ({"environment": ["A"]}, "environment is ['A'], not variables"),
]


@pytest.mark.parametrize(("given", "message"), FAULTY, ids=[message[:30] for _, message in FAULTY])
def test_a_wrong_limit_is_refused_where_it_is_written(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        task(**given)
    assert message in str(raised.value)


def test_declared_parameters() -> None:
    flow = lowered(task(), parameters={"x": 3, "y": None, "rows": 10, "region": None, "sizes": [1, 2]})
    assert [(each.name, each.type, each.default, each.required) for each in flow.parameters] == [
        ("x", "int", "3", False), ("y", "float", "0.5", False), ("rows", "int", "10", False),
        ("region", "any", None, True), ("sizes", "json", "[1,2]", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"a b": 1}, "a name of parameters is 'a b', not the name of a value"),
        ({"a": {1}}, "the default of the parameter 'a' cannot be written as JSON"),
        (["a"], "parameters is ['a'], not names and defaults"),
    ],
)
def test_a_wrong_parameter_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        Pipeline(steps=[ShellTask(name="s", command="true")], parameters=parameters)
    assert message in str(raised.value)


def test_limits_apply_to_runs(project: Project) -> None:
    project.write("steps.py", """
        import os, signal
        from pathlib import Path

        def flaky():
            with open("attempts", "a") as file:
                file.write("x")
            if len(Path("attempts").read_text()) < 3:
                raise ValueError("not yet")
            return os.environ["LEVEL"]
        def slow():
            signal.pause()
        def handle(error):
            return error.type
        """)  # fmt: skip
    project.write("flow.py", """
        from flowc.pipeline import Pipeline, PythonTask
        pipeline = Pipeline(name="limits", parameters={"more": 1}, steps=[
            PythonTask(function="steps.flaky", returns=["level"], retry=2, environment={"LEVEL": "high"}),
            PythonTask(function="steps.slow", timeout=1, on_failure=PythonTask(
                function="steps.handle", returns=["why"]).as_pipeline()),
        ])
        if __name__ == "__main__":
            done = pipeline.execute()
            print("OUT", done["level"], done["why"])
        """)  # fmt: skip
    done = project.python("flow.py")
    assert done.code == 0, done.err
    assert "OUT high" in done.out
    assert "Timeout" in done.out.rpartition("OUT")[2]
