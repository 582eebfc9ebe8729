"""The page of an artifact: its versions over the runs of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.page_data.version_rows import version_page
from flowc.ui.pages.addressed import number_of
from flowc.ui.site import SitePage, missing
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from flowc.ui.site import Site


def artifact_page(site: Site, request: Request) -> SitePage:
    """Return the page with the versions of an artifact."""
    flow, name = request.path_params["flow"], request.path_params["name"]
    start = number_of(request, "start")
    found = version_page(site.index.listed(flow), name, start)
    if not found.total:
        missing(f"there is no flow {flow} in this store")
    if not found.rows and found.following is None and start == 0:
        missing(f"no run of {flow} has an artifact {name}")
    values = {"flow": flow, "name": name, "found": found, "start": start, "id_of": task_id}
    return SitePage("artifact.html", values, f"{name} · {flow}", lasting=True)
