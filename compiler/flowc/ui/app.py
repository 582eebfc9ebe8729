"""Builds the application: the routes, the pages of errors, and the stream of changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles

from flowc.ui import live
from flowc.ui.guard import Guard
from flowc.ui.pages import (
    actions,
    artifact_versions_page,
    cards,
    compare,
    deployments,
    flows,
    log_files,
    result_files,
    run_pages,
    tasks,
)
from flowc.ui.rendering import HERE, Renderer, quoted_part
from flowc.ui.site import BadAddress, PageNotFound, SitePage
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.records.unreadable import reporting_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from starlette.types import ASGIApp

    from flowc.ui.site import Site

    PageFunction: TypeAlias = Callable[[Site, Request], SitePage]

PAGES: Final = {
    "/": run_pages.runs_page,
    "/compare": compare.compare_page,
    "/deployments": deployments.deployments_page,
    "/actions": actions.actions_page,
    "/action/{id}": actions.action_page,
    "/do/{name}": actions.form_page,
    "/flow/{flow}": flows.flow_page,
    "/artifact/{flow}/{name}": artifact_versions_page.artifact_page,
    "/run/{flow}/{run}": run_pages.run_page,
    "/run/{flow}/{run}/{step}": tasks.step_page,
    "/run/{flow}/{run}/{step}/{path}": tasks.task_page,
}
"""The pages, by the paths of their URLs."""
FILES: Final = {
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/log": log_files.log_lines,
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/log.txt": log_files.log_file,
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/card/{name}": cards.card_file,
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/notebook": result_files.notebook_frame,
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/notebook.ipynb": result_files.notebook_file,
    "/run/{flow}/{run}/{step}/{path}/{attempt:int}/file/{number:int}": result_files.task_file,
    "/more": run_pages.more_rows,
}
"""Other responses, by the paths of their URLs."""


def application(site: Site) -> ASGIApp:
    """Return the application that serves a site."""
    renderer = Renderer(actions.run_actions if site.actions is not None else None)
    pages = [Route(_quoted(path), _page(function, site, renderer)) for path, function in PAGES.items()]
    files = [Route(_quoted(path), _file(function, site, renderer)) for path, function in FILES.items()]
    app = Starlette(
        routes=[
            *files,
            Route("/live", _live(site, renderer)),
            Route("/do/{name}", _form(site, renderer), methods=["POST"]),
            Route("/healthz", lambda request: PlainTextResponse("ok\n")),
            Mount("/static", StaticFiles(directory=HERE / "static")),
            *pages,
        ],
        exception_handlers={404: lambda request, error: _problem(renderer, request, 404, "There is no such page.")},
    )
    app.router.redirect_slashes = False  # it would redirect to an absolute URL, which is wrong below a path of a proxy
    return Guard(app, site)


@final
class _Part(Convertor[str]):
    """A quoted name in a path. The guard leaves paths quoted, so that a name may contain a slash."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the name."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the name as a part of a path."""
        return quoted_part(value)


register_url_convertor("part", _Part())


def _quoted(path: str) -> str:
    """Return the path of a route whose parameters are quoted names, except for the index path of a task, which has no
    characters that are quoted."""
    return re.sub(r"\{(?!path\b)(\w+)\}", r"{\1:part}", path)


def root_of(path: str) -> str:
    """Return the relative URL of the site's top from a page: relative URLs work below any path of a proxy.

    Args:
        path: the path of the page as the browser has sent it: `%2F` is not a slash.
    """
    return "../" * (path.count("/") - 1) or "./"


def _address(request: Request) -> str:
    query = request.url.query
    return request.url.path.removeprefix("/") + (f"?{query}" if query else "")


_SHOWN: Final = (PageNotFound, BadAddress, FlowcError)
"""The errors whose message is the answer to a request."""


def _status(error: Exception) -> int:
    return 404 if isinstance(error, PageNotFound) else 400 if isinstance(error, BadAddress) else 500


def _page(function: PageFunction, site: Site, renderer: Renderer) -> Callable[[Request], Response]:
    def respond(request: Request) -> Response:
        try:
            with reporting_by(lambda line: None):  # the page shows what it cannot read
                page = function(site, request)
                html = renderer.text(page, root_of(request.url.path), _address(request))
        except _SHOWN as error:
            return _problem(renderer, request, _status(error), str(error))
        return HTMLResponse(html)

    return respond


def _form(site: Site, renderer: Renderer) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return await actions.send_form(site, request, renderer, root_of(request.url.path))
        except _SHOWN as error:
            return _problem(renderer, request, _status(error), str(error))

    return respond


def _file(
    function: Callable[[Site, Request, Renderer], Response], site: Site, renderer: Renderer
) -> Callable[[Request], Response]:
    def respond(request: Request) -> Response:
        try:
            with reporting_by(lambda line: None):
                return function(site, request, renderer)
        except _SHOWN as error:
            return PlainTextResponse(f"{error}\n", _status(error))

    return respond


def _problem(renderer: Renderer, request: Request, status: int, message: str) -> Response:
    page = SitePage(
        "problem.html", {"message": message, "status": status}, "Not found" if status == 404 else "Problem", True
    )
    return HTMLResponse(renderer.text(page, root_of(request.url.path), ""), status)


def _live(site: Site, renderer: Renderer) -> Callable[[Request], Response]:
    routes = [(Route(_quoted(path), _nothing), function) for path, function in PAGES.items()]

    def respond(request: Request) -> Response:
        """Stream the changes of the page whose path and query are in the parameter `page`."""
        path, _, query = request.query_params.get("page", "").partition("?")
        scope = {**request.scope, "path": f"/{path}", "query_string": query.encode(), "method": "GET"}
        for route, function in routes:
            match, more = route.matches(scope)
            if match is Match.FULL:
                return live.stream(_blocks(function, {**scope, **more}, f"/{path}", site, renderer))
        return PlainTextResponse("there is no such page\n", 404)

    return respond


def _blocks(
    function: PageFunction, scope: dict[str, object], path: str, site: Site, renderer: Renderer
) -> Callable[[], list[tuple[str, str]] | None]:
    ended = False

    def blocks() -> list[tuple[str, str]] | None:
        """Return the blocks of the page as they are now; None once they have been sent after the end."""
        nonlocal ended
        if ended:
            return None
        try:
            with reporting_by(lambda line: None):
                request = Request(scope)
                page = function(site, request)
                ended = page.lasting
                return [*renderer.blocks(page, root_of(path), _address(request))]
        except _SHOWN:
            return None

    return blocks


def _nothing(request: Request) -> Response:
    """Never called: this endpoint only lets a route match."""
    return Response()
