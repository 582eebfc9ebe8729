"""What `flowc card` and `card` of a flow's file share: finding cards, printing and opening them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from flowc.cli.common import fail, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.cli.common import Pathspec
    from metaflow.plugins.cards.card_client import Card

    Command = TypeVar("Command", bound=Callable[..., Any])


class Wanted(NamedTuple):
    """Which cards are meant; `hash` may be its first characters, at least five."""

    hash: str | None
    type: str | None
    id: str | None
    follow: bool

    def told(self) -> str:
        """For messages: ` with type 'x'`."""
        given = [f"{name} '{value}'" for name, value in zip(self._fields, self, strict=True) if isinstance(value, str)]
        return f" with {' and '.join(given)}" if given else ""


def card_options(function: Command) -> Command:
    """The options that say which card."""
    options = (
        click.option("--hash", "hash_", metavar="HASH", help="The card of this hash, or of its first five characters."),
        click.option("--type", "type_", metavar="TYPE", help="Cards of this type."),
        click.option("--id", "id_", metavar="ID", help="Cards of this id."),
        click.option("--follow-resumed/--no-follow-resumed", default=True,
                     help="The cards of the task that a resumed run has taken over [default]."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def find_cards(place: Pathspec, wanted: Wanted) -> dict[str, list[Card]]:
    """The cards of a task or of all tasks of a step, by the tasks' pathspecs. None at all ends the program."""
    from metaflow import client
    from metaflow.exception import MetaflowNotFound
    from metaflow.plugins.cards.card_client import get_cards
    from metaflow.plugins.cards.exception import CardNotPresentException

    client.metadata(place.run.objects.url)
    client.namespace(None)
    assert place.step is not None
    tasks = [place.path] if place.path is not None else list(place.run.attempts(place.step))
    found: dict[str, list[Card]] = {}
    for task in tasks:
        pathspec = f"{place.run.flow}/{place.run.id}/{place.step}/{task}"
        try:
            cards = get_cards(pathspec, wanted.id, wanted.type, wanted.follow)
        except (CardNotPresentException, MetaflowNotFound):  # none, or the task has only just begun
            continue
        if chosen := [card for card in cards if _has_hash(card, wanted.hash)]:
            found[pathspec] = chosen
    if not found:
        pathspec = "/".join(part for part in (place.run.flow, place.run.id, place.step, place.path) if part)
        fail(f"Card not found for pathspec {pathspec}{wanted.told()}", "write @card above the step")
    return found


def _has_hash(card: Card, wanted: str | None) -> bool:
    return wanted is None or card.hash == wanted or (len(wanted) >= 5 and card.hash.startswith(wanted))


def find_card(place: Pathspec, wanted: Wanted) -> Card:
    """The card that is meant: of several of a task its default card, which is said. Several tasks end the program."""
    found = find_cards(place, wanted)
    if len(found) > 1:
        fail(f"{len(found)} tasks of the step have such cards", f"name one: {', '.join(list(found)[:5])}")
    (cards,) = found.values()
    card = next((card for card in cards if card.type == "default"), cards[0])
    if len(cards) > 1:
        click.echo(
            f"there are {len(cards)} such cards, this is {_named(card)}; --type, --id and --hash choose", err=True
        )
    return card


def _named(card: Card) -> str:
    return f"'{card.type}'{f' with id {card.id!r}' if card.id else ''}, {card.hash[:8]}"


def show(card: Card, file: str | None) -> None:
    """The HTML, to stdout or to a file."""
    if file is None:
        click.echo(card.get())
        return
    with open(file, "w", encoding="utf-8") as out:
        out.write(card.get())
    click.echo(f"Card saved to {file}", err=True)


def list_cards(found: dict[str, list[Card]], *, as_json: bool, file: str | None) -> None:
    """All that were found; as JSON an object, or a list of objects where there are several tasks."""
    told = [{"pathspec": pathspec, "cards": [_entry(card) for card in cards]} for pathspec, cards in found.items()]
    if as_json:
        text = json.dumps(told[0] if len(told) == 1 else told, indent=4)
    elif file is None:
        rows = [["task", "type", "id", "hash"]]
        rows += [[task, card.type, card.id or "", card.hash] for task, cards in found.items() for card in cards]
        table(rows)
        return
    else:
        text = "\n".join(f"{task} {_entry(card)['filename']}" for task, cards in found.items() for card in cards)
    if file is None:
        click.echo(text)
        return
    with open(file, "w", encoding="utf-8") as out:
        out.write(text + "\n")


def _entry(card: Card) -> dict[str, Any]:
    return {"id": card.id, "hash": card.hash, "type": card.type, "filename": card.path.rpartition("/")[2]}


def newest(runs: Sequence[str], flow: str) -> str:
    """The newest run; none at all ends the program."""
    if not runs:
        fail(f"no run of a flow '{flow}'", "run it first")
    return runs[-1]
