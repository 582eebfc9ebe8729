"""`flowc ui`: opens the page that shows runs, in a browser."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from flowc.cli.options.common import FAULTY, fail, open_store, require_page, store_option
from flowc.ui.listening import DEFAULT_HOST, DEFAULT_PORT, bind
from flowc_ir.late import LateModule

if TYPE_CHECKING:
    from flowc.ui import serving
else:
    serving = LateModule("flowc.ui.serving")  # a web server, which only this command needs


@click.command("ui", help="Open the page that shows the runs of the store, in the browser.")
@click.option("--host", default=DEFAULT_HOST, show_default=True, metavar="ADDRESS",
              help="Listen at this address; 0.0.0.0 or :: for all. Other machines then need the printed token.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N",
              help=f"Listen at this port; 0 selects a free one [default: {DEFAULT_PORT}, or a free one].")
@click.option("--public-url", metavar="URL", help="The address at which browsers reach the page through a proxy.")
@click.option("--no-open", is_flag=True, help="Open no browser; only print the address.")
@click.option("--idle", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="End the server after this time without an open page.")
@click.option("--path", default="", hidden=True, help="The path of the page that is opened.")
@click.option("--inherited", type=int, hidden=True, help="The descriptor of a socket that listens already.")
@store_option
def ui_command(
    host: str,
    port: int | None,
    public_url: str | None,
    no_open: bool,
    idle: float | None,
    path: str,
    inherited: int | None,
    store_url: str | None,
) -> None:  # fmt: skip
    """Serve the page until Ctrl-C."""
    if public_url is not None:
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError(
                f"--public-url is an address such as https://flows.example.org/runs, not '{public_url}'"
            )
    require_page()
    store = open_store(store_url)
    try:
        listening = socket.socket(fileno=inherited) if inherited is not None else bind(host, port)
    except OSError as error:
        fail(f"cannot listen at {host}, port {port}: {error.strerror}", "--port 0 selects a free port", code=FAULTY)
    with listening:
        serving.serve(
            store,
            listening,
            public_url=public_url,
            path=path,
            idle=idle,
            opens=not no_open,
            say=lambda text: click.echo(text, err=True),
        )
