"""Pipelines that failed on a cluster are retried locally, and vice versa; failure handlers run for lost pods."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from flowc_runtime.store.values.codecs import load_value
from project import PACKAGES, ROOT
from targets.argo.controller import play, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project
    from targets.argo.controller import Pod

PIPELINE = """
    import os
    from flowc.pipeline import Catalog, Map, Pipeline, PythonTask, ShellTask, Stub, pickled

    class Table:
        def __init__(self, rows):
            self.rows = rows

    def load(count: int):
        with open("rows.txt", "w") as file:
            file.write(str(count))
        return Table(count), list(range(count))

    def score(item, table):
        if os.environ.get("BROKEN") and item == 1:
            raise ValueError(f"row {item} of {table.rows}")
        return item + table.rows

    def report(scores, word):
        return f"{word} {scores} {open('rows.txt').read()}"

    def handle(error):
        return error.exception

    def P(*steps):
        return Pipeline(steps=[*steps])

    scored = Pipeline(name="scored", steps=[
        PythonTask(name="load", function=load, returns=[pickled("table"), "items"], catalog=Catalog(put=["rows.txt"])),
        Map(name="each", iterate_on="items", iterate_as="item",
            branch=P(PythonTask(name="score", function=score, returns=["scores"]))),
        ShellTask(name="say", command="export word=all", returns=["word"]),
        PythonTask(name="report", function=report, returns=["text"], catalog=Catalog(get=["rows.txt"])),
    ])
    handled = Pipeline(name="handled", parameters={"items": [0, 1]}, steps=[
        PythonTask(name="load", function=load, returns=[pickled("table"), "rows"]),
        Map(name="each", iterate_on="items", iterate_as="item", on_failure=P(
            PythonTask(name="handle", function=handle, returns=["how"])),
            branch=P(PythonTask(name="score", function=score, returns=["scores"]))),
        Stub(name="after"),
    ])
    """
TEXT = "all [3, 4, 5] 3"


@pytest.fixture
def pipelines(project: Project) -> Project:
    project.write("pipelines.py", PIPELINE)
    return project


def played(
    project: Project, name: str, *words: str, run: Callable[[Pod], tuple[int, str]] = start, **more: str
) -> RunStore:
    """Run a command that prints or writes manifests, and run these manifests with the simulated controller in the
    project's store. The pods have the environment variables `more`."""
    done = project.flowc(*words, "--store", "file:///proc/self/cwd/.flowc", FLOWC_STORE_CLAIM="claim")
    assert done.code == 0, done.err
    given = {"count": "3"} if words[0] == "compile" and "dies" not in words[1] else {}
    file = project.root / "out.yaml"
    manifests = list(yaml.safe_load_all(file.read_text() if file.exists() else done.out))
    file.unlink(missing_ok=True)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PACKAGES),
        **more,
    }
    (work := project.root / name).mkdir()
    url = f"file://{project.root}/.flowc"
    workflow = play(manifests, url, work, given, name=name, environment=environment, run=run)
    (flow,) = project.store.flows()
    found = project.store.run(flow, name)
    assert (workflow.phase == "Succeeded") == (found.status()["state"] == "succeeded"), workflow.logs()
    return found


def value(run: RunStore, step: str, name: str) -> object:
    return load_value(run.objects, run.task(step, "0")["artifacts"][name])


def begun(run: RunStore) -> list[str]:
    return sorted(f"{step}/{path}" for step in run.steps() for path in run.tasks_run(step))


def ran(done: Finished) -> list[str]:
    return [line.split()[1] for line in done.err.splitlines() if line.startswith("done ")]


def test_what_failed_there_is_retried_here_and_there_again(pipelines: Project) -> None:
    failed = played(pipelines, "there", "compile", "pipelines.py:scored", BROKEN="1")
    assert (failed.status()["state"], failed.status().get("failed")) == ("failed", "score/0.1")
    again = pipelines.flowc("retry", "scored/there", BROKEN="1")
    assert (again.code, ran(again)) == (1, []), again.err
    (broken,) = set(pipelines.store.runs("scored")) - {"there"}
    there = played(pipelines, "again", "retry", f"scored/{broken}", "--target", "argo", "--output", "out.yaml")
    assert begun(there) == ["each_join/0", "report/0", "say/0", "score/0.1"]
    assert value(there, "report", "text") == TEXT
    assert there.record()["origin"] == broken
    here = pipelines.flowc("retry", "scored/there")
    assert (here.code, ran(here)) == (0, ["score/0.1", "each_join", "say", "report"]), here.err


def test_what_failed_here_is_retried_there(pipelines: Project) -> None:
    assert pipelines.flowc("run", "pipelines.py:scored", "--count", "3", "--max-workers", "1", BROKEN="1").code == 1
    (origin,) = pipelines.store.runs("scored")
    there = played(pipelines, "there", "retry", "scored/latest", "--target", "argo", "--output", "out.yaml")
    assert begun(there) == ["each_join/0", "report/0", "say/0", "score/0.1", "score/0.2"]
    assert value(there, "report", "text") == TEXT
    assert (there.record()["origin"], there.record()["parameters"]) == (origin, {"count": 3})


VANISHED = "the process vanished without a record: it was killed, or its machine was lost"
DIES = """
    import os, signal
    from flowc.pipeline import Pipeline, PythonTask

    def dies():
        with open(os.environ["RUNS"], "a") as file:
            file.write("run\\n")
        if os.environ.get("DIES"):
            os.kill(os.getppid(), signal.Signals[os.environ["DIES"]])  # the container's main process
            signal.pause()
        return 1

    def handle(error):
        return error.exception

    plain = Pipeline(name="plain", steps=[PythonTask(name="dies", function=dies, returns=["x"])])
    retried = Pipeline(name="retried", steps=[PythonTask(name="dies", function=dies, returns=["x"], retry=1)])
    handled = Pipeline(name="handled", steps=[PythonTask(name="dies", function=dies, returns=["x"], on_failure=Pipeline(
        steps=[PythonTask(name="handle", function=handle, returns=["how"])]))])
    """


@pytest.mark.parametrize(
    ("name", "by", "state", "times"),
    [
        ("plain", "SIGKILL", "failed", 1),
        ("handled", "SIGKILL", "succeeded", 1),
        ("handled", "SIGTERM", "succeeded", 1),
        ("retried", "SIGTERM", "succeeded", 2),
    ],
)
def test_a_pod_that_argo_creates_again_counts_as_an_attempt(
    project: Project, name: str, by: str, state: str, times: int
) -> None:
    """If a pod is deleted before Argo knows its result, Argo starts a second pod with the same attempt number."""
    project.write("dies.py", DIES)

    def run(pod: Pod) -> tuple[int, str]:
        if "dies" in pod.command:
            assert start(replace(pod, env={**pod.env, "DIES": by}))[0] == (137 if by == "SIGKILL" else 1)
        return start(pod)

    runs = project.root / "runs"
    found = played(project, "there", "compile", f"dies.py:{name}", run=run, RUNS=str(runs))
    assert found.status()["state"] == state
    assert runs.read_text().count("run") == times
    if name == "plain":
        assert found.status()["message"] == VANISHED
    if name == "handled":
        assert value(found, "handle", "how") == (VANISHED if by == "SIGKILL" else "the process was killed by SIGTERM")


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_handler_runs_for_a_pod_that_is_lost(pipelines: Project, lost: str) -> None:
    """The failure handler runs if the pod is lost before it starts, or after it has recorded its failure."""
    pods: list[str] = []

    def run(pod: Pod) -> tuple[int, str]:
        if "score" not in pod.command or "0.1" not in pod.command:
            return start(pod)
        pods.append(pod.name)
        if len(pods) > 1:
            return start(pod)
        return (255, "") if lost == "before" else (255, start(pod)[1])

    found = played(
        pipelines, "there", "compile", "pipelines.py:handled", run=run, **({"BROKEN": "1"} if lost == "after" else {})
    )
    assert len(pods) == 2
    assert found.status()["state"] == "succeeded"
    assert "after" not in found.steps()
    how = value(found, "handle", "how")
    assert how == (VANISHED if lost == "before" else "row 1 of 3")
