"""The page of an artifact: its versions over the runs of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ui.page_data.version_rows import version_page
from flowc.ui.site import BadAddress, SitePage, missing
from flowc_runtime.base.index import task_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from flowc.ui.site import Site


def artifact_page(site: Site, request: Request) -> SitePage:
    """Return the page with the versions of an artifact."""
    flow, name = request.path_params["flow"], request.path_params["name"]
    text = request.query_params.get("start", "") or "0"
    if not text.isdecimal():
        raise BadAddress(f"start={text} is not a number")
    found = version_page(site.index.listed(flow), name, int(text))
    if not found.total:
        missing(f"there is no flow {flow} in this store")
    if not found.rows and found.following is None and text == "0":
        missing(f"no run of {flow} has an artifact {name}")
    values = {"flow": flow, "name": name, "found": found, "start": int(text), "id_of": task_id}
    return SitePage("artifact.html", values, f"{name} · {flow}", lasting=True)
