"""Pipelines have the same tasks, artifacts and results on the cluster as in the emulator. The tests cover all kinds of
steps, and failures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import description
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
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
SMOKE = {"short"}
NOTEBOOKS = {"short", "noted"}


@pytest.fixture(scope="module")
def started(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Project, dict[str, str]]]:
    """Submit the pipelines of all selected tests; yield their directory, and the name of each pipeline's Workflow."""
    wanted = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    project = Project(tmp_path_factory.mktemp("pipelines"))
    del project.environment["PYTHONWARNINGS"]  # allows Jupyter's warnings
    for file, text in {**FILES, "steps.py": STEPS, "more.py": PIPELINES}.items():
        project.write(file, text)
    workflows = {}
    for name in FLOWS.keys() & wanted:
        image = cluster.image_with_ml if name in NOTEBOOKS else None
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


RETRIED = """
    from flowc.pipeline import Catalog, Map, Pipeline, PythonTask, pickled

    class Table:
        def __init__(self, rows):
            self.rows = rows

    def load(count: int = 3):
        with open("rows.txt", "w") as file:
            file.write(str(count))
        return Table(count), list(range(count))

    def score(item, table):
        assert item != 1 or {there}, "broken in the map"
        return item + table.rows

    def report(scores):
        assert {here}, "broken in the report"
        return f"{{scores}} {{open('rows.txt').read()}}"

    retried = Pipeline(name="retried", steps=[
        PythonTask(name="load", function=load, returns=[pickled("table"), "items"], catalog=Catalog(put=["rows.txt"])),
        Map(name="each", iterate_on="items", iterate_as="item", branch=Pipeline(steps=[
            PythonTask(name="score", function=score, returns=["scores"])])),
        PythonTask(name="report", function=report, returns=["text"], catalog=Catalog(get=["rows.txt"])),
    ])
    """


def test_a_pipeline_is_retried_here_and_there(cluster: Cluster, project: Project) -> None:
    """A pipeline fails on the cluster; a local retry fails too; a second retry, on the cluster, succeeds."""
    found = description.read(Path(os.environ[description.VARIABLE]))
    assert found is not None
    del project.environment["PYTHONWARNINGS"]
    project.environment |= {
        **cluster.store_environment,
        "KUBECONFIG": found.kubeconfig,
        "FLOWC_NAMESPACE": cluster.namespace,
        "FLOWC_IMAGE": cluster.image,
        "FLOWC_CLUSTER_STORE": cluster.store,
        "FLOWC_STORE": cluster.store,
    }
    file, store = project.root / "retried.py", Store.open(cluster.store)

    def begun(run_id: str) -> list[str]:
        run = store.run("retried", run_id)
        return sorted(f"{step}/{path}" for step in run.steps() for path in run.tasks_run(step))

    project.write("retried.py", RETRIED.format(there=False, here=True))
    first = cluster.submit(file)
    assert cluster.wait(first) == "Failed"
    project.write("retried.py", RETRIED.format(there=True, here=False))
    done = project.flowc("retry", f"retried/{first}", "--run-id-file", "id")
    assert done.code == 1, done.err
    second = (project.root / "id").read_text()
    assert begun(second) == ["each_join/0", "report/0", "score/0.1"]
    assert store.run("retried", second).record()["origin"] == first
    project.write("retried.py", RETRIED.format(there=True, here=True))
    done = project.flowc("retry", f"retried/{second}", "--target", "argo")
    assert done.code == 0, done.err
    third = done.out.strip()
    cluster.succeed(third)
    assert begun(third) == ["report/0"]
    run = store.run("retried", third)
    assert load_value(run.objects, run.task("report", "0")["artifacts"]["text"]) == "[3, 4, 5] 3"
