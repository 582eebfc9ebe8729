"""The limit of a loop's iterations on Argo: calls of templates may be nested at most 100 levels deep."""

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
    """Return how many iterations of a loop one DAG template contains: ten, or fewer if ten iterations would need more
    than half of the tasks that one template may have.

    If the next iteration can start from several places, the number is one, since each place would need its own copies
    of the further iterations.
    """
    once = leads(loop.body).get(loop.header) == 1
    return max(1, min(MAX_ITERATIONS, limits.MAX_TASKS // 2 // tasks(loop.body))) if once else 1


def budgets(analysis: Analysis, blocks: Series) -> dict[NodeId, str]:
    """Return the limit of iterations (the "budget") of each step that starts the next iteration of a loop. A step that
    would start an iteration beyond its limit fails.

    A limit is a text such as `95:10,4`. For a step in two nested loops, this text means: the calls of templates can be
    nested 95 levels deeper, and each level has 10 iterations of the outer loop or 4 iterations of the inner loop.

    Args:
        analysis: the analysis of the flow.
        blocks: the series that is lowered, the result of `fit`.

    Returns:
        The limits, by the id of the step. Only steps that lead back to the first step of a loop around them have a
        limit.
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
