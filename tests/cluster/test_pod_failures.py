"""Failure handlers run for pods that fail and for pods with Argo's status Error: deleted, evicted, killed."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.shell import wait_for
from flowc_runtime.store.records.store import Store
from project import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.support import Cluster

PIPELINE = """
    import os
    import signal
    from flowc.pipeline import Map, Pipeline, PythonTask, Stub

    def wait():
        print("waiting", flush=True)
        signal.pause()

    def item(number):
        if number == 1:
            wait()
        return number

    def leave():
        os._exit(3)

    def handle(error):
        return {"type": error.type, "message": error.exception}

    def tell(how):
        return f"handled: {how['message']}"

    def P(*steps):
        return Pipeline(steps=[*steps])

    HANDLER = P(PythonTask(name="handle", function=handle, returns=["how"]),
                PythonTask(name="tell", function=tell, returns=["told"]))
    task = Pipeline(name="task_pod", steps=[PythonTask(name="wait", function=wait, on_failure=HANDLER), Stub(name="after")])
    composite = Pipeline(name="map_pods", parameters={"numbers": [0, 1]}, steps=[
        Map(name="each", iterate_on="numbers", iterate_as="number", on_failure=HANDLER,
            branch=P(PythonTask(name="item", function=item, returns=["x"]))),
        Stub(name="after"),
    ])
    exits = Pipeline(name="exits", steps=[PythonTask(name="leave", function=leave, on_failure=HANDLER), Stub(name="after")])
    """


RECENT = 11  # seconds
VANISHED = "the process vanished without a record: it was killed, or its machine was lost"


def _pod(cluster: Cluster, workflow: str) -> str:
    """Wait until Argo reports that the workflow's pod has run for some seconds, and return the pod's name.

    Only then does the loss of the pod count: if it is lost in the first ten seconds (`RECENTLY_STARTED_POD_DURATION` of
    Argo), Argo creates it again.
    """

    def pod() -> str | None:
        nodes = cluster.workflow(workflow)["status"].get("nodes", {}).values()
        known = any(node["type"] == "Pod" and node["phase"] == "Running" and _age(node) > RECENT for node in nodes)
        running = [pod["metadata"]["name"] for pod in cluster.pods(workflow) if pod["status"]["phase"] == "Running"]
        return next((n for n in running if known and "waiting" in cluster.kubectl("logs", n, "-c", "main")), None)

    return wait_for(pod, lambda: f"no pod of {workflow} waits", 120)


def _age(node: Mapping[str, str]) -> float:
    """Return the seconds since the start of a node."""
    return time.time() - datetime.fromisoformat(node["startedAt"].replace("Z", "+00:00")).timestamp()


def _errored(cluster: Cluster, workflow: str) -> None:
    """Wait until Argo's log reports the status Error of the step's pod; the Workflow itself shows only the next pod."""

    def logged() -> bool:
        log = cluster.kubectl("logs", "-n", "argo", "deploy/workflow-controller", "--since=10m")
        return any(workflow in line and "phase Running -> Error" in line for line in log.splitlines())

    wait_for(logged, lambda: f"no pod of {workflow} is errored")


def test_handlers_run_for_deleted_and_killed_pods(cluster: Cluster, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pods.py", PIPELINE)
    deleted, killed, several, left = (
        cluster.submit(Path(f"{project.root}/pods.py:{name}")) for name in ("task", "task", "composite", "exits")
    )
    cluster.kubectl("delete", "pod", _pod(cluster, deleted), "--wait=false")
    pod = _pod(cluster, killed)
    # A stopped process cannot react to the SIGTERM that Kubernetes sends first. Otherwise the process may record its end
    # in time, and the pod succeeds.
    cluster.kubectl("exec", pod, "-c", "main", "--", "sh", "-c", "kill -STOP -1")
    cluster.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
    cluster.kubectl("delete", "pod", _pod(cluster, several), "--wait=false")
    _errored(cluster, killed)
    store = Store.open(cluster.store)
    results = {}
    for name, run_id in (("task_pod", deleted), ("task_pod", killed), ("map_pods", several), ("exits", left)):
        cluster.succeed(run_id)
        run = store.run(name, run_id)
        assert run.status()["state"] == "succeeded"
        assert "after" not in run.steps()
        results[run_id] = project.artifacts(run, "end")
    assert results[deleted]["told"] == "handled: the process was killed by SIGTERM"
    assert results[killed]["told"] == f"handled: {VANISHED}"
    assert results[left]["told"] == "handled: the process exited with code 3 before the step had finished"
    assert results[several]["x"] == [0, None]  # the second item has no result
    assert results[several]["told"] == "handled: the process was killed by SIGTERM"
