"""`flowc ui`: opens the page that shows runs, in a browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from flowc.cli.options.common import FAULTY, fail, open_store, store_option
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.contract import UI_TOKEN

if TYPE_CHECKING:
    from flowc.ui import serving
else:
    serving = LateModule("flowc.ui.serving")  # a web server, which only this command needs

DEFAULT_PORT = 8325
_TOKEN = late_pattern(r"[A-Za-z0-9_-]{16,}")


@click.command("ui", help="Open the page that shows the runs of the store, in the browser.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Listen at this address; 0.0.0.0 or :: for all. Other machines then need the printed token, "
    f"or that of {UI_TOKEN}.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help=f"Listen at this port; 0 selects a free one [default: {DEFAULT_PORT}, or a free one].",
)
@click.option("--public-url", metavar="URL", help="The address at which browsers reach the page through a proxy.")
@click.option("--no-open", is_flag=True, help="Open no browser; only print the address.")
@click.option(
    "--allow-actions", is_flag=True, help="Let everybody who reaches the page start, resume, stop, tag and delete runs."
)
@store_option
def ui_command(
    host: str, port: int | None, public_url: str | None, no_open: bool, allow_actions: bool, store_url: str | None
) -> None:
    """Serve the page until Ctrl-C."""
    if public_url is not None and (
        urlsplit(public_url).scheme not in ("http", "https") or not urlsplit(public_url).hostname
    ):
        raise click.UsageError(f"--public-url is an address such as https://flows.example.org/runs, not '{public_url}'")
    token = os.environ.get(UI_TOKEN, "")
    if token and not _TOKEN.fullmatch(token):
        raise click.UsageError(
            f"{UI_TOKEN} needs at least 16 letters, digits, '-' and '_': "
            "python -c 'import secrets; print(secrets.token_urlsafe())' prints such a token"
        )
    store = open_store(store_url)
    try:
        bind = serving.bind
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe", "starlette", "uvicorn"):
            raise
        fail(
            f"the page needs the package '{error.name}', which is not installed", "pip install 'flowc[ui]'", code=FAULTY
        )
    try:
        listening = bind(host, DEFAULT_PORT if port is None else port)
    except OSError as error:
        if port is not None:
            fail(f"cannot listen at {host}, port {port}: {error.strerror}", "--port 0 selects a free port", code=FAULTY)
        listening = bind(host, 0)
    with listening:
        serving.serve(
            store,
            listening,
            public_url=public_url,
            opens=not no_open,
            say=lambda text: click.echo(text, err=True),
            acts=allow_actions,
            fixed_token=token,
        )
