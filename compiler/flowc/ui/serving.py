"""Runs the server of the page until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import webbrowser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from flowc.ui.app import application
from flowc.ui.guard import LOOPBACK
from flowc.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.records.store import Store


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 selects a free port.

    Raises:
        OSError: the address cannot be used, for example because another program listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def serve(
    store: Store, listening: socket.socket, *, public_url: str | None, opens: bool, say: Callable[[str], None]
) -> None:
    """Serve the page until the process is interrupted.

    Args:
        store: the store whose runs the page shows.
        listening: the socket at which the server listens.
        public_url: the address at which browsers reach the page, if it is not the socket's, as behind a proxy.
        opens: whether to open the page in the user's browser.
        say: shows a line to the user.
    """
    host, port = listening.getsockname()[:2]
    local = host in LOOPBACK
    shown = f"[{host}]" if ":" in host else host
    public = urlsplit(public_url) if public_url else None
    prefix = public.path.rstrip("/") if public is not None else ""
    names = LOOPBACK | {(public.hostname or "").lower()} if public is not None else LOOPBACK
    # Other machines may use any name for this one; the token then shows that a request comes from the page.
    token = "" if local and public is None else secrets.token_urlsafe(24)
    site = Site.of(store, prefix=prefix, token=token, hosts=names if local or public is not None else frozenset())
    url = f"{public_url.rstrip('/')}/" if public_url else f"http://{shown}:{port}/"
    address = f"{url}?token={token}" if token else url
    server = uvicorn.Server(
        uvicorn.Config(
            application(site),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    say(f"The runs of {store.objects.url} are at {address}")
    if public_url:
        say(f"The server itself is at http://{shown}:{port}/")
    say("Ctrl-C ends the server.")
    if opens:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):  # the usual end; the server has closed its connections
        asyncio.run(server.serve(sockets=[listening]))
