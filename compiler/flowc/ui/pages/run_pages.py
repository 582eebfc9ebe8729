"""The list of runs, and the page of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from flowc.ui.page_data.run_facts import facts_of
from flowc.ui.page_data.run_rows import ALL_STATES, PAGE, SORTS, RunFilters, page_of
from flowc.ui.pages.addressed import parsed_number
from flowc.ui.run_values import run_values
from flowc.ui.site import BadAddress, SitePage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from flowc.ui.page_data.run_rows import ListedRun
    from flowc.ui.rendering import Renderer
    from flowc.ui.site import Site


def filters_of(request: Request) -> RunFilters:
    """Return the filters in the query of a URL."""
    given = request.query_params
    texts = {name: given.get(name, "").strip() for name in ("flow", "tags", "since", "until", "parameters", "text")}
    states = tuple(state for state in given.getlist("status") if state)
    return RunFilters(status=states, sort=given.get("sort", "") or "newest", **texts)


def _rows(site: Site, request: Request, filters: RunFilters) -> dict[str, object]:
    start = parsed_number("start", request.query_params.get("start", "0"))
    try:
        rows, more = page_of(site.index.found(filters), start)
    except ValueError as error:
        raise BadAddress(str(error)) from error
    flows = sorted({row.flow for row in rows})
    return {
        "rows": rows,
        "more": more,
        "start": start,
        "next": start + PAGE,
        "tags": site.index.tags_of(rows),
        "trends": {flow: site.index.trend(flow) for flow in flows},
        "filters": filters._asdict(),
    }


def runs_page(site: Site, request: Request) -> SitePage:
    """Return the page with the list of runs."""
    filters = filters_of(request)
    values = {
        **_rows(site, request, filters),
        "flows": site.store.flows(),
        "states": ALL_STATES,
        "sorts": SORTS,
        "store": site.store.objects.url,
        "filtered": filters._replace(sort="newest", flow="") != RunFilters(),
    }
    return SitePage("runs.html", values, "Runs")


def more_rows(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return the HTML of the next rows of the list of runs."""
    page = SitePage("rows.html", _rows(site, request, filters_of(request)), "")
    return HTMLResponse(renderer.text(page, "./", ""))


def _run_before(site: Site, flow: str, run: str, trend: Sequence[ListedRun]) -> str:
    """Return the id of the flow's run that began before a run; empty if there is none.

    Args:
        site: the site.
        flow: the flow.
        run: the id of the run.
        trend: the last runs of the flow; the other runs are listed only for an older run.
    """
    ids = [row.run for row in trend]
    if run not in ids[1:]:
        ids = [each.id for each in site.index.listed(flow)]
    return ids[ids.index(run) - 1] if run in ids[1:] else ""


def run_page(site: Site, request: Request) -> SitePage:
    """Return the page of a run."""
    flow, run = request.path_params["flow"], request.path_params["run"]
    view = site.run(flow, run)
    now, trend = time.time(), site.index.trend(flow)
    values = {
        **run_values(facts_of(view, now), now),
        "trend": trend,
        "before": _run_before(site, flow, run, trend),
    }
    return SitePage(
        "run.html", values, f"{flow}/{run}", lasting=not view.status.is_running and view.status.error is None
    )
