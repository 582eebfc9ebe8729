"""The graph of a flow in Metaflow's format, for `current.graph` and the output of `output-raw --json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowc_ir import targets
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.index import Graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow, Node

# Maps the class name of a step's transition to Metaflow's type of the step.
_TYPES = {
    "Branch": "split-static",
    "End": "end",
    "Foreach": "split-foreach",
    "Gang": "split-parallel",
    "Goto": "linear",
    "Switch": "split-switch",
}
# The fields of a node that built-in decorators set, in the order of the output.
POLICIES = ("timeout", "retry", "catch", "resources", "environment", "kubernetes", "secrets", "cards", "packages")


class DecoratorInfo(TypedDict):
    """A built-in decorator of a step in `current.graph`."""

    name: str
    attributes: dict[str, object]
    statically_defined: bool
    inserted_by: None


class _StepInfo(TypedDict):
    name: str
    type: str
    line: int
    source_file: str
    doc: str
    decorators: list[DecoratorInfo]
    next: list[str]
    node_info: object


class StepInfo(_StepInfo, total=False):
    """A step in `current.graph`, with Metaflow's keys. The optional keys exist only for splits, switches and joins."""

    foreach_artifact: str
    condition: str
    switch_cases: dict[str, str]
    matching_join: str


def graph_info(flow: Flow) -> dict[str, object]:
    """Return the graph of a flow as a dictionary in the format of Metaflow's `current.graph`.

    Returns:
        A dictionary with the keys `file`, `start_step`, `end_step`, `parameters`, `constants`, `steps` (a `StepInfo` by
        step), `graph_structure` (steps and nested lists of branches), `doc`, `decorators` and `extensions`.
    """
    graph = Graph(flow)
    return {
        "file": flow.code.file,
        "start_step": flow.start,
        "end_step": next((node.id for node in flow.nodes if not targets(node.next)), None),
        "parameters": [{"name": parameter.name, "type": "Parameter"} for parameter in flow.parameters],
        "constants": [],
        "steps": {node.id: step_info(graph, node) for node in in_order(graph)},
        "graph_structure": _structure(graph, flow.start, None, set()),
        "doc": flow.doc,
        "decorators": [],
        "extensions": {"installed": {}},
    }


def step_info(graph: Graph, node: Node) -> StepInfo:
    """Return the description of one step, which `graph_info` contains under `steps`."""
    info: StepInfo = {
        "name": node.id,
        "type": step_type(graph, node),
        "line": node.where.line,
        "source_file": node.where.file,
        "doc": node.doc,
        "decorators": [
            {"name": name, "attributes": attributes, "statically_defined": True, "inserted_by": None}
            for name, attributes in decorators(node)
        ],
        "next": list(targets(node.next)),
        "node_info": json.loads(node.info) if node.info else {},
    }
    if (over := getattr(node.next, "over", None)) is not None:
        info["foreach_artifact"] = over
    if (condition := getattr(node.next, "condition", None)) is not None:
        info.update(
            {
                "condition": condition,
                "switch_cases": {str(choice): target for choice, target in getattr(node.next, "arms", ())},
            }
        )
    if node.id in graph.join_of:
        info["matching_join"] = graph.join_of[node.id]
    return info


def step_type(graph: Graph, node: Node) -> str:
    """Return Metaflow's type of a step.

    The type is one of start, linear, split-static, split-foreach, split-parallel, split-switch, join and end.
    """
    kind = _TYPES[type(node.next).__name__]
    if node.joins is not None and kind in ("linear", "end"):
        return "join"
    return "start" if kind == "linear" and node.id == graph.flow.start else kind


def decorators(node: Node) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the name and attributes of each built-in decorator of a node, with Metaflow's attribute names.

    `minutes_between_retries` of `@retry` may be a fraction. Each card of a step is yielded as a separate decorator.
    """
    for name in POLICIES:
        policy = getattr(node, name, None)
        match name, policy:
            case _, None | ():
                continue
            case "retry", _:
                yield name, {"times": policy.times, "minutes_between_retries": policy.wait_seconds / 60}
            case "timeout", _:
                yield name, {"seconds": policy.seconds}
            case "environment", _:
                yield name, {"vars": dict(policy)}
            case "cards", _:
                yield from (("card", _fields(card)) for card in policy)
            case _:
                yield name, _fields(policy)


def _fields(policy: object) -> dict[str, object]:
    names = getattr(policy, "__dataclass_fields__", ())
    return {name: value for name in names if (value := getattr(policy, name)) is not None}


def in_order(graph: Graph) -> Iterator[Node]:
    """Yield each node once, in breadth-first order from the start step."""
    seen: set[str] = set()
    waiting = [graph.flow.start]
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield graph.nodes[name]
            waiting += targets(graph.nodes[name].next)


def _structure(graph: Graph, here: str | None, stop: str | None, seen: set[str]) -> list[object]:
    """Return a list of the steps from `here` to `stop`, without `stop`. Each split is followed by a list that contains
    one list of steps for each branch."""
    row: list[object] = []
    while here is not None and here != stop and here not in seen:
        seen.add(here)
        row.append(here)
        after = targets(graph.nodes[here].next)
        if here in graph.join_of or len(after) > 1:
            meet = graph.join_of.get(here) or _meeting(graph, after)
            row.append([_structure(graph, target, meet, seen) for target in after])
            here = meet
        else:
            here = after[0] if after else None
    return row


def _meeting(graph: Graph, arms: tuple[str, ...]) -> str | None:
    """Return the first step that can be reached from all targets of a switch, or None if there is no such step."""
    ways = [_reached(graph, arm) for arm in arms]
    return next((name for name in ways[0] if all(name in way for way in ways[1:])), None)


def _reached(graph: Graph, start: str) -> list[str]:
    found = [start]
    for name in found:  # the loop also visits the names that it appends
        found += [target for target in targets(graph.nodes[name].next) if target not in found]
    return found
