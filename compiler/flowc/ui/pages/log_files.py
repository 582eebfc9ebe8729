"""Lines of logs as HTML, and the download of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, StreamingResponse

from flowc.ui.page_data.log_pages import log_page, search
from flowc.ui.pages.addressed import attempt_of, is_number, plain_name
from flowc.ui.site import BadAddress, SitePage, missing
from flowc_runtime.process.logs import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from flowc.ui.rendering import Renderer
    from flowc.ui.site import Site
    from flowc_runtime.store.records.run_store import RunStore


def _attempt(site: Site, request: Request) -> tuple[RunStore, str, str, int]:
    """Return the run, the step, the index path and the number of the attempt of a URL. Raises PageNotFound."""
    found = attempt_of(site, request)
    store, step, path, attempt = found.records.store, found.step, found.path, found.number
    # reused tasks did not begin
    if not (store.has_begun(step, path, attempt) or (attempt == 1 and store.is_done(step, path))):
        missing(f"run {store.flow}/{store.id} has no attempt {attempt} of task {step}/{path}")
    return store, step, path, attempt


def log_lines(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return lines of a log as HTML: the lines from `start`, or the lines that contain `search`."""
    store, step, path, attempt = _attempt(site, request)
    start, text = request.query_params.get("start", ""), request.query_params.get("search", "")
    if text:
        found = search(store, step, path, attempt, text)
    elif is_number(start):
        found = log_page(store, step, path, attempt, int(start))
    else:
        raise BadAddress("the lines of a log need `start`, the number of the first line, or `search`")
    page = SitePage("lines.html", {"log": found}, "")
    headers = {"x-total": str(found.total), "x-more": str(int(found.more))}
    return HTMLResponse(renderer.text(page, "./", ""), headers=headers)


def log_file(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return the whole log as a text file, as `flowc logs` prints it."""
    store, step, path, attempt = _attempt(site, request)

    def data() -> Iterator[bytes]:
        for chunk in chunks(store.log(step, path, attempt)):
            yield chunk.data

    name = plain_name(f"{store.flow}-{store.id}-{step}-{path}-{attempt}")
    headers = {"content-disposition": f'attachment; filename="{name}.log"'}
    return StreamingResponse(data(), media_type="text/plain; charset=utf-8", headers=headers)
