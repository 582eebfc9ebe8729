"""The number of iterations that a loop may have on Argo, where templates call each other at most 100 levels deep."""

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
    """Return how many iterations of a loop one DAG holds: ten, or fewer so that they fill at most half of it.

    A loop that is continued from several places has one, since each place would need its own copies.
    """
    once = leads(loop.body).get(loop.header) == 1
    return max(1, min(MAX_ITERATIONS, limits.MAX_TASKS // 2 // tasks(loop.body))) if once else 1


def budgets(analysis: Analysis, blocks: Series) -> dict[NodeId, str]:
    """Return a budget of iterations for each step that begins another one, so that it can refuse one too many.

    In the budget `95:10,4`, 95 is the number of further levels of calls; each level has 10 iterations of the outer loop
    around the step and 4 of the inner one.

    Args:
        analysis: the analysis of the flow.
        blocks: the flow's series, as it is lowered.

    Returns:
        The budget of each step that leads back to the header of a loop around it; no entries for other steps.
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
