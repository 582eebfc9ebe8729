"""The page of a flow: the trend of its durations, its failures by step, and its metrics over runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from flowc.ui.drawing.trend import TrendRun, durations, metric_line, proportion
from flowc.ui.page_data.flow_facts import flow_facts
from flowc.ui.page_data.run_rows import PAGE, TREND
from flowc.ui.rendering import quoted_part
from flowc.ui.site import SitePage, missing
from flowc.ui.wording import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from starlette.requests import Request

    from flowc.ui.page_data.run_rows import ListedRun
    from flowc.ui.site import Site

MOST_PLOTS: Final = 12
"""The number of metrics that are drawn."""


def flow_page(site: Site, request: Request) -> SitePage:
    """Return the page of a flow."""
    flow = request.path_params["flow"]
    facts = flow_facts(site.index, flow)
    if facts is None:
        missing(f"there is no flow {flow} in this store")
    rows = facts.rows
    most = max((each.runs for each in facts.failures), default=0)
    values = {
        "flow": flow,
        "facts": facts,
        "rows": [*reversed(rows[-PAGE:])],
        "total": facts.total,
        "durations": durations(_trend(rows), f"durations of the last {len(rows)} runs, oldest first"),
        "bars": {each.step: proportion(each.runs, most, f"{each.runs} of {len(rows)} runs") for each in facts.failures},
        "plots": {name: _metric(rows, name) for name in facts.metrics[:MOST_PLOTS]},
        "tags": facts.tags,
        "trends": {flow: rows[-TREND:]},
    }
    return SitePage("flow.html", values, flow)


def _trend(rows: Sequence[ListedRun]) -> Sequence[TrendRun]:
    """Return the runs with their durations; an active run has the time since its start."""
    now = time.time()
    return [_run(row, _active_seconds(row, now) if row.seconds is None else row.seconds) for row in rows]


def _active_seconds(row: ListedRun, now: float) -> float | None:
    return max(0.0, now - row.created) if row.state == "running" and row.created is not None else None


def _metric(rows: Sequence[ListedRun], name: str) -> Markup:
    return metric_line([_run(row, row.metrics.get(name)) for row in rows], f"the metric {name} over runs, oldest first")


def _run(row: ListedRun, value: float | None) -> TrendRun:
    began = f" ({moment(row.created)})" if row.created is not None else ""
    return TrendRun(f"{row.run}{began}", row.state, f"../run/{quoted_part(row.flow)}/{quoted_part(row.run)}", value)
