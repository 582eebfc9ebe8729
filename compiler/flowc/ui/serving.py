"""Runs the server of the page until it is interrupted."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import uvicorn

from flowc.ui.acting.action_processes import Actions
from flowc.ui.app import application
from flowc.ui.guard import LOOPBACK
from flowc.ui.listening import url_of
from flowc.ui.site import Site
from flowc_runtime.base.contract import UI_TOKEN

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from flowc_runtime.store.records.store import Store


def serve(
    store: Store,
    listening: socket.socket,
    *,
    public_url: str | None,
    path: str,
    idle: float | None,
    opens: bool,
    say: Callable[[str], None],
    acts: bool = False,
    fixed_token: str = "",
) -> None:
    """Serve the page until the process is interrupted.

    Args:
        store: the store whose runs the page shows.
        listening: the socket at which the server listens.
        public_url: the address at which browsers reach the page, if it is not the socket's, as behind a proxy.
        path: the path of the page that is opened, below the site's top.
        idle: the seconds without an open page after which the server ends; None for never.
        opens: whether to open the page in the user's browser.
        say: shows a line to the user.
        acts: whether readers may start actions. Their processes do not end with the server.
        fixed_token: the token that browsers need; it is not printed. If it is empty, a token is chosen and printed if
            other machines reach the page, or readers may start actions.
    """
    actions = Actions(Path.cwd()) if acts else None
    site = _site(store, listening, public_url, actions, fixed_token)
    url = (f"{public_url.rstrip('/')}/" if public_url else url_of(listening)) + path
    address = f"{url}?token={site.token}" if site.token else url
    watched = OpenRequests(application(site))
    config = uvicorn.Config(
        watched, log_level="warning", access_log=False, lifespan="off", server_header=False, timeout_graceful_shutdown=1
    )
    server = Server(config)

    def ready() -> None:
        shown = f"{url}?token=…, with the token of {UI_TOKEN}" if fixed_token else address
        say(f"The runs of {store.objects.url} are at {shown}")
        if public_url:
            say(f"The server itself is at {url_of(listening)}")
        if opens:
            webbrowser.open(address)

    async def main() -> None:
        ending = asyncio.create_task(watched.end_when_idle(server, idle)) if idle is not None else None
        await server.serve_and_tell(listening, ready)
        if ending is not None:
            ending.cancel()

    if actions is not None:
        # uvicorn ends in order, then it sends the signal to this process again, which would end before `finally`
        signal.signal(signal.SIGTERM, _leave)
    try:
        asyncio.run(main())
    finally:
        if actions is not None:
            actions.close()


def _site(
    store: Store, listening: socket.socket, public_url: str | None, actions: Actions | None, fixed_token: str
) -> Site:
    """Return the site for an address with its accepted names, and with a token if other users can reach the address."""
    local = listening.getsockname()[0] in LOOPBACK
    public = urlsplit(public_url) if public_url else None
    names = LOOPBACK | {(public.hostname or "").lower()} if public is not None else LOOPBACK
    # Other machines may use any name for this one; the token then shows that a request comes from the page. Actions run
    # code as this user, so other users of this machine need the token, too.
    chosen = "" if local and public is None and actions is None else secrets.token_urlsafe(24)
    return Site.of(
        store,
        prefix=public.path.rstrip("/") if public is not None else "",
        token=fixed_token or chosen,
        hosts=names if local or public is not None else frozenset(),
        actions=actions,
    )


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class Server(uvicorn.Server):
    """A server that tells when it answers requests and handles signals."""

    async def serve_and_tell(self, listening: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until a signal arrives.

        Args:
            listening: the socket.
            ready: called in a thread when the server answers requests; a browser may take long to start.
        """
        self._ready = ready
        await self.serve(sockets=[listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer requests."""
        await super().startup(sockets)
        self._telling = asyncio.get_running_loop().run_in_executor(None, self._ready)


class OpenRequests:
    """Counts the requests that are being answered, such as the streams of open pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0
        self._last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of ASGI."""
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            self._last = time.monotonic()

    async def end_when_idle(self, server: uvicorn.Server, seconds: float) -> None:
        """End the server when no page was open for this time."""
        while self._open or time.monotonic() - self._last < seconds:
            await asyncio.sleep(min(1.0, seconds))
        server.should_exit = True
