"""Index paths: which tasks a node has and which tasks they follow, from the IR and the paths alone.

The path of a task is `0` at the root and `.i` more inside each foreach: `0.3.1` is item 1 of item 3. It is the task's
id.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.ir import Foreach, targets
from flowc_runtime.errors import ProtocolError

if TYPE_CHECKING:
    from flowc.ir import Flow, Node

ROOT = "0"


def item_path(path: str, index: int) -> str:
    """The path of one item of a foreach whose split ran at `path`."""
    return f"{path}.{index}"


def outer_path(path: str) -> str:
    """The path of the foreach that this one is an item of. Raises ProtocolError at the root."""
    outer, dot, _ = path.rpartition(".")
    if not dot:
        raise ProtocolError(f"the index path {path!r} is not inside a foreach")
    return outer


def item_index(path: str) -> int | None:
    """The item's number in the innermost foreach, None outside of any."""
    _, dot, last = path.rpartition(".")
    return int(last) if dot else None


def check_path(path: str) -> str:
    """The path, if it is one. Raises ProtocolError."""
    parts = path.split(".")
    if parts[0] != ROOT or not all(part.isascii() and part.isdecimal() for part in parts):
        raise ProtocolError(f"not an index path: {path!r}; such as '0' or '0.3.1'")
    return path


class Graph:
    """What a flow's tasks ask of its graph, worked out once: nodes, what leads to them, which foreach they are in."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.nodes = flow.by_id()
        self.predecessors: dict[str, list[Node]] = {node.id: [] for node in flow.nodes}
        for node in flow.nodes:
            for target in targets(node.next):
                self.predecessors[target].append(node)
        for node in flow.nodes:
            if node.joins is not None and len(self.predecessors[node.id]) > 1:
                arms = targets(self.nodes[node.joins].next)  # a join sees its inputs in the order of its split
                self.predecessors[node.id].sort(key=lambda last: arms.index(self._arm(last, arms)))
        self.join_of = {node.joins: node.id for node in flow.nodes if node.joins is not None}

    def own_decorators(self) -> list[tuple[str, Any]]:
        """The decorators of the user's own that the command line added, with their arguments."""
        return [(name, json.loads(arguments)) for name, arguments in self.flow.with_decorators]

    def node(self, name: str) -> Node:
        """The node of this name. Raises ProtocolError."""
        try:
            return self.nodes[name]
        except KeyError:
            raise ProtocolError(f"flow '{self.flow.name}' has no step '{name}'") from None

    def foreach_of(self, node: Node) -> Node | None:
        """The foreach split whose items the node's tasks are about, None outside of any."""
        here = self._opening(node)
        while before := self.predecessors[here.id]:
            if isinstance(before[0].next, Foreach):
                return before[0]
            here = self._opening(before[0])
        return None

    def _opening(self, node: Node) -> Node:
        """The node itself, or the split that opened what it joins: a region is stepped over at once."""
        while node.joins is not None:
            node = self.nodes[node.joins]
        return node

    def _arm(self, last: Node, arms: tuple[str, ...]) -> str:
        """Which of the branches the node `last` ends."""
        here = self._opening(last)
        while here.id not in arms:
            here = self._opening(self.predecessors[here.id][0])
        return here.id


def parent_path(parent: Node, path: str) -> str:
    """The path of the one parent of a task that is no join: the split's, for an item of a foreach."""
    return outer_path(path) if isinstance(parent.next, Foreach) else path
