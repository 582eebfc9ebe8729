"""The example exists in four forms: flow class, functions, YAML, notebooks with a command.

Each form of the example has the same result on the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.support import Cluster
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from project import ROOT

FORMS = {
    "digits.py": ("DigitsFlow", "end"),
    "pipeline.py": ("DigitsPipeline", "conclude"),
    "pipeline.yaml": ("DigitsYaml", "conclude"),
    "notebooks.yaml": ("DigitsNotebooks", "show"),
}
MODELS = {"near": {"kind": "knn", "n_neighbors": 3}, "linear": {"kind": "logistic", "C": 0.1}}
RESULT = ("results", "best", "accuracy", "confusion", "picture", "summary")


@pytest.fixture(scope="module")
def runs(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Start all forms before waiting for the first, because their pods can run concurrently."""
    parameters = {"folds": "2", "models": json.dumps(MODELS)}
    yield {
        file: cluster.submit(ROOT / "examples" / "digits" / file, parameters, image=cluster.image_with_ml)
        for file in FORMS
    }


def test_all_forms_give_the_same_result(cluster: Cluster, runs: dict[str, str]) -> None:
    store = Store.open(cluster.store)
    found: dict[str, dict[str, Any]] = {}
    for file, (flow, last) in FORMS.items():
        cluster.succeed(runs[file], 600)
        artifacts = store.run(flow, runs[file]).task(last, "0")["artifacts"]
        found[file] = {name: load_value(store.objects, artifacts[name]) for name in RESULT}
    assert set(found["digits.py"]["results"]) == set(MODELS)
    for file, result in found.items():
        assert result == found["digits.py"], file


def test_the_executed_notebooks_are_kept(cluster: Cluster, runs: dict[str, str]) -> None:
    cluster.succeed(runs["notebooks.yaml"], 600)
    store = Store.open(cluster.store)
    run = store.run("DigitsNotebooks", runs["notebooks.yaml"])
    reference = run.task("choose", "0")["artifacts"]["executed_notebook"]
    book = json.loads(load_value(store.objects, reference))
    assert [cell["execution_count"] for cell in book["cells"] if cell["cell_type"] == "code"]
