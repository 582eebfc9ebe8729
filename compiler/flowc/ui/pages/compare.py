"""The page that shows two to eight runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.ui.drawing.comparing import BarGroup, bars, lines
from flowc.ui.page_data.code_changes import code_changes
from flowc.ui.page_data.comparison import (
    MOST_RUNS,
    compared_metrics,
    compared_results,
    compared_runs,
    compared_steps,
    fact_rows,
    parameter_rows,
)
from flowc.ui.site import BadAddress, SitePage
from flowc.ui.wording import duration, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from flowc.ui.page_data.comparison import ComparedMetric
    from flowc.ui.site import Site

MOST_PLOTS: Final = 40
"""The number of metrics that are drawn; the values of further metrics are in the table."""


def chosen_runs(request: Request) -> Sequence[tuple[str, str]]:
    """Return the flow and the run of each run in the query of a URL, without repetitions.

    Raises:
        BadAddress: the query has fewer than two runs or more than MOST_RUNS, or a value is not FLOW/RUN.
    """
    found: dict[tuple[str, str], None] = {}
    for text in request.query_params.getlist("run"):
        flow, _, run = text.partition("/")
        if not flow or not run or "/" in run:
            raise BadAddress(f"run={text} is not a run: the address has the form compare?run=FLOW/RUN&run=FLOW/RUN")
        found[flow, run] = None
    if not 2 <= len(found) <= MOST_RUNS:
        raise BadAddress(
            f"{len(found)} run{' is' if len(found) == 1 else 's are'} chosen: "
            f"check two to {MOST_RUNS} runs in the list of runs, then choose Compare"
        )
    return [*found]


def compare_page(site: Site, request: Request) -> SitePage:
    """Return the page that compares runs."""
    runs = compared_runs(site.runs(chosen_runs(request)))
    letters = [run.letter for run in runs]
    metrics, problems = compared_metrics(runs)
    steps = compared_steps(runs)
    results, without = compared_results(runs)
    pathspecs = [run.pathspec for run in runs]
    values = {
        "runs": runs,
        "pathspecs": pathspecs,
        "facts": fact_rows(runs, site.index.tags_of([run.row for run in runs])),
        "parameters": parameter_rows(runs),
        "metrics": metrics,
        "plots": {metric.name: _plots(metric, letters) for metric in metrics[:MOST_PLOTS]},
        "problems": problems,
        "durations": bars(
            [BarGroup(step.name, step.seconds, step.remarks) for step in steps],
            letters,
            "elapsed times of the steps of each run",
            duration,
        )
        if steps
        else None,
        "artifacts": results,
        "without": without,
        # a function, because only the whole page needs the difference, not its later changes
        "code": (lambda: code_changes(runs[0].view, runs[1].view)) if len(runs) == 2 else None,
    }
    lasting = all(not run.view.status.is_running and run.view.status.error is None for run in runs)
    return SitePage("compare.html", values, f"Compare {', '.join(pathspecs)}", lasting=lasting)


def _plots(metric: ComparedMetric, letters: Sequence[str]) -> Sequence[object]:
    """Return the pictures of a metric: bars of the last values, and lines if a run has a series of points."""
    drawn = [bars([BarGroup("", metric.values)], letters, f"the last values of {metric.name}", number)]
    if metric.has_series:
        series = [[(float(point.step), point.value) for point in points] for points in metric.points]
        drawn.append(lines(series, letters, f"the points of {metric.name}"))
    return drawn
