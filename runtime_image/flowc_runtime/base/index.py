"""Index paths and task ids, which identify a run's tasks. The path of the next task is computed from the IR alone.

The path of a task is `0` at the root. Each foreach and gang appends `.i`, each loop `~n`: `0.3.1` is item 1 of item 3,
`0.3~1` is iteration 1 of a loop in item 3. Tasks of different steps share paths, so the id of a task is `STEP-PATH`,
such as `train-0.3`. The id is unique in the run, and is computed from step and path (docs/adr/0014).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc_ir import targets
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.scopes import ItemScope, LoopScope
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Flow, Node
    from flowc_ir.graphs.scopes import Scope

ROOT = "0"
_PATH = late_pattern(r"0(?:[.~][0-9]+)*", re.ASCII)
_PART = late_pattern(r"[.~][0-9]+", re.ASCII)


def parts(path: str) -> list[str]:
    """Return the components of a path after the root: `.3` and `~1` of `0.3~1`."""
    return _PART.findall(path)


def item_path(path: str, index: int) -> str:
    """Return the path of item `index` of the foreach that the task at `path` opened."""
    return f"{path}.{index}"


def iteration_path(path: str, number: int) -> str:
    """Return the path of iteration `number` of the loop that the task at `path` entered."""
    return f"{path}~{number}"


def in_item(path: str) -> bool:
    """Return whether the task at an index path is inside of a foreach or a gang."""
    return "." in path


def item_index(path: str) -> int | None:
    """Return which item a task has of the foreach or gang that directly contains it, counted from 0; None outside of
    every foreach and gang."""
    items = [part for part in parts(path) if part[0] == "."]
    return int(items[-1][1:]) if items else None


def path_order(path: str) -> tuple[int, ...]:
    """Return a key that sorts index paths in the order of their items and iterations."""
    return tuple(int(part[1:]) for part in parts(path))


def check_path(path: str) -> str:
    """Check an index path, and return it unchanged.

    Raises:
        ProtocolError: the path is malformed.
    """
    if not _PATH.fullmatch(path):
        raise ProtocolError(f"not an index path: {path!r}; write a path such as '0', '0.3.1' or '0~2'")
    return path


def task_id(step: str, path: str) -> str:
    """Return the id of a task, unique in its run: `train-0.3`."""
    return f"{step}-{path}"


def path_of(step: str, task: str) -> str:
    """Return the index path of a task.

    Args:
        step: the task's step.
        task: the task's id, or its path alone.

    Raises:
        ProtocolError: `task` is neither an id of this step nor an index path.
    """
    try:
        return check_path(task.removeprefix(f"{step}-"))
    except ProtocolError:
        example = f"'{task_id(step, '0')}' or '{task_id(step, '0.3')}'"
        raise ProtocolError(f"not the id of a task of step '{step}': {task!r}; write an id such as {example}") from None


def split_id(task: str) -> tuple[str, ...]:
    """Return the step and the id if the text is a task's id; return any other text as one part."""
    step, hyphen, path = task.partition("-")  # names of steps contain no hyphen
    return (step, task) if hyphen and _PATH.fullmatch(path) else (task,)


def task_pathspec(*names: str, path: str) -> str:
    """Return the pathspec of a task; the last of `names` is its step: `FLOW/RUN/train/train-0.3`, `RUN/…`."""
    return "/".join([*names, task_id(names[-1], path)])


def with_task_id(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a pathspec FLOW/RUN/STEP/TASK/… with the task's id in place of a bare index path.

    Other pathspecs are returned unchanged.
    """
    if len(parts) < 4:
        return tuple(parts)
    flow, run, step, task, *rest = parts
    try:
        return (flow, run, step, task_id(step, path_of(step, task)), *rest)
    except ProtocolError:
        return tuple(parts)


class Graph:
    """The graph of a flow, as needed to run its tasks: nodes, their predecessors, and the foreaches, gangs and loops
    around them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.analysis = analysis = Analysis(flow)
        self.nodes = analysis.nodes
        self.predecessors = {
            at: [analysis.nodes[before] for before in parents] for at, parents in analysis.parents.items()
        }
        self.places = analysis.places
        self.join_of = analysis.join_of
        self.has_files = any(node.files is not None for node in flow.nodes)

    def node(self, name: str) -> Node:
        """Return the node of this name.

        Raises:
            ProtocolError: the flow has no such node.
        """
        try:
            return self.nodes[name]
        except KeyError:
            raise ProtocolError(f"flow '{self.flow.name}' has no step '{name}'") from None

    def scopes(self, node: str) -> tuple[Scope, ...]:
        """Return the foreaches, gangs and loops that contain a node, outermost first. The index path of each of the
        node's tasks has one component for each of them."""
        return self.places[node].scopes

    def foreach_of(self, node: Node) -> Node | None:
        """Return the step that starts the foreach or gang that directly contains the node; None if no foreach and no
        gang contains the node."""
        splits = [scope.split for scope in self.scopes(node.id) if isinstance(scope, ItemScope)]
        return self.nodes[splits[-1]] if splits else None

    def ends(self, join: Node) -> list[list[Node]]:
        """Return the nodes that lead to a join: one list for each branch that the join closes, in the order of the
        branches in the split.

        The list of a branch has several nodes if the branch can end at several steps, because a switch chooses between
        them.
        """
        assert join.joins is not None
        arms: dict[str, list[Node]] = {target: [] for target in targets(self.nodes[join.joins].next)}
        for node in self.predecessors[join.id]:
            _, arm = self.places[node.id].arms[-1]
            arms[arm].append(node)
        return list(arms.values())

    def inside(self, node: str, path: str) -> str:
        """Check that a task of the node can have this index path, and return the path.

        Args:
            node: the node's name.
            path: the index path to check.

        Raises:
            ProtocolError: no task of the node has a path of that form.
        """
        scopes = self.scopes(node)
        marks = "".join(part[0] for part in parts(check_path(path)))
        if marks != "".join("~" if isinstance(scope, LoopScope) else "." for scope in scopes):
            form = ROOT + "".join("~n" if isinstance(scope, LoopScope) else ".i" for scope in scopes)
            raise ProtocolError(f"step '{node}' has no task {path!r}: its tasks have paths of the form {form}")
        return path

    def shared(self, one: str, other: str) -> int:
        """Return the number of outer scopes (foreach, gang, loop) that two nodes share."""
        count = 0
        for mine, its in zip(self.scopes(one), self.scopes(other), strict=False):
            if mine != its:
                break
            count += 1
        return count

    def repeats(self, node: str, target: str) -> bool:
        """Return whether the edge from `node` to `target` begins the next iteration of a loop."""
        around = self.scopes(target)
        return bool(around) and around[-1] == LoopScope(target) and LoopScope(target) in self.scopes(node)

    def following(self, node: str, path: str, target: str, item: int = 0) -> str:
        """Return the index path of the task at `target` that follows the task with the index path `path` at `node`.

        Args:
            node: the node of the earlier task.
            path: its index path.
            target: the node of the following task, a successor of `node`.
            item: if `node` opens a foreach or gang, the number of the item or member.
        """
        around, known = self.scopes(target), parts(path)
        if self.repeats(node, target):
            last = len(around) - 1
            return ROOT + "".join(known[:last]) + f"~{int(known[last][1:]) + 1}"
        shared = self.shared(node, target)
        entered = (f".{item}" if isinstance(scope, ItemScope) else "~0" for scope in around[shared:])
        return ROOT + "".join([*known[:shared], *entered])


def outer_path(path: str, depth: int) -> str:
    """Return the path shortened to its first `depth` components."""
    return ROOT + "".join(parts(path)[:depth])
