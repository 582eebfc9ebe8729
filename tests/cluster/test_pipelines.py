"""Pipelines on the cluster have the tasks, artifacts and results of the emulator: all kinds of steps, and failures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.records.store import Store
from pipeline.test_runs import PIPELINES, STEPS
from pipeline_flows import FILES, OUTPUTS, results
from project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.support import Cluster

MORE = (
    "composites", "items", "empty", "reduced", "stopped", "failing", "failing_map", "failing_branch", "inner_failures",
    "fails",
)  # fmt: skip
FLOWS = {**dict.fromkeys(OUTPUTS, "pipelines.py"), **dict.fromkeys(MORE, "more.py")}
FAILS = {"fails"}
SMOKE = {"noted", "handled_map"}


@pytest.fixture(scope="module")
def started(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Project, dict[str, str]]]:
    """Submit the pipelines of all selected tests; yield their directory, and the Workflows by the pipelines' names."""
    wanted = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    project = Project(tmp_path_factory.mktemp("pipelines"))
    del project.environment["PYTHONWARNINGS"]  # those of Jupyter are not flowc's
    for file, text in {**FILES, "steps.py": STEPS, "more.py": PIPELINES}.items():
        project.write(file, text)
    workflows = {}
    for name in FLOWS.keys() & wanted:
        image = cluster.image_with_ml if name == "noted" else None
        workflows[name] = cluster.submit(Path(f"{project.root}/{FLOWS[name]}:{name}"), image=image)
    yield project, workflows


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.smoke] if name in SMOKE else []) for name in FLOWS]
)
def test_pipelines(cluster: Cluster, started: tuple[Project, dict[str, str]], name: str) -> None:
    (project, workflows), succeeds = started, name not in FAILS
    done = project.flowc("run", "--local", f"{FLOWS[name]}:{name}")
    assert done.code == (0 if succeeds else 1), done.err
    here = project.store.run(name, project.store.runs(name)[-1])
    phase = cluster.wait(workflows[name], 600)
    assert phase == ("Succeeded" if succeeds else "Failed"), cluster.explain(workflows[name])
    there = Store.open(cluster.store).run(name, workflows[name])
    assert results(there) == results(here)
    for run in (here, there):
        values = project.artifacts(run, "end" if "end" in run.steps() else "last") if name in OUTPUTS else {}
        assert {key: values[key] for key in OUTPUTS.get(name, {})} == OUTPUTS.get(name, {})
