"""The page of a flow: the trend of its durations, its failures by step, and its metrics over runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from flowc.ui.drawing.plots import line_plot
from flowc.ui.site import Page, missing
from flowc.ui.wording import duration

if TYPE_CHECKING:
    from starlette.requests import Request

    from flowc.ui.site import Site

LAST: Final = 100
"""The number of runs of which the page shows the trend."""


def flow_page(site: Site, request: Request) -> Page:
    """Return the page of a flow."""
    flow = request.path_params["flow"]
    listed = site.index.listed(flow)
    if not listed:
        missing(f"there is no flow {flow} in this store")
    rows = [site.index.row(run) for run in listed[-LAST:]]
    known = [(f"{row.run}: {row.state}", row.seconds) for row in rows if row.seconds is not None]
    lengths = [(f"{title}, {duration(seconds)}", seconds) for title, seconds in known]
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    metrics = {
        name: line_plot(
            [(row.run, float(row.metrics[name])) for row in rows if name in row.metrics], f"the metric {name} over runs"
        )
        for name in names
    }
    values = {
        "flow": flow,
        "rows": [*reversed(rows)],
        "total": len(listed),
        "states": Counter(row.state for row in rows),
        "durations": line_plot(lengths, "durations over runs, in seconds") if lengths else None,
        "failures": Counter(row.failed.partition("/")[0] for row in rows if row.failed).most_common(),
        "metrics": metrics,
        "tags": site.index.tags([flow]),
        "trends": {flow: site.index.trend(flow)},
    }
    return Page("flow.html", values, flow)
