"""The flow of `helm test`: its stored Workflow is up to date, and run.py recognises all ways in which a run ends."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc.targets.argo import Settings, compile_flow
from flowc_runtime.process.loader import load_module
from tools.helm import CHART

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

FILES = CHART / "files" / "test"


@pytest.mark.usefixtures("fresh_imports")
def test_workflow_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    """The stored Workflow equals the compiler's output; the chart's template replaces some of its names."""
    loaded = load(FILES / "flow" / "flow.py")
    assert loaded.flow is not None
    settings = Settings(
        kind="workflow",
        image="chart-image",
        store="s3://chart-store",
        service_account="chart-account",
        store_secret="chart-secret",
    )
    golden(FILES / "workflow.yaml", compile_flow(loaded.flow, loaded.package, settings).to_yaml())


# -- run.py


@pytest.fixture
def program(fresh_imports: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_module(FILES, "run.py")
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    return module


class Cluster:
    """A simulated API server: each request returns the next status of the Workflow, and later requests the last one."""

    def __init__(self, *statuses: dict[str, Any] | None) -> None:
        self.statuses = list(statuses)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, body: Any) -> Any:
        self.asked.append((method, path))
        if method == "POST":
            return copy.deepcopy(body) | {"metadata": {"name": "flow-abc"}}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"status": status} if status is not None else {}


def pod(name: str, phase: str, finished: str | None = "2026-01-01T00:00:00Z", **more: str) -> dict[str, Any]:
    return {"type": "Pod", "displayName": name, "phase": phase, "finishedAt": finished, **more}


def test_success(program: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    start = pod("start-0", "Succeeded")
    cluster = Cluster(
        None,  # the Workflow has no status before the controller has seen it
        {"phase": "Running", "nodes": {"a": pod("start-0", "Running", None)}},
        {"phase": "Running", "nodes": {"a": start, "b": {"type": "DAG", "displayName": "main", "phase": "Running"}}},
        {"phase": "Succeeded", "nodes": {"a": start, "c": pod("end-0", "Succeeded", "2026-01-01T00:00:01Z")}},
    )
    assert program.run(cluster, "flows", {"metadata": {"generateName": "flow-"}}, 60) == 0
    assert capsys.readouterr().out.splitlines() == [
        "workflow flow-abc in namespace flows",
        "Succeeded: start-0",
        "Succeeded: end-0",
        "passed: Argo ran the flow, and its pods passed values on through the store",
    ]
    workflows = "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows"
    assert cluster.asked == [("POST", workflows), *[("GET", f"{workflows}/flow-abc")] * 4]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {"phase": "Failed", "message": "child failed", "nodes": {"a": pod("start-0", "Failed", message="exit 1")}},
            ["Failed: start-0: exit 1", "FAILED: the Workflow ended as Failed: child failed"],
        ),
        ({"phase": "Error"}, ["FAILED: the Workflow ended as Error\n"]),
        (None, ["Argo's controller has not taken it up"]),
        ({"phase": "Running"}, ["not at its end after 0 s: Running"]),
    ],
    ids=["failed", "error", "no controller", "stuck"],
)
def test_failure(
    status: dict[str, Any] | None, says: list[str], program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.run(Cluster(status), "flows", {}, 0) == 1
    said = capsys.readouterr().out
    assert [part for part in says if part not in said] == []
    assert "kubectl logs -n flows -l workflows.argoproj.io/workflow=flow-abc" in said
