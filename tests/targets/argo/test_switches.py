"""Switches and loops on Argo: the simulated controller runs exactly the flow's tasks, also for random graphs."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from emulator.test_walks import Walk, number
from flowc.targets import BackendError
from flowc.targets.argo import Settings, compile_flow
from flowc_ir import Flow, Foreach, targets
from flowc_ir.graphs.structure import Vertex, analyse
from flowc_ir.verify import verify
from flowc_runtime.base.index import Graph
from ir.test_structure import as_flow, switch_graphs
from targets.argo import flows
from targets.argo.controller import ManifestError, PlayedWorkflow, Pod, depends_hold, play

At = tuple[str, str]  # a task: its step and its index path


def run(flow: Flow, choices: dict[At, str], workdir: Path) -> tuple[list[At], PlayedWorkflow]:
    """Run the manifests with these choices of switches; return the tasks in order, and the Workflow."""
    order: list[At] = []
    splits = {node.id for node in flow.nodes if isinstance(node.next, Foreach)}

    def pod(pod: Pod) -> tuple[int, str]:
        if pod.command[3] == "task":
            task = (pod.command[4], pod.command[6])
            order.append(task)
            if task[0] in splits:
                (pod.out / "count").write_text(str(number(task, 4)))
            (pod.out / "choice").write_text(choices.get(task, ""))
        return 0, ""

    manifests = compile_flow(flow, flows.CODE, Settings()).manifests
    return order, play(manifests, "file:///nowhere", workdir, run=pod)


def check(shape: flows.Shape, workdir: Path) -> None:
    flow, walk = flows.flow(shape), Walk(shape)
    assert not verify(flow)
    order, played = run(flow, walk.choices, workdir)
    assert played.phase == "Succeeded"
    assert Counter(order) == Counter(list(walk.parents))
    at = {task: when for when, task in enumerate(order)}
    assert all(at[parent] < at[task] for task, parents in walk.parents.items() for parent in parents)


SHAPES: dict[str, flows.Shape] = {
    "arms": ["start", ("choose", "meet", [["a", "a2"], ["b"], []]), "end"],
    "all-empty": ["start", ("choose", "meet", [[], []]), "end"],
    "nested": ["start", ("choose", "meet", [["a", ("choose", "inner", [["x"], []])], ["b"]]), "end"],
    "in-a-fork": ["start", ("fork", "join", [["a", ("choose", "m", [["x"], []])], ["b"]]), "end"],
    "each-in-an-arm": ["start", ("choose", "m", [["a", ("each", "join", ["x"])], []]), "end"],
    "in-an-each": ["start", ("each", "join", ["a", ("choose", "m", [["x"], ["y", "z"]])]), "end"],
    "loop": ["start", ("loop", "latch", ["a", "b"]), "end"],
    "loop-in-an-arm": ["start", ("choose", "m", [["a0", ("loop", "latch", ["a"]), "b"], ["c"]]), "end"],
    "loop-in-a-loop": ["start", ("loop", "latch", ["a", ("loop", "inner", ["b"]), "c"]), "end"],
    "loop-in-an-each": ["start", ("each", "join", ["a", ("loop", "latch", ["b"]), "c"]), "end"],
    "each-in-a-loop": ["start", ("loop", "latch", ["a", ("each", "join", ["b"]), "c"]), "end"],
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, tmp_path: Path) -> None:
    check(SHAPES[name], tmp_path)


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_flows(data: st.DataObject) -> None:
    shape = data.draw(flows.shapes([f"s{at}" for at in range(900)], 2, switches=True))
    with tempfile.TemporaryDirectory() as workdir:
        check(shape, Path(workdir))


@given(st.data(), st.integers(12, 30))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_flows_cut_into_small_dags(data: st.DataObject, limit: int) -> None:
    shape = data.draw(flows.shapes([f"s{at}" for at in range(900)], 2, switches=True))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as workdir:
        patch.setattr("flowc.targets.argo.checking.limits.MAX_TASKS", limit)
        patch.setattr("flowc.targets.argo.checking.limits.MAX_TEMPLATES", 10**6)
        check(shape, Path(workdir))


@given(switch_graphs(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_loops_of_any_form(vertices: list[Vertex], seed: int) -> None:
    """Loops may continue and end at any step; an inner loop may lead directly to an outer loop's next iteration."""
    shape = analyse("start", vertices)
    assume(not shape.faults)
    flow = as_flow(vertices, {})
    expected, choices = by_chance(flow, random.Random(seed))
    with tempfile.TemporaryDirectory() as workdir:
        order, played = run(flow, choices, Path(workdir))
    assert order == expected
    assert played.phase == "Succeeded"


def by_chance(flow: Flow, chance: random.Random) -> tuple[list[At], dict[At, str]]:
    """Return the tasks of a random walk and its choices; after some steps, the walk takes the shortest way to the
    end."""
    graph = Graph(flow)
    distance = {"end": 0}
    while len(distance) < len(flow.nodes):
        for node in flow.nodes:
            known = [distance[target] for target in targets(node.next) if target in distance]
            if known and node.id not in distance:
                distance[node.id] = 1 + min(known)
    order: list[At] = [(flow.start, "0")]
    choices: dict[At, str] = {}
    while following := targets(graph.nodes[order[-1][0]].next):
        nearest = min(following, key=distance.__getitem__)
        target = chance.choice(following) if len(order) < 40 else nearest
        choices[order[-1]] = target
        order.append((target, graph.following(*order[-1], target)))
    return order, choices


# -- a loop's length ---------------------------------------------------------------------------------------------------

LOOP = flows.flow(["start", ("loop", "latch", ["a"]), "end"])


@pytest.mark.parametrize("times", [1, 2, 10, 11, 20, 21, 100, 970])
def test_a_loop_ends_when_its_switch_says_so(times: int, tmp_path: Path) -> None:
    choices = {("latch", f"0~{at}"): "a" if at + 1 < times else "end" for at in range(times)}
    order, played = run(LOOP, choices, tmp_path)
    assert played.phase == "Succeeded"
    assert order == [("start", "0"), *((s, f"0~{at}") for at in range(times) for s in ("a", "latch")), ("end", "0")]


def test_argos_depth_is_where_the_runtime_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime refuses a loop exactly at the number of iterations at which Argo could not run it."""
    from flowc_runtime.pod import coordination

    (budget,) = [e["value"] for e in environment(LOOP, "step-latch") if e["name"] == coordination.LOOPS]
    assert budget == "96:10"
    monkeypatch.setenv(coordination.LOOPS, budget)
    graph = Graph(LOOP)
    latch = graph.node("latch")
    assert coordination.too_far(graph, latch, "0~968", "a") is None
    assert coordination.too_far(graph, latch, "0~969", "end") is None
    assert "iteration 970" in (coordination.too_far(graph, latch, "0~969", "a") or "")
    choices = {("latch", f"0~{at}"): "a" for at in range(980)}
    with pytest.raises(ManifestError, match="Maximum recursion depth"):
        run(LOOP, choices, tmp_path)


def test_a_loop_within_a_loop_has_what_the_outer_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    from flowc_runtime.pod import coordination

    flow = flows.flow(["start", ("loop", "latch", ["a", ("loop", "inner", ["b"]), "c"]), "end"])
    (budget,) = [e["value"] for e in environment(flow, "step-inner") if e["name"] == coordination.LOOPS]
    assert budget == "95:10,10"
    monkeypatch.setenv(coordination.LOOPS, budget)
    graph = Graph(flow)
    inner = graph.node("inner")
    assert coordination.too_far(graph, inner, "0~9~958", "b") is None
    assert coordination.too_far(graph, inner, "0~10~948", "b") is None
    assert coordination.too_far(graph, inner, "0~10~949", "b") is not None


def environment(flow: Flow, template: str) -> list[dict[str, Any]]:
    spec = compile_flow(flow, flows.CODE, Settings()).manifests[1]["spec"]
    (found,) = [t for t in spec["templates"] if t["name"] == template]
    env: list[dict[str, Any]] = found["container"]["env"]
    return env


# -- refusals, and the tests' own controller ---------------------------------------------------------------------------


def test_a_switch_with_more_arms_than_argo_takes_tasks() -> None:
    flow = flows.flow(["start", ("choose", "meet", [[f"a{at}"] for at in range(250)]), "end"])
    with pytest.raises(BackendError) as refused:
        compile_flow(flow, flows.CODE, Settings())
    (fault,) = refused.value.diagnostics
    assert fault.code == "argo-too-many-tasks"
    assert "251 tasks" in fault.message


def test_long_arms_become_parts(tmp_path: Path) -> None:
    check(
        ["start", ("choose", "m", [[f"a{at}" for at in range(150)], [f"b{at}" for at in range(300)], []]), "end"],
        tmp_path,
    )


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a && b", True),
        ("a && c", False),
        ("(c || b.Skipped) && a.Succeeded", True),
        ("b.Succeeded", False),
        ("", True),
    ],
)
def test_depends(text: str, holds: bool) -> None:
    assert depends_hold(text, {"a": "Succeeded", "b": "Skipped", "c": "Omitted"}) == holds


def test_an_arm_that_was_not_chosen_is_not_run_when_its_switch_fails(tmp_path: Path) -> None:
    """If a switch fails, no later task runs, not even the step in which its branches meet."""
    flow = flows.flow(SHAPES["arms"])

    def pod(pod: Pod) -> tuple[int, str]:
        if pod.command[4] == "a":
            return 1, ""
        (pod.out / "choice").write_text("a")
        return 0, ""

    manifests = json.loads(json.dumps(compile_flow(flow, flows.CODE, Settings()).manifests))
    played = play(manifests, "file:///nowhere", tmp_path, run=pod)
    assert played.phase == "Failed"
    assert [node.name for node in played.nodes] == ["played.start", "played.a", "played.onExit"]
