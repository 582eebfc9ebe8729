"""How many iterations a loop may have on Argo, whose templates call each other at most a hundred deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.argo.checking import limits
from flowc_ir.graphs.scopes import Loop
from flowc_ir.graphs.series import leads, levels, loops, tasks
from flowc_ir.model import targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir.graphs.scopes import Scope
    from flowc_ir.graphs.series import Loop as SeriesLoop
    from flowc_ir.graphs.series import Series
    from flowc_ir.model import Flow, NodeId

MAX_LEVELS = 99
MAX_ITERATIONS = 10


def iterations(loop: SeriesLoop) -> int:
    """How many iterations of a loop stand in one DAG: ten, if they take no more than half of it.

    One that goes on from several places has one: each place would need copies of its own.
    """
    once = leads(loop.body).count(loop.header) == 1
    return max(1, min(MAX_ITERATIONS, limits.MAX_TASKS // 2 // tasks(loop.body))) if once else 1


def budgets(flow: Flow, blocks: Series, scopes: Mapping[NodeId, tuple[Scope, ...]]) -> dict[NodeId, str]:
    """What each step that begins another iteration is told, so that it can say that there is none to be had.

    `95:10,4` are the further levels of calls, and how many iterations of each loop around the step a level has.
    """
    of: dict[NodeId, int] = {}
    for loop in loops(blocks):
        a_level = iterations(loop)
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
