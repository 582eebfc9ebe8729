"""`card` of a flow's own file: paths without the flow's name, and Metaflow's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.cards import Wanted, card_options, find_card, find_cards, list_cards, newest, show
from flowc.cli.common import fail, find_run, open_store
from flowc.cli.flow_file import flow_name, tell

if TYPE_CHECKING:
    from flowc.cli.common import Pathspec
    from metaflow.plugins.cards.card_client import Card

_PATH = "[RUN/]STEP[/TASK]"


@click.group("card", help="Show the cards of tasks.")
def card_command() -> None:
    """Group the commands about cards."""


@card_command.command("view", help="Open a card in the browser.")
@click.argument("pathspec", metavar=_PATH)
@card_options
@click.pass_context
def view_command(
    ctx: click.Context, pathspec: str, hash_: str | None, type_: str | None, id_: str | None, follow_resumed: bool
) -> None:
    """Open a card."""
    find_card(_find(ctx, pathspec), Wanted(hash_, type_, id_, follow_resumed)).view()


@card_command.command("get", help="Print the HTML of a card, or write it to PATH.")
@click.argument("pathspec", metavar=_PATH)
@click.argument("path", required=False)
@card_options
@click.pass_context
def get_command(
    ctx: click.Context,
    pathspec: str,
    path: str | None,
    hash_: str | None,
    type_: str | None,
    id_: str | None,
    follow_resumed: bool,
) -> None:
    """Print a card."""
    show(find_card(_find(ctx, pathspec), Wanted(hash_, type_, id_, follow_resumed)), path)


@card_command.command("list", help="List the cards of a task or a step [default: of the newest run].")
@click.argument("pathspec", metavar=_PATH, required=False)
@card_options
@click.option("--as-json", "--json", is_flag=True, help="As JSON.")
@click.option("--file", metavar="FILE", help="Write the list to FILE.")
@click.pass_context
def list_command(
    ctx: click.Context,
    pathspec: str | None,
    hash_: str | None,
    type_: str | None,
    id_: str | None,
    follow_resumed: bool,
    as_json: bool,
    file: str | None,
) -> None:
    """List cards."""
    wanted = Wanted(hash_, type_, id_, follow_resumed)
    if pathspec is not None:
        list_cards(find_cards(_find(ctx, pathspec), wanted), as_json=as_json, file=file)
        return
    name, store = flow_name(ctx), open_store(None)
    run = store.run(name, newest(store.runs(name), name))
    steps = [step for step in run.steps() if run.has_cards(step)]
    if not steps:
        fail(f"Card not found for pathspec {name}/{run.id}", "write @card above a step")
    found: dict[str, list[Card]] = {}
    for step in steps:
        found |= find_cards(find_run(store, f"{name}/{run.id}/{step}"), wanted)
    list_cards(found, as_json=as_json, file=file)


@card_command.command("server", help="Show the cards of a run in the browser, live while it goes on.")
@click.option("--run-id", metavar="RUN", help="The run [default: the newest, whichever that is].")
@click.option("--port", type=click.IntRange(0, 65535), default=8324, show_default=True, help="0: any that is free.")
@click.option("--namespace", metavar="TAG", help="Only runs with this tag, such as user:NAME.")
@click.option("--poll-interval", type=click.IntRange(1), default=5, show_default=True, metavar="SECONDS",
              help="How often the page asks for what is new.")  # fmt: skip
@click.option("--max-cards", type=click.IntRange(1), default=30, show_default=True, help="At most so many.")
@click.pass_context
def server_command(
    ctx: click.Context, run_id: str | None, port: int, namespace: str | None, poll_interval: int, max_cards: int
) -> None:
    """Serve cards."""
    from flowc.cli.card_server import Shown, serve

    name, store = flow_name(ctx), open_store(None)
    if run_id is not None:
        find_run(store, f"{name}/{run_id}")
    serve(Shown(store, name, run_id, namespace, max_cards, poll_interval), port, tell)


def _find(ctx: click.Context, pathspec: str) -> Pathspec:
    """The step or task of a path, in the newest run if it names none; the flow's name may come first."""
    name, store = flow_name(ctx), open_store(None)
    inner = pathspec.strip("/").removeprefix(f"{name}/")
    if "/" not in inner:
        inner = f"{newest(store.runs(name), name)}/{inner}"
    if inner.count("/") > 2:
        fail(f"not a path: {pathspec!r}", "give STEP, RUN/STEP or RUN/STEP/TASK")
    return find_run(store, f"{name}/{inner}", least=3)
