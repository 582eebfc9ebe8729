"""Check the catalogs of steps: each file pattern in a step's `get` must match files that an earlier step may `put`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import codes, targets
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.file_patterns import may_match_same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Node
    from flowc_ir.diagnostic import Faults
    from flowc_ir.model import NodeId


def check_files(nodes: Sequence[Node], faults: Faults) -> None:
    """Report each file pattern in a step's `get` that cannot match any file that an earlier step's `put` names.

    Args:
        nodes: all nodes of the pipeline.
        faults: collects the faults.
    """
    with_files = [node for node in nodes if node.files is not None and node.files.get]
    before = _leading_to(nodes) if with_files else {}
    for node in with_files:
        assert node.files is not None
        put = sorted({pattern for each in _ancestors(node.id, before) for pattern in _put_by(each)})
        for pattern in node.files.get:
            if any(may_match_same(pattern, each) for each in put):
                continue
            meant = closest(pattern, put)
            steps_put = f"they put {', '.join(put[:5])}" if put else "let a step put it: catalog=Catalog(put=[…])"
            faults.add(
                codes.BAD_POLICY,
                node.where,
                f"step '{node.id}' gets the files {pattern!r}, which no step before it puts",
                hint=did_you_mean(meant) if meant else steps_put,
            )


def _leading_to(nodes: Sequence[Node]) -> dict[NodeId, list[Node]]:
    """Return the direct predecessors of each node."""
    found: dict[NodeId, list[Node]] = {}
    for node in nodes:
        for target in targets(node.next):
            found.setdefault(target, []).append(node)
    return found


def _ancestors(name: NodeId, before: dict[NodeId, list[Node]]) -> list[Node]:
    """Return all direct and indirect predecessors of a node; in a loop, the node itself is among them."""
    found: dict[NodeId, Node] = {}
    waiting = [*before.get(name, ())]
    while waiting:
        node = waiting.pop()
        if node.id not in found:
            found[node.id] = node
            waiting += before.get(node.id, ())
    return [*found.values()]


def _put_by(node: Node) -> Sequence[str]:
    return node.files.put if node.files is not None else ()
