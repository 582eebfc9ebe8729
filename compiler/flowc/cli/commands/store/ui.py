"""`flowc ui`: opens the page that shows runs, in a browser."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from flowc.cli.options.common import FAULTY, fail, open_store, require_page, store_option, writing
from flowc.cli.words.pathspecs import find_run
from flowc.ui.listening import DEFAULT_HOST, DEFAULT_PORT, bind
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.contract import UI_TOKEN
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.ended.ended_runs import with_pack

if TYPE_CHECKING:
    from flowc.ui import exporting, serving
    from flowc_runtime.store.records.store import Store
else:
    serving = LateModule("flowc.ui.serving")  # a web server, which only this command needs
    exporting = LateModule("flowc.ui.exporting")

_TOKEN = late_pattern(r"[A-Za-z0-9_-]{16,}")


@click.command("ui", help="Open the page that shows the runs of the store, in the browser.")
@click.option(
    "--host",
    default=DEFAULT_HOST,
    show_default=True,
    metavar="ADDRESS",
    help="Listen at this address; 0.0.0.0 or :: for all. Other machines then need the printed token, or that "
    f"of {UI_TOKEN}.",
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
    "--allow-actions",
    is_flag=True,
    help="Let everybody who has the printed token start, resume, stop, tag and delete runs.",
)
@click.option(
    "--idle",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End the server after this time without an open page.",
)
@click.option("--opens", "path", default="", hidden=True, help="The path of the page that is opened.")
@click.option("--inherited", type=int, hidden=True, help="The descriptor of a socket that listens already.")
@click.option(
    "--export",
    "exported",
    nargs=2,
    metavar="FLOW/RUN FILE",
    help="Write the run as one HTML file that needs no server, and end; - for stdout.",
)
@store_option
@click.pass_context
def ui_command(
    ctx: click.Context,
    /,
    host: str,
    port: int | None,
    public_url: str | None,
    no_open: bool,
    allow_actions: bool,
    idle: float | None,
    path: str,
    inherited: int | None,
    exported: tuple[str, str] | None,
    store_url: str | None,
) -> None:  # fmt: skip
    """Serve the page until Ctrl-C, or export a run."""
    if exported is not None:
        _export(ctx, open_store(store_url), *exported)
        return
    if public_url is not None:
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError(
                f"--public-url is an address such as https://flows.example.org/runs, not '{public_url}'"
            )
    token = os.environ.get(UI_TOKEN, "")
    if token and not _TOKEN.fullmatch(token):
        raise click.UsageError(
            f"{UI_TOKEN} needs at least 16 letters, digits, '-' and '_': "
            "python -c 'import secrets; print(secrets.token_urlsafe())' prints such a token"
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
            acts=allow_actions,
            fixed_token=token,
        )


def _export(ctx: click.Context, store: Store, pathspec: str, file: str) -> None:
    """Write a run to a file, or to stdout.

    Raises:
        click.UsageError: an option for the server is given, or the pathspec names more than a run.
        SystemExit: the run does not exist; the error is printed.
        FlowcError: the file cannot be written.
    """
    for option in ctx.command.params:
        given = option.name and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        if given and option.name not in ("exported", "store_url"):
            raise click.UsageError(f"--export writes a file and starts no server: leave out {option.opts[0]}")
    run, step, _ = find_run(store, pathspec)
    if step is not None:
        raise click.UsageError(f"--export writes a whole run: give FLOW/RUN, not '{pathspec}'")
    view = RunView.of(with_pack(run)).begun()
    require_page()
    content = exporting.export_run(view).encode("utf-8", "replace")
    if file == "-":
        sys.stdout.buffer.write(content)
        return
    with writing(file):
        exporting.write_file(file, content)
    click.echo(f"{file}: {len(content):,} bytes; open it in a browser", err=True)
