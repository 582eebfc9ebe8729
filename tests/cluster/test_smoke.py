"""Compiled flows run in a namespace that enforces the restricted standard, and write their records."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.support import Cluster
from flowc_runtime.store.records.store import Store

pytestmark = pytest.mark.smoke
GOLDEN = Path(__file__).parents[1] / "golden"
TASKS = {
    "linear": {"start": ["0"], "middle": ["0"], "end": ["0"]},
    "foreach": {"start": ["0"], "upper": ["0.0", "0.1", "0.2"], "join": ["0"], "join_nothing": ["0"], "end": ["0"]},
}


@pytest.mark.parametrize(("case", "flow"), [("linear", "LinearFlow"), ("foreach", "ForeachFlow")])
def test_a_golden_flow_runs(cluster: Cluster, case: str, flow: str) -> None:
    name = cluster.submit(GOLDEN / case / "flow.py")
    cluster.succeed(name)
    run = Store.open(cluster.store).run(flow, name)
    assert run.status()["state"] == "succeeded"
    attempts = {step: run.attempts(step) for step in run.steps()}
    assert attempts == {step: {path: [1] for path in paths} for step, paths in TASKS[case].items()}
    assert f"{flow}/{name}" in cluster.flowc("runs", flow, "--store", cluster.store)


def test_the_namespace_is_restricted(cluster: Cluster) -> None:
    """The namespace in which these flows ran enforces the restricted standard; it does not only print warnings."""
    labels = cluster.get("namespace", cluster.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_store_is_reached_from_here(cluster: Cluster) -> None:
    """This process reads the pods' records at the store's address, which is the same for pods and here."""
    assert {name: os.environ[name] for name in cluster.store_environment} == cluster.store_environment
