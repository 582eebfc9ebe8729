"""Combinations of executor, store, secrets, pickler and tracker give the same results, for pipelines and flow classes.

By default, the combinations contain each pair of choices at least once; `pytest --slow` runs all combinations. To test
another plugin, add its name to a list.
"""

from __future__ import annotations

import json
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values.codecs import load_value
from kubernetes_api import MOUNTED, KubernetesApi
from plugins import PLACE, install_plugins
from project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "place-token"
EXECUTORS = ("local", "mock", "argo", "directory")
STORES = ("file", "sqlite")
# the sources of secrets in local runs; on a cluster, the secrets come from a Secret of Kubernetes
SECRETS = ("env", "dotenv", "files", "letters")
PICKLERS = ("pickle", "cloudpickle", "zipped")
TRACKERS = ("none", "lines")

STEPS = """
    import os
    from flowc.pipeline import Catalog, Map, Pipeline, PythonTask, ShellTask, pickled
    from flowc.steps import log_metric

    class Model:
        def __init__(self, sizes):
            self.sizes = sizes

    def load(rows: int = 2):
        with open("rows.txt", "w") as file:
            file.write("x" * rows)
        return list(range(rows)), Model([rows, 0.5])

    def score(item, model):
        log_metric("size", item, step=item)
        return item * len(os.environ["TOKEN"]) + model.sizes[1]

    def total(scores, model):
        return sum(scores), {"best": max(scores), "text": open("rows.txt").read()}

    pipe = Pipeline(name="pipe", steps=[
        PythonTask(function=load, returns=["items", pickled("model")], catalog=Catalog(put=["rows.txt"])),
        Map(name="each", iterate_on="items", iterate_as="item",
            branch=PythonTask(function=score, returns=["scores"], secrets=["TOKEN"]).as_pipeline()),
        PythonTask(function=total, returns=["sum", "report"], catalog=Catalog(get=["rows.txt"])),
        ShellTask(name="tell", command='export letters=${#TOKEN}', returns=["letters"], secrets=["TOKEN"]),
    ])
    """
FLOW = """
    import os
    from metaflow import FlowSpec, Parameter, current, secrets, step

    class Classy(FlowSpec):
        rows = Parameter("rows", default=2)

        @step
        def start(self):
            self.items = list(range(self.rows))
            self.next(self.score, foreach="items")

        @secrets(sources=["TOKEN"])
        @step
        def score(self):
            current.metric("size", self.input, step=self.input)
            self.score = self.input * len(os.environ["TOKEN"]) + 0.5
            self.next(self.join)

        @step
        def join(self, inputs):
            self.scores = [given.score for given in inputs]
            self.next(self.end)

        @step
        def end(self):
            self.report = {"sum": sum(self.scores), "best": max(self.scores)}
    """
EXPECTED = {
    "pipe": {"sum": 34.5, "report": {"best": 22.5, "text": "xxx"}, "letters": 11},
    "Classy": {"report": {"sum": 34.5, "best": 22.5}},
}


SENT = ["succeeded", "succeeded", *([f"size/score-0.{n}", n, n] for n in (0, 0, 1, 1, 2, 2))]
"""The calls that the tracker gets for the two runs."""

PLAIN = ("NoneType", "int", "float", "str", "list", "dict")


class Choice(NamedTuple):
    """A combination: an executor, a store, a source of secrets, a pickler and a tracker."""

    executor: str
    store: str
    secrets: str
    pickler: str
    tracker: str


ALL = [Choice(*each) for each in product(EXECUTORS, STORES, SECRETS, PICKLERS, TRACKERS)]


def pairs(choice: Choice) -> set[tuple[object, ...]]:
    """Return all pairs of choices in a combination; the position of a choice tells its kind."""
    return set(combinations(enumerate(choice), 2))


def covering() -> Iterator[Choice]:
    """Yield combinations until every pair of choices has occurred.

    Each yielded combination has the largest possible number of new pairs.
    """
    missing = {pair for choice in ALL for pair in pairs(choice)}
    while missing:
        best = max(ALL, key=lambda choice: len(pairs(choice) & missing))
        missing -= pairs(best)
        yield best


COVERING = list(covering())
OTHERS = [pytest.param(choice, marks=pytest.mark.slow) for choice in ALL if choice not in COVERING]


class Results(NamedTuple):
    """The results of a run: its parameters; the values and digests of its artifacts; its metrics."""

    parameters: dict[str, object]
    values: dict[str, Any]
    digests: dict[str, str]
    metrics: dict[str, list[list[Any]]]


def results(store: Store, flow: str) -> Results:
    run = store.run(flow, store.runs(flow)[-1])
    assert run.status()["state"] == "succeeded"
    values, digests, metrics = {}, {}, {}
    for step in run.steps():
        for path in run.tasks_run(step):
            record = run.task(step, path)
            metrics[f"{step}/{path}"] = [
                [name, metric["value"], metric["step"]] for name, metric in record.get("metrics", {}).items()
            ]
            for name, ref in record["artifacts"].items():
                task = f"{step}/{path}/{name}"
                digests[task] = ref["digest"]
                values[task] = load_value(run.objects, ref) if ref["type"] in PLAIN else ref["type"]
    return Results(run.record()["parameters"], values, digests, metrics)


def tracked(file: Path) -> list[object]:
    """Return the states of runs and the metrics that the package's tracker got, sorted and without run ids."""
    if not file.exists():
        return []
    calls = [json.loads(line) for line in file.read_text().splitlines()]
    states = [call[1] for call in calls if isinstance(call[1], str) and call[0] != "begin"]
    points = [point for call in calls if isinstance(call[1], list) for point in call[1]]
    return [*sorted(states), *sorted(points)]


def run_both(project: Project, choice: Choice) -> dict[str, Results]:
    """Run the pipeline and the flow class with this combination; return the results of both."""
    root = project.root
    url = f"sqlite://{root}/database" if choice.store == "sqlite" else f"file://{root}/.flowc"
    sources = {
        "env": "env",
        "dotenv": f"dotenv:{root}/secrets.env",
        "files": f"files:{root}/secrets",
        "letters": "letters:place",
    }
    chosen = sources[choice.secrets]
    project.write("steps.py", STEPS)
    project.write("classy.py", FLOW)
    project.write("secrets.env", f"TOKEN={TOKEN}\n")
    project.write("secrets/TOKEN", TOKEN)
    install_plugins(project)
    environment = {"FLOWC_EXECUTOR": choice.executor, "FLOWC_PICKLER": choice.pickler}
    lines = root / "metrics.jsonl"
    if choice.tracker == "lines":
        environment["FLOWC_TRACKER"] = f"lines:{lines}"
    if choice.secrets == "env":
        environment["TOKEN"] = TOKEN
    with KubernetesApi(project, {"team": {"TOKEN": TOKEN}}) as api:
        if choice.executor == "argo":
            environment["FLOWC_CLUSTER_STORE"] = url if choice.store == "sqlite" else MOUNTED
            environment["FLOWC_STORE_CLAIM"] = "" if choice.store == "sqlite" else "claim"
            chosen = chosen if choice.secrets == "letters" else "kubernetes:team"
        else:
            environment["FLOWC_STORE"] = url
        for flow in ("steps.py:pipe", "classy.py"):
            done = project.flowc("run", flow, "--rows", "3", FLOWC_SECRETS=chosen, **environment)
            assert done.code == 0, done.err
        assert len(api.workflows) == (2 if choice.executor == "argo" else 0)
    # Mocked steps record no metrics, so a mocked run sends nothing to the tracker.
    sent = choice.tracker == "lines" and choice.executor != "mock"
    assert tracked(lines) == (SENT if sent else [])
    store = Store.open(url)
    return {flow: results(store, flow) for flow in ("pipe", "Classy")}


@pytest.fixture
def plugins_here(monkeypatch: pytest.MonkeyPatch, fresh_imports: None) -> None:
    """Let this process read the stores and the artifacts of the plugins."""
    monkeypatch.syspath_prepend(PLACE)


_known: dict[tuple[bool, bool], dict[str, Results]] = {}


@pytest.fixture
def reference(plugins_here: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that runs the flows with flowc's default plugins and returns the results to compare with.

    If the combination has the executor `mock` or the pickler `zipped`, the function uses them too, since they change
    the results.
    """

    def find(choice: Choice) -> dict[str, Results]:
        mocked, zipped = choice.executor == "mock", choice.pickler == "zipped"
        if (mocked, zipped) not in _known:
            plain = Choice("mock" if mocked else "local", "file", "env", "zipped" if zipped else "pickle", "none")
            _known[mocked, zipped] = run_both(Project(tmp_path_factory.mktemp("reference")), plain)
        return _known[mocked, zipped]

    return find


def test_the_runs_cover_each_pair_of_choices() -> None:
    assert {pair for choice in COVERING for pair in pairs(choice)} == {pair for choice in ALL for pair in pairs(choice)}
    assert len(COVERING) <= 20


@pytest.mark.parametrize("choice", [*COVERING, *OTHERS], ids="-".join)
def test_every_combination_gives_the_same_results(project: Project, reference: Any, choice: Choice) -> None:
    expected = reference(choice)
    found = run_both(project, choice)
    assert found == expected
    if choice.executor == "mock":
        return
    for flow, outputs in EXPECTED.items():
        end = "tell/0" if flow == "pipe" else "end/0"
        last = {"sum": "total/0", "report": "total/0", "letters": end} if flow == "pipe" else {"report": end}
        assert {name: found[flow].values[f"{task}/{name}"] for name, task in last.items()} == outputs
