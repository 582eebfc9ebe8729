"""Check the references inside an IR: every referenced name exists, and each name is defined once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.model import targets
from flowc_ir.versions import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_ir.model import Flow


def check_references(flow: Flow, where: str = "flow") -> None:
    """Check that the start, the targets and the joins name existing steps, and that names of steps and parameters are
    unique.

    `flowc_ir.verify` reports all faults of a flow. This function checks only the references on which every program that
    reads a flow relies.

    Args:
        flow: the flow.
        where: the path of the flow in the document; the paths in errors begin with this path.

    Raises:
        SchemaError: the first wrong reference, with its path, such as `flow.nodes[3].next`.
    """
    known = _unique((node.id for node in flow.nodes), f"{where}.nodes", "id", "step")
    _unique((parameter.name for parameter in flow.parameters), f"{where}.parameters", "name", "parameter")
    if flow.start not in known:
        raise SchemaError(f"{where}.start: the flow has no step {flow.start!r}")
    for index, node in enumerate(flow.nodes):
        for target in targets(node.next):
            if target not in known:
                raise SchemaError(
                    f"{where}.nodes[{index}].next: step {node.id!r} leads to {target!r}, which is not a step"
                )
        if node.joins is not None and node.joins not in known:
            raise SchemaError(
                f"{where}.nodes[{index}].joins: step {node.id!r} joins {node.joins!r}, which is not a step"
            )


def _unique(names: Iterable[str], where: str, field: str, what: str) -> dict[str, int]:
    known: dict[str, int] = {}
    for index, name in enumerate(names):
        if (first := known.setdefault(name, index)) != index:
            raise SchemaError(f"{where}[{index}].{field}: {name!r} is the {what} of {where}[{first}] already")
    return known
