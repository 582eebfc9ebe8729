"""How many iterations a loop may have on Argo, whose templates call each other at most a hundred deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.targets.argo.checking import limits
from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.graphs.series import leads, levels, loops, tasks

if TYPE_CHECKING:
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.graphs.series import Iterations as SeriesLoop
    from flowc_ir.graphs.series import Series
    from flowc_ir.model import NodeId

MAX_LEVELS = 99
MAX_ITERATIONS = 10


def iterations(loop: SeriesLoop) -> int:
    """How many iterations of a loop stand in one DAG: ten, if they take no more than half of it.

    One that goes on from several places has one: each place would need copies of its own.
    """
    once = leads(loop.body).get(loop.header) == 1
    return max(1, min(MAX_ITERATIONS, limits.MAX_TASKS // 2 // tasks(loop.body))) if once else 1


def budgets(analysis: Analysis, blocks: Series) -> dict[NodeId, str]:
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
    for node, following in analysis.children.items():
        around = [scope.header for scope in analysis.scopes[node] if isinstance(scope, LoopScope)]
        if any(target in around for target in following):
            found[node] = f"{left}:{','.join(str(of[header]) for header in around)}"
    return found
