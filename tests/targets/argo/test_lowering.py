"""A flow's manifest runs every task of the flow once, after its parents, for flows of every shape."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowc.targets.argo import Settings, compile_flow
from flowc_ir import Flow, Foreach, targets
from flowc_ir.graphs import series
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.fitting import fit
from flowc_ir.verify import verify
from targets.argo import flows
from targets.argo.controller import Pod, play


def count_of(step: str, path: str) -> int:
    """Return a number of items that differs between tasks and may be 0."""
    return sum(map(ord, step + path)) % 3


def run(flow: Flow, tmp_path: Path) -> list[tuple[str, str]]:
    """Run the flow's manifests; return (step, index path) of the tasks in the order of their execution."""
    order: list[tuple[str, str]] = []

    def pod(pod: Pod) -> tuple[int, str]:
        if pod.command[3] == "task":
            step, path = pod.command[4], pod.command[6]
            order.append((step, path))
            (pod.out / "count").write_text(f"{count_of(step, path)}\n")
        return 0, ""

    given = {p.name: "" for p in flow.parameters if p.required}
    played = play(compile_flow(flow, flows.CODE, Settings()).manifests, "file:///nowhere", tmp_path, given, run=pod)
    assert played.phase == "Succeeded"
    return order


Task = tuple[str, str]


def expected(flow: Flow) -> dict[Task, list[Task]]:
    """Return task -> parents for every task, computed from the flow itself and not from its manifest."""
    by_id = flow.by_id()
    each = {node.id for node in flow.nodes if isinstance(node.next, Foreach)}
    join_of = {node.joins: node.id for node in flow.nodes if node.joins}
    before: dict[Task, list[Task]] = {(flow.start, "0"): []}
    todo: list[Task] = [(flow.start, "0")]

    def arrive(task: Task, parent: Task, parents: int) -> None:
        """Count the parents of a task that have ended; when all have, the task can run."""
        before.setdefault(task, []).append(parent)
        if len(before[task]) == parents:
            todo.append(task)

    while todo:
        step, path = task = todo.pop()
        if step in each:
            items = count_of(step, path)
            body = targets(by_id[step].next)[0]
            for item in range(items):
                arrive((body, f"{path}.{item}"), task, 1)
            if not items:
                arrive((join_of[step], path), task, 1)
            continue
        for target in targets(by_id[step].next):
            split = by_id[target].joins
            if split in each:
                outer = path.rpartition(".")[0]
                arrive((target, outer), task, count_of(split, outer))
            else:
                arrive((target, path), task, len(targets(by_id[split].next)) if split else 1)
    return before


def check(flow: Flow, tmp_path: Path) -> None:
    assert not verify(flow)
    order = run(flow, tmp_path)
    before = expected(flow)
    assert Counter(order) == Counter(before.keys())
    when = {task: at for at, task in enumerate(order)}
    for task, parents in before.items():
        assert all(when[parent] < when[task] for parent in parents), task


@pytest.mark.parametrize("name", flows.EXAMPLES)
def test_examples(name: str, tmp_path: Path) -> None:
    check(flows.EXAMPLES[name], tmp_path)


@given(flows.flows())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_flows(flow: Flow) -> None:
    with tempfile.TemporaryDirectory() as workdir:
        check(flow, Path(workdir))


@given(flows.flows(), st.integers(4, 9))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_flows_cut_into_small_dags(flow: Flow, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as workdir:
        patch.setattr("flowc.targets.argo.checking.limits.MAX_TASKS", limit)
        patch.setattr("flowc.targets.argo.checking.limits.MAX_TEMPLATES", 10**6)
        check(flow, Path(workdir))
        spec = compile_flow(flow, flows.CODE, Settings()).manifests[1]["spec"]
        assert all(len(t["dag"]["tasks"]) <= limit for t in spec["templates"] if "dag" in t)


LARGE = {
    "chain-1000": flows.chain(1000),
    "wide-300": flows.wide(300),
    "wide-150x3": flows.wide(150, 3),
    "wide-90x3": flows.wide(90, 3),
    "wide-1100": flows.wide(1100),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_flows_are_cut(name: str, tmp_path: Path) -> None:
    flow = LARGE[name]
    check(flow, tmp_path)
    templates = compile_flow(flow, flows.CODE, Settings()).manifests[1]["spec"]["templates"]
    assert len(templates) <= 200
    sizes = [len(template["dag"]["tasks"]) for template in templates if "dag" in template]
    assert max(sizes) <= 200


def test_cuts_are_even() -> None:
    cut = fit(series.series(Analysis(flows.chain(1000)).region), 200)
    assert [series.tasks(part.series) for part in cut if isinstance(part, series.Part)] == [200] * 5


def test_a_split_stays_with_its_foreach() -> None:
    shape: flows.Shape = ["start"]
    for at in range(150):
        shape.append(("each", f"j{at}", [f"b{at}"]))
    cut = fit(series.series(Analysis(flows.flow(shape)).region), 200)
    assert series.tasks(cut) <= 200
    assert all(isinstance(block, series.Part | series.Call | series.FanOut) for block in cut)


def test_steps_with_equal_pods_share_a_template() -> None:
    spec = compile_flow(flows.EXAMPLES["policies"], flows.CODE, Settings()).manifests[1]["spec"]
    assert [template["name"] for template in spec["templates"]] == [
        "main", "each-step-train", "step-start", "step-train", "step", "step-big", "finish",
    ]  # fmt: skip
