"""Applies a patch in an attempt, instead of running the step's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Switch, targets
from flowc_ir.late.dataclass import replace
from flowc_runtime.run.patches import open_patch

if TYPE_CHECKING:
    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.patches import Patch


def apply(job: Assignment, patch: Patch, task: object, arguments: tuple[object, ...]) -> str:
    """Apply a patch instead of running the step's code. Secrets are not read, and no timeout applies.

    Args:
        job: the attempt.
        patch: the patch of the step.
        task: the object of the task.
        arguments: the arguments of the step's code: for a join, its inputs.

    Returns:
        A remark for the task's record about the patch.

    Raises:
        BaseException: any exception of the patch's function; see `Program.replace_step` and `open_patch`.
    """
    new = open_patch(patch, job.step, job.program.directory, job.graph.flow.code.file)
    if new.mock and isinstance(job.node.next, Switch):
        new = replace(new, way=_way_out(job.graph, job.node))
    if new.function is not None:
        job.program.start(task)
    supplied = job.program.replace_step(task, job.node, arguments, new)
    return "; ".join(filter(None, (_words(patch), supplied)))


def _words(patch: Patch) -> str:
    match patch["kind"]:
        case "nothing":
            return "nothing ran"
        case "value":
            return "a value in place of its code"
        case "pickle":
            return "a patch in place of its code"
        case _:
            return f"{patch['what']} in place of its code"


def _way_out(graph: Graph, node: Node) -> str:
    """Return the target of a switch with the shortest path to the flow's end: with this choice, every loop ends."""
    distance = {each.id: 0 for each in graph.flow.nodes if not targets(each.next)}
    waiting = [*distance]
    while waiting:
        at = waiting.pop(0)
        for before in graph.predecessors[at]:
            if before.id not in distance:
                distance[before.id] = distance[at] + 1
                waiting.append(before.id)
    return min(targets(node.next), key=lambda target: distance[target])
