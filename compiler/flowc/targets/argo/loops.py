"""How many iterations a loop may have on Argo, whose templates call each other at most a hundred deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.argo.checking import faults
from flowc_ir.graphs.series import iterations, levels, loops
from flowc_ir.graphs.scopes import Loop
from flowc_ir.model import targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.graphs.series import Series
    from flowc_ir.graphs.scopes import Scope
    from flowc_ir.model import Flow, NodeId

MAX_LEVELS = 99


def budgets(flow: Flow, blocks: Series, scopes: Mapping[NodeId, tuple[Scope, ...]]) -> dict[NodeId, str]:
    """What each step that begins another iteration is told, so that it can say that there is none to be had.

    `95:10,4` are the further levels of calls, and how many iterations of each loop around the step a level has.
    """
    of: dict[NodeId, int] = {}
    for loop in loops(blocks):
        a_level = iterations(loop, faults.MAX_TASKS)
        of[loop.header] = min(a_level, of.get(loop.header, a_level))
    if not of:
        return {}
    left = MAX_LEVELS - 1 - levels(blocks)
    found = {}
    for node in flow.nodes:
        around = [scope.header for scope in scopes[node.id] if isinstance(scope, Loop)]
        if any(target in around for target in targets(node.next)):
            found[node.id] = f"{left}:{','.join(str(of[header]) for header in around)}"
    return found
