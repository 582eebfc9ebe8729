"""Results of a task as files: its executed notebook, shown in a frame or downloaded, and the files of its catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response, StreamingResponse

from flowc.ui.drawing.notebook_frame import NotANotebook, notebook_html
from flowc.ui.page_data.stored_text import stored_text
from flowc.ui.pages.addressed import attempt_of, plain_name
from flowc.ui.site import missing
from flowc_runtime.base.errors import NotFound
from flowc_runtime.run.nodes.programs.notebook import EXECUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from flowc.ui.rendering import Renderer
    from flowc.ui.site import Site
    from flowc_runtime.run.views.task_view import AttemptView
    from flowc_runtime.store.records.record_types import TaskFileRecord

NOTEBOOK_POLICY: Final = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""The content security policy of a notebook: no script runs, and nothing is loaded."""
_PIECE: Final = 1 << 20


def _notebook(attempt: AttemptView) -> str:
    ref = attempt.record["artifacts"].get(EXECUTED) if attempt.record is not None else None
    if ref is None:
        missing("this attempt has no executed notebook")
    text = stored_text(attempt.records.store.objects, ref)
    if text is None:
        missing(f"the executed notebook cannot be shown: read it with `flowc dump TASK --include {EXECUTED}`")
    return text


def notebook_frame(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return the executed notebook of an attempt as HTML."""
    try:
        html = notebook_html(_notebook(attempt_of(site, request)))
    except NotANotebook as error:
        missing(f"the artifact {EXECUTED} is not a notebook: {error}")
    return HTMLResponse(html, headers={"content-security-policy": NOTEBOOK_POLICY})


def notebook_file(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return the executed notebook of an attempt as a file for Jupyter."""
    attempt = attempt_of(site, request)
    text = _notebook(attempt)
    headers = {"content-disposition": disposition(f"{attempt.step}-{attempt.path}-{attempt.number}.ipynb")}
    return Response(text.encode("utf-8", "replace"), media_type="application/x-ipynb+json", headers=headers)


def in_store(file: TaskFileRecord) -> bool:
    """Return whether the store has the bytes of a file: it was copied, and no other catalog keeps it."""
    return "place" not in file and "catalog" not in file


def task_file(site: Site, request: Request, renderer: Renderer) -> Response:
    """Return a file that an attempt has read or stored, by its position in the attempt's record."""
    attempt, number = attempt_of(site, request), request.path_params["number"]
    if number >= len(attempt.files):
        missing(f"this attempt has no file {number}")
    file = attempt.files[number]
    if not in_store(file):
        missing(f"the file {file['name']} is not in the store, but at {file.get('place', 'an unknown place')}")
    objects = attempt.records.store.objects
    try:
        content = objects.map_blob(file["digest"], file["size"]) if file["size"] else memoryview(b"")
    except NotFound:
        missing(f"the file {file['name']} was deleted from the store: resume from the step that puts it")

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(content), _PIECE):
            yield bytes(content[at : at + _PIECE])

    headers = {
        "content-disposition": disposition(file["name"].rpartition("/")[2]),
        "content-length": str(len(content)),
        "content-security-policy": NOTEBOOK_POLICY,
    }
    return StreamingResponse(pieces(), media_type="application/octet-stream", headers=headers)


def disposition(name: str) -> str:
    """Return the header by which a browser saves a response as a file of this name, and never opens it."""
    return f"attachment; filename=\"{plain_name(name)}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
