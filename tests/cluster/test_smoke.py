"""The smallest proof: compiled flows run in a namespace that enforces the restricted standard, and leave their records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.support import Cluster

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(("case", "flow", "tasks"), [("linear", "LinearFlow", 3), ("foreach", "ForeachFlow", 6)])
def test_a_golden_flow_runs(cluster: Cluster, case: str, flow: str, tasks: int) -> None:
    name = cluster.submit(GOLDEN / case / "flow.py")
    cluster.succeed(name)
    (run,) = (run for run in json.loads(cluster.flowc("runs", flow, "--json", "--store", cluster.store)) if run["run"] == name)
    assert run["state"] == "succeeded"
    assert run["tasks"] == tasks


def test_a_pod_that_is_not_restricted_is_refused(cluster: Cluster) -> None:
    """The namespace enforces what the flows above were run under."""
    labels = cluster.get("namespace", cluster.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
