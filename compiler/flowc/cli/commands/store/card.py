"""`flowc card`: shows, prints and lists the cards of tasks of any flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import open_store, store_option
from flowc.cli.rendering.cards import Paths, add_reading_commands, newest, served_options
from flowc.cli.words.pathspecs import Pathspec, find_run
from flowc.cli.words.unknown import PathGroup
from flowc_ir.late import LateModule

if TYPE_CHECKING:
    from flowc.cli.rendering import card_server
else:
    card_server = LateModule("flowc.cli.rendering.card_server")  # an HTTP server, which only `card server` needs


@click.group("card", cls=PathGroup, help="Show the cards of tasks. RUN may be `latest`.")
def card_command() -> None:
    """Define the command group `flowc card`."""


def _find(pathspec: str, store_url: str | None) -> Pathspec:
    """Return the run, step and task that a pathspec names; FLOW alone names the flow's newest run."""
    store, inner = open_store(store_url), pathspec.strip("/")
    if inner and "/" not in inner:
        inner = f"{inner}/{newest(store, inner)}"
    return find_run(store, inner)


add_reading_commands(
    card_command, Paths("FLOW/RUN/STEP[/TASK]", "FLOW[/RUN[/STEP[/TASK]]]", _find, options=[store_option])
)


@card_command.command("server", help="Show the cards of FLOW's newest run in the browser, or of FLOW/RUN, live.")
@click.argument("pathspec", metavar="FLOW[/RUN]")
@served_options
@store_option
def server_command(pathspec: str, port: int, poll_interval: int, max_cards: int, store_url: str | None) -> None:
    """Serve a web page with the cards of a run."""
    flow, _, run = pathspec.strip("/").partition("/")
    if not flow or "/" in run:
        raise click.UsageError(f"'{pathspec}' is neither FLOW nor FLOW/RUN; the page shows the cards of all steps")
    store = open_store(store_url)
    if run and run != "latest":
        run = find_run(store, f"{flow}/{run}").run.id
    elif not store.runs(flow):
        click.echo(f"note: flow '{flow}' has no run in {store.objects.url} yet", err=True)
    shown = card_server.ServedCards(
        store, flow, run if run not in ("", "latest") else None, None, max_cards, poll_interval
    )
    card_server.serve(shown, port, lambda text: click.echo(text, err=True))
