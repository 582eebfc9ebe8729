"""`python flow.py card`: accepts paths without the flow's name, and has Metaflow's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.flow_file.common import tell
from flowc.cli.options.common import fail, open_store
from flowc.cli.rendering.cards import Paths, add_reading_commands, newest, served_options
from flowc.cli.words.pathspecs import Pathspec, find_run, flow_name
from flowc.cli.words.unknown import PathGroup
from flowc_ir.late import LateModule

if TYPE_CHECKING:
    from flowc.cli.rendering import card_server
else:
    card_server = LateModule("flowc.cli.rendering.card_server")  # an HTTP server, which only `card server` needs


@click.group("card", cls=PathGroup, help="Show the cards of tasks.")
def card_command() -> None:
    """Define the command group `python flow.py card`."""


def _find(pathspec: str | None) -> Pathspec:
    """Return the run, step and task that the path [RUN/]STEP[/TASK] names. If the path is None, return the whole newest
    run. Without RUN, the newest run is used. The flow's name may precede the path.
    """
    name, store = flow_name(click.get_current_context()), open_store(None)
    if pathspec is None:
        return find_run(store, f"{name}/{newest(store, name)}")
    inner = pathspec.strip("/").removeprefix(f"{name}/")
    first, slash, more = inner.partition("/")
    if not slash or ("/" not in more and first != "latest" and not store.run(name, first).exists()):
        inner = f"{newest(store, name)}/{inner}"
    if inner.count("/") > 2:
        fail(f"not a path: {pathspec!r}", "give STEP, STEP/TASK, RUN/STEP or RUN/STEP/TASK")
    return find_run(store, f"{name}/{inner}", least=3)


add_reading_commands(card_command, Paths("[RUN/]STEP[/TASK]", "[[RUN/]STEP[/TASK]]", _find))


@card_command.command("server", help="Show the cards of a run in the browser, live.")
@click.option("--run-id", metavar="RUN", help="The run [default: always the newest].")
@click.option("--namespace", metavar="TAG", help="Show only runs with this tag, such as user:NAME.")
@served_options
@click.pass_context
def server_command(
    ctx: click.Context, run_id: str | None, namespace: str | None, port: int, poll_interval: int, max_cards: int
) -> None:
    """Serve a web page with the cards of a run."""
    name, store = flow_name(ctx), open_store(None)
    if run_id is not None:
        run_id = find_run(store, f"{name}/{run_id}").run.id
    card_server.serve(card_server.ServedCards(store, name, run_id, namespace, max_cards, poll_interval), port, tell)
