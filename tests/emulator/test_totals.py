"""The expected number of tasks of a run is exact as early as possible, is never too large, and never decreases."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc_emulator.scheduling.scheduler import Scheduler
from flowc_emulator.scheduling.totals import Totals
from flowc_ir import Flow, Foreach, Switch, targets
from flowc_runtime.base.index import Graph
from targets.argo import flows

if TYPE_CHECKING:
    from targets.argo.flows import Shape


def told(state: Scheduler) -> str:
    return f"{state.totals.least}{'' if state.totals.exact else '+'}"


def history(flow: Flow, seed: int = 0, items: int = 3) -> list[str]:
    """Run a flow and return the total number of tasks that was expected whenever a task started, such as `5`, or `5+`
    if the total may still grow.

    Each foreach has `items` items; with a seed, it has a random number of items up to `items`.
    """
    state, pick = Scheduler(Graph(flow)), random.Random(seed)
    found = []
    while job := state.take():
        found.append(told(state))
        following = flow.by_id()[job.step].next
        count = (pick.randrange(items + 1) if seed else items) if isinstance(following, Foreach) else 0
        choice = pick.choice(targets(following)) if isinstance(following, Switch) else ""
        state.succeeded(job, count, choice)
    assert state.finished
    return [*found, f"{state.done}"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (["start", "a", "end"], ["3", "3", "3", "3"]),
        (["start", ("fork", "join", [["a"], ["b", "c"]]), "end"], ["6"] * 7),
        (["start", ("each", "join", ["a"]), "end"], ["3+", "6", "6", "6", "6", "6", "6"]),
        # How many items an inner foreach has is known when the step in front of it has ended.
        (
            ["start", ("each", "out", ["a", ("each", "in", ["b"])]), "end"],
            ["3+", "9+", "12+", "15+", *["18"] * 15],
        ),
        # Both branches have one step, so the total is known before the switch has chosen.
        (["start", ("choose", "meet", [["a"], ["b"]]), "end"], ["4"] * 5),
    ],
    ids=["linear", "branch", "foreach", "nested", "switch"],
)
def test_the_total_is_known_as_early_as_it_can_be(shape: Shape, expected: list[str]) -> None:
    assert history(flows.flow(shape)) == expected


def test_arms_of_different_lengths_are_open_until_one_is_chosen() -> None:
    flow = flows.flow(["start", ("choose", "meet", [["a", "b"], []]), "end"])
    state = Scheduler(Graph(flow))
    assert told(state) == "3+"
    first = state.take()
    assert first is not None
    state.succeeded(first, choice="a")
    assert told(state) == "5"


def test_a_loop_grows_with_each_iteration() -> None:
    flow = flows.flow(["start", ("loop", "latch", ["a"]), "end"])
    state, totals = Scheduler(Graph(flow)), []
    for choice in ("", "", "a", "", "end", ""):
        totals.append(told(state))
        job = state.take()
        assert job is not None
        state.succeeded(job, choice=choice)
    assert totals == ["4+", "4+", "4+", "6+", "6+", "6"]
    assert state.finished


def test_a_loop_may_be_closed_by_a_step_that_is_no_switch() -> None:
    flow = flows.flow(["start", "head", ("choose", "meet", [["back"], ["out"]]), "end"])
    nodes = [flows.replace(node, next=flows.Goto(target="head")) if node.id == "back" else node for node in flow.nodes]
    state = Scheduler(Graph(flows.replace(flow, nodes=tuple(nodes))))
    totals = []
    for choice in ("", "back", "", "out", "", "", ""):
        totals.append(told(state))
        job = state.take()
        assert job is not None
        state.succeeded(job, choice=choice)
    assert totals == ["5+", "5+", "7+", "7+", "7", "7", "7"]
    assert state.finished


def test_a_loop_without_an_end_is_no_endless_loop_here() -> None:
    flow = flows.flow(["start", ("loop", "latch", ["a"]), "end"])
    nodes = [
        node if node.id != "latch" else flows.replace(node, next=Switch(condition="c", arms=((True, "a"),)))
        for node in flow.nodes
    ]
    totals = Totals(Graph(flows.replace(flow, nodes=tuple(nodes))))
    assert totals.least >= 1


@given(flows.flows(), st.integers(1, 2**32))
def test_it_never_shrinks_and_ends_as_what_there_was(flow: Flow, seed: int) -> None:
    found = history(flow, seed)
    least = [int(each.rstrip("+")) for each in found]
    assert least == sorted(least)
    exact = [each for each in found if not each.endswith("+")]
    assert set(exact) == {found[-1]}
