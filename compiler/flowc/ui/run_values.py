"""The values of the templates that the page of a run and its exported file share.

The module imports no web server, because exporting a run needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.drawing.gantt import gantt
from flowc.ui.drawing.run_graph import graph
from flowc.ui.rendering import quoted_part
from flowc_runtime.store.records import revision

if TYPE_CHECKING:
    from flowc.ui.page_data.run_facts import RunFacts
    from flowc.ui.page_data.times import Bar


def run_values(facts: RunFacts, now: float) -> dict[str, object]:
    """Return the values that the page of a run and its file have in common.

    Args:
        facts: the data of the run.
        now: the current time in seconds since the epoch.
    """
    view = facts.view
    here = f"{quoted_part(view.records.store.id)}/"

    def attempt_address(bar: Bar) -> str:
        return f"{here}{quoted_part(bar.step)}/{quoted_part(bar.path)}?attempt={bar.number}"

    drawn = graph(facts.picture, facts.steps, lambda step: f"{here}{quoted_part(step)}") if facts.picture else None
    return {
        "view": view,
        "facts": facts,
        "graph": drawn,
        "gantt": gantt(facts.timeline, now, attempt_address) if facts.timeline.steps else None,
        "here": here,
        "revision": revision.shown(view.revision) if view.revision is not None else "",
    }
