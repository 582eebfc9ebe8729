"""`flowc card`: the cards of any flow's tasks."""

from __future__ import annotations

import click

from flowc.cli.cards import Wanted, card_options, find_card, find_cards, list_cards, show
from flowc.cli.common import find_run, open_store, store_option

_PATH = "FLOW/RUN/STEP[/TASK]"


@click.group("card", help="Show the cards of tasks. RUN may be `latest`.")
def card_command() -> None:
    """Group the commands about cards."""


@card_command.command("view", help="Open a card in the browser.")
@click.argument("pathspec", metavar=_PATH)
@card_options
@store_option
def view_command(
    pathspec: str, hash_: str | None, type_: str | None, id_: str | None, follow_resumed: bool, store_url: str | None
) -> None:
    """Open a card."""
    place = find_run(open_store(store_url), pathspec, least=3)
    find_card(place, Wanted(hash_, type_, id_, follow_resumed)).view()


@card_command.command("get", help="Print the HTML of a card, or write it to PATH.")
@click.argument("pathspec", metavar=_PATH)
@click.argument("path", required=False)
@card_options
@store_option
def get_command(
    pathspec: str,
    path: str | None,
    hash_: str | None,
    type_: str | None,
    id_: str | None,
    follow_resumed: bool,
    store_url: str | None,
) -> None:
    """Print a card."""
    place = find_run(open_store(store_url), pathspec, least=3)
    show(find_card(place, Wanted(hash_, type_, id_, follow_resumed)), path)


@card_command.command("list", help="List the cards of a task or a step.")
@click.argument("pathspec", metavar=_PATH)
@card_options
@click.option("--as-json", "--json", is_flag=True, help="Print JSON.")
@click.option("--file", metavar="FILE", help="Write the list to FILE.")
@store_option
def list_command(
    pathspec: str,
    hash_: str | None,
    type_: str | None,
    id_: str | None,
    follow_resumed: bool,
    as_json: bool,
    file: str | None,
    store_url: str | None,
) -> None:
    """List cards."""
    place = find_run(open_store(store_url), pathspec, least=3)
    list_cards(find_cards(place, Wanted(hash_, type_, id_, follow_resumed)), as_json=as_json, file=file)


@card_command.command("server", help="Show the cards of FLOW's newest run in the browser, or of FLOW/RUN, live.")
@click.argument("pathspec", metavar="FLOW[/RUN]")
@click.option("--port", type=click.IntRange(0, 65535), default=8324, show_default=True, help="0: any that is free.")
@click.option("--poll-interval", type=click.IntRange(1), default=5, show_default=True, metavar="SECONDS",
              help="How often the page asks for what is new.")  # fmt: skip
@click.option("--max-cards", type=click.IntRange(1), default=30, show_default=True, help="At most so many.")
@store_option
def server_command(pathspec: str, port: int, poll_interval: int, max_cards: int, store_url: str | None) -> None:
    """Serve cards."""
    from flowc.cli.card_server import Shown, serve

    store = open_store(store_url)
    flow, _, run = pathspec.partition("/")
    if run:
        run = find_run(store, pathspec).run.id
    serve(
        Shown(store, flow, run or None, None, max_cards, poll_interval), port, lambda text: click.echo(text, err=True)
    )
