"""Compiling four times as many steps needs about four times the work, for flows of every shape.

Work is measured in executed opcodes, not in time.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flowc.targets import BackendError
from flowc.targets.argo import Settings, compile_flow
from flowc_emulator.scheduling.scheduler import Scheduler
from flowc_ir import Flow, Foreach, Gang, Goto, Kubernetes, Method, Node, Switch
from flowc_ir.verify import verify
from flowc_runtime.base.index import Graph
from metaflow.graph import FlowGraph
from targets.argo import flows
from tools.opcodes import executed

if TYPE_CHECKING:
    from collections.abc import Callable

    from targets.argo.flows import Shape

MOST = 4.4  # the largest allowed ratio of the work for four times as many steps
STEPS = 160
LOOPS = 48  # a template repeats each loop ten times, so with more loops the manifest would be too large


def repeated(*pattern: object) -> Callable[[int], Flow]:
    """Return a function (number of steps -> flow) that repeats `pattern` between start and end.

    `#` in names becomes the number of the repetition.
    """

    def numbered(part: object, number: int) -> object:
        match part:
            case str():
                return part.replace("#", str(number))
            case tuple() | list():
                return type(part)(numbered(inner, number) for inner in part)
        raise TypeError(part)

    def make(count: int) -> Flow:
        middle: list[object] = [numbered(part, number) for number in range(count) for part in pattern]
        shape: Shape = ["start", *middle, "end"]  # type: ignore[list-item]
        return flows.flow(shape)

    return make


def gangs(count: int) -> Flow:
    made = repeated(("each", "join#", ["body#"]))(count)
    ganged = {node.id: Gang(body=node.next.body) for node in made.nodes if isinstance(node.next, Foreach)}
    return replace(made, nodes=tuple(replace(node, next=ganged.get(node.id, node.next)) for node in made.nodes))


def ladder(layers: int) -> Flow:
    """Return a flow with layers of two steps, each of which is a switch between the two steps of the next layer."""
    line = flows.chain(3)
    start, one, end = line.nodes

    def step(name: str, following: Goto | Switch) -> Node:
        return replace(one, id=name, run=Method(name=name), next=following)

    def cross(layer: int) -> Goto | Switch:
        if layer == layers:
            return Goto(target="meet")
        return Switch(condition="way", arms=(("left", f"a{layer}"), ("right", f"b{layer}")))

    rungs = [step(f"{side}{layer}", cross(layer + 1)) for layer in range(layers) for side in "ab"]
    return replace(line, nodes=(replace(start, next=cross(0)), *rungs, step("meet", Goto(target=end.id)), end))


SHAPES: dict[str, Callable[[int], Flow]] = {
    "a line": lambda count: flows.chain(3 * count),
    "a branch of many": lambda count: flows.wide(3 * count),
    "branches": repeated(("fork", "join#", [["a#"], ["b#"]])),
    "foreach": repeated(("each", "join#", ["body#"])),
    "gangs": gangs,
    "switches": repeated("s#", ("choose", "meet#", [["a#"], ["b#"], []])),
    "loops": repeated("begin#", ("loop", "latch#", ["head#", "more#"])),
}
each_shape = pytest.mark.parametrize("shape", SHAPES)


def work(shape: str, act: Callable[[Flow], object]) -> tuple[int, int]:
    """Return the numbers of opcodes of `act` for a flow of this shape, and for a flow with four times the steps."""
    most = LOOPS if shape == "loops" else STEPS
    small, large = (
        replace(made, nodes=tuple(replace(node, kubernetes=Kubernetes(image="a/b:1")) for node in made.nodes))
        for made in (SHAPES[shape](most // 4), SHAPES[shape](most))
    )
    assert verify(large) == []
    act(small)  # the first call also does work that is done once per process, which must not be counted
    return executed(lambda: act(small)), executed(lambda: act(large))


@each_shape
def test_compiling(shape: str) -> None:
    small, large = work(shape, lambda flow: compile_flow(flow, flows.CODE, Settings()).to_yaml())
    assert large <= MOST * small


@each_shape
def test_verifying(shape: str) -> None:
    small, large = work(shape, verify)
    assert large <= MOST * small


@each_shape
def test_beginning_a_run(shape: str) -> None:
    small, large = work(shape, lambda flow: (Scheduler(Graph(flow)), FlowGraph(flow)))
    assert large <= MOST * small


@pytest.mark.parametrize("act", [
    lambda flow: compile_flow(flow, flows.CODE, Settings()).to_yaml(),
    verify,
    lambda flow: (Scheduler(Graph(flow)), FlowGraph(flow)),
], ids=["compile", "verify", "begin a run"])  # fmt: skip
def test_switches_that_cross(act: Callable[[Flow], object]) -> None:
    """Each further layer of switches doubles the number of paths through the flow, but adds only constant work."""
    small, large = ladder(10), ladder(14)
    assert verify(large) == []
    act(small)
    assert executed(lambda: act(large)) <= 2 * executed(lambda: act(small))


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("steps", [3, 4000])  # for 4,000 steps, compiling fails: the manifest is too large
def test_garbage_is_collected_afterwards_as_before(steps: int, enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        with suppress(BackendError):
            compile_flow(flows.chain(steps), flows.CODE, Settings())
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
