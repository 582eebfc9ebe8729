"""Pipelines in the emulator and their manifests in the simulated controller have the same tasks and artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from compare import summary
from gateway import gateway
from pipeline.test_runs import OWN_FAULTS, PIPELINES, STEPS
from pipeline_flows import FILES, OUTPUTS, results
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

MORE = """
    import asyncio
    from pipelines import P, T
    from flowc.pipeline import AsyncPythonTask, Conditional, Map, Pipeline, PythonTask, ShellTask, pickled

    async def answers():
        yield {"type": "chunk"}
        yield {"type": "done", "answer": 42}

    factor = 3
    by_lambda = Pipeline(name="by_lambda", steps=[
        T("rows", "rows"),
        Map(name="m", iterate_on="rows", iterate_as="row", branch=P(
            PythonTask(name="scale", function=lambda row: [x * 3 for x in row], returns=[pickled("scaled")]))),
    ])
    whole = Pipeline(name="whole", steps=[  # nothing fails, and no branch has the value's name
        T("base", "base", on_failure=P(T("handle", "how"))),
        Conditional(name="cond", parameter="base", branches={"1": P(T("small", "label"))}, default=P(T("big", "label"))),
        T("left", "after"),
    ])
    shells = Pipeline(name="shells", steps=[
        T("rows", "rows"),
        Map(name="m", iterate_on="rows", iterate_as="row", branch=P(
            ShellTask(name="say", command="export said=$row; exit 0", returns=["said"]))),
    ])
    streamed = Pipeline(name="streamed", steps=[AsyncPythonTask(name="answers", function=answers, returns=["answer"])])
    """


@pytest.fixture
def pipelines(project: Project) -> Project:
    project.write("steps.py", STEPS)
    project.write("pipelines.py", PIPELINES)
    project.write("more.py", MORE)
    return project


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pipelines.py:composites", 0),
        ("pipelines.py:items", 0),
        ("pipelines.py:empty", 0),
        ("pipelines.py:reduced", 0),
        ("pipelines.py:stopped", 0),
        ("pipelines.py:failing", 0),
        ("pipelines.py:failing_map", 0),
        ("pipelines.py:failing_branch", 0),
        ("pipelines.py:fails", 1),
        *((f"pipelines.py:{name}", 0) for name in (*OWN_FAULTS, "own_well")),
        ("more.py:by_lambda", 0),
        ("more.py:whole", 0),
        ("more.py:streamed", 0),
        ("more.py:shells", 0),
    ],
)
def test_pipelines(pipelines: Project, name: str, code: int) -> None:
    done = pipelines.flowc("run", "--local", name)
    assert done.code == code, done.err
    there = played(pipelines, name)
    assert summary(there) == summary(pipelines.latest())


def test_manifests_have_no_unwanted_deadline_and_no_random_names(pipelines: Project) -> None:
    first, second = (pipelines.flowc("compile", "pipelines.py:composites") for _ in range(2))
    assert (first.code, first.out) == (0, second.out), first.err
    found = list(yaml.safe_load_all(first.out))
    assert not [path for path, _ in values_of(found) if path.endswith((".activeDeadlineSeconds", ".timeout"))]
    pods = [value for path, value in values_of(found) if path.endswith((".hostPath", ".claimName"))]
    assert pods == []  # pods share no directory of the node


def values_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) for each part of a manifest."""
    yield path, value
    match value:
        case dict():
            for key, each in value.items():
                yield from values_of(each, f"{path}.{key}")
        case list():
            for each in value:
                yield from values_of(each, f"{path}[]")


@pytest.fixture
def every(project: Project) -> Project:
    """Return a project with only the pipelines of `pipeline_flows`."""
    for file, text in FILES.items():
        project.write(file, text)
    project.environment["PYTHONWARNINGS"] = IMAGE["PYTHONWARNINGS"]
    return project


IMAGE = {"PYTHONWARNINGS": "default"}  # allows Jupyter's warnings


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_kind_of_step(every: Project, name: str) -> None:
    """Each pod has a separate working directory, so it gets files of earlier pods only from the catalog."""
    done = every.flowc("run", "--local", f"pipelines.py:{name}")
    assert done.code == 0, done.err
    there = played(every, f"pipelines.py:{name}", environment=IMAGE)
    assert results(there) == results(every.latest())
    values = every.artifacts(there, "end" if "end" in there.steps() else "last")
    assert {key: values[key] for key in OUTPUTS[name]} == OUTPUTS[name]


def test_files_of_a_catalog_are_in_a_bucket(
    every: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        for key, value in s3.environment.items():
            monkeypatch.setenv(key, value)
        there = played(every, "pipelines.py:every", store=s3.bucket("files"), environment=s3.environment)
        values = every.artifacts(there, "end")
        files = [(file["name"], file["stage"]) for file in there.task("otherwise", "0")["files"]]
    assert values["label"] == OUTPUTS["every"]["label"]
    assert files == [(f"deep/pair-{number}.txt", "get") for number in range(3)]
