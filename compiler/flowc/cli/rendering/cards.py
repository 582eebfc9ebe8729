"""The shared part of `flowc card` and `python flow.py card`: finding, printing and opening cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import FAULTY, fail, table, writing
from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import RecordError
from flowc_runtime.base.index import task_pathspec
from flowc_runtime.store.records import unreadable
from metaflow import client
from metaflow.exception import MetaflowNotFound
from metaflow.plugins.cards._store import steps_with_cards
from metaflow.plugins.cards.card_client import get_cards
from metaflow.plugins.cards.exception import CardNotPresentException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc.cli.options.adding import Command, OptionDecorator
    from flowc.cli.words.pathspecs import Pathspec
    from flowc_runtime.store.records.store import Store
    from metaflow.plugins.cards.card_client import Card


class Wanted(NamedTuple):
    """The values of the options that select cards. `hash` is a hash, or at least the first five characters of a
    hash."""

    hash: str | None
    type: str | None
    id: str | None
    follow: bool

    def missing(self) -> str:
        """Return the same error message as Metaflow, such as `Card with type 'x' not found`."""
        given = [f"{name} '{value}'" for name, value in zip(self._fields, self, strict=True) if isinstance(value, str)]
        return f"Card with {' and '.join(given)} not found" if given else "Card not found"


_WANTED = (
    click.option("--hash", metavar="HASH", help="Only the card whose hash begins with HASH, at least five characters."),
    click.option("--type", metavar="TYPE", help="Only cards of this type."),
    click.option("--id", metavar="ID", help="Only cards of this id."),
    click.option("--follow-resumed/--no-follow-resumed", "follow", default=True,
                 help="Use the cards of the original task if a resumed run has reused the task [default]."),
)  # fmt: skip
_SERVED = (
    click.option("--port", type=click.IntRange(0, 65535), default=8324, show_default=True,
                 help="Listen on this port; 0 chooses a free port."),
    click.option("--poll-interval", type=click.IntRange(1), default=5, show_default=True, metavar="SECONDS",
                 help="Look for changes at this interval."),
    click.option("--max-cards", type=click.IntRange(1), default=30, show_default=True,
                 help="Show at most this number of cards."),
)  # fmt: skip


def served_options(function: Command) -> Command:
    """Add the options of the card server to a command."""
    return _with(_SERVED, function)


def _with(options: Sequence[OptionDecorator], function: Command) -> Command:
    for option in reversed(options):
        function = option(function)
    return function


class Paths(NamedTuple):
    """The notation for tasks on a command line: its text in the help, and a function `find` that returns the task.

    The function `find` also gets the values of the options in the field `options`.
    """

    words: str
    words_of_list: str
    find: Callable[..., Pathspec]
    options: Sequence[OptionDecorator] = ()


def add_reading_commands(group: click.Group, paths: Paths) -> None:
    """Add the commands `view`, `get`, `list` and `create` to a group; `create` only prints an error.

    Args:
        group: the group `card` of `flowc` or of `python flow.py`.
        paths: the notation for tasks on this command line.
    """

    def taken(options: dict[str, object]) -> Wanted:
        return Wanted._make(options.pop(name) for name in Wanted._fields)

    def view(pathspec: str, **options: object) -> None:
        wanted = taken(options)
        if not find_card(paths.find(pathspec, **options), wanted).view():
            raise SystemExit(FAULTY)

    def get(pathspec: str, path: str | None, **options: object) -> None:
        wanted = taken(options)
        write_card(find_card(paths.find(pathspec, **options), wanted), path)

    def list_(pathspec: str | None, as_json: bool, file: str | None, **options: object) -> None:
        wanted = taken(options)
        list_cards(find_cards(paths.find(pathspec, **options), wanted), as_json=as_json, file=file)

    where = click.argument("pathspec", metavar=paths.words)
    options = [*_WANTED, *paths.options]
    listed = (
        click.argument("pathspec", metavar=paths.words_of_list, required=not paths.words_of_list.startswith("[")),
        *_WANTED,
        click.option("--as-json", "--json", is_flag=True, help="Print JSON."),
        click.option("--file", metavar="FILE", help="Write the list to FILE."),
        *paths.options,
    )
    target = click.argument("path", required=False)
    add = group.command
    add("view", help="Open a card in the browser.")(_with([where, *options], view))
    add("get", help="Print the HTML of a card, or write it to PATH.")(_with([where, target, *options], get))
    add("list", help="List the cards of a task, a step or a run.")(_with(listed, list_))
    add("create", hidden=True, context_settings=LENIENT)(_with([_ANY], refuse_create))


LENIENT = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
_ANY = click.argument("words", nargs=-1, type=click.UNPROCESSED)


def refuse_create(words: tuple[str, ...]) -> None:
    """Print an error for `card create`, a command that Metaflow's tasks use to make cards."""
    fail(
        "flowc has no command 'card create': a task makes its cards itself, while it runs",
        "write @card above the step; spin STEP --persist makes a card again, from the step's earlier inputs",
    )


def find_cards(place: Pathspec, wanted: Wanted) -> dict[str, list[Card]]:
    """Return the selected cards of a task, a step or a run, by the pathspec of the task.

    Args:
        place: the run, step and task.
        wanted: the values of the options that select cards.

    Raises:
        SystemExit: no card matches the options; the error is printed.
    """
    client.metadata(place.run.objects.url)
    client.namespace(None)
    found: dict[str, list[Card]] = {}
    for pathspec in _tasks(place):
        try:
            cards = get_cards(pathspec, wanted.id, wanted.type, wanted.follow)
        except (CardNotPresentException, MetaflowNotFound):  # the task has no cards, or has not stored an object yet
            continue
        except RecordError as error:
            unreadable.tell(error)
            continue
        if chosen := [card for card in cards if _has_hash(card, wanted.hash)]:
            found[pathspec] = chosen
    if not found:
        fail(f"Card not found in datastore: {wanted.missing()} for pathspec {_pathspec(place)}", _advice(place, wanted))
    return found


def _tasks(place: Pathspec) -> Iterator[str]:
    """Yield the pathspecs of the tasks of a run, a step or a task, in the order of the flow's steps."""
    run, step, path = place
    for name in steps_with_cards(run) if step is None else [step]:
        for task in run.paths(name) if path is None else [path]:
            yield task_pathspec(run.flow, run.id, name, path=task)


def _advice(place: Pathspec, wanted: Wanted) -> str:
    """Return the hint of the error that no card was found."""
    steps = steps_with_cards(place.run)
    if place.step in steps:
        command, what = (
            ("card list", "lists its cards")
            if any((wanted.hash, wanted.type, wanted.id))
            else ("logs", "shows the errors about them")
        )
        return f"flowc {command} {_pathspec(place)} {what}"
    others = f"; steps with cards: {', '.join(steps)}" if steps else ""
    return f"write @card above {'the' if place.step else 'a'} step{others}"


def _pathspec(place: Pathspec) -> str:
    run, step, path = place
    if step is not None and path is None and len(paths := run.paths(step)) == 1:
        (path,) = paths
    if step is not None and path is not None:
        return task_pathspec(run.flow, run.id, step, path=path)
    return "/".join(part for part in (run.flow, run.id, step) if part)


def _has_hash(card: Card, wanted: str | None) -> bool:
    return wanted is None or card.hash == wanted or (len(wanted) >= 5 and card.hash.startswith(wanted))


def find_card(place: Pathspec, wanted: Wanted) -> Card:
    """Return the selected card of a task.

    If several cards match, return the default card, or the first if there is no default card, and print a note.

    Args:
        place: the run, step and task.
        wanted: the values of the options that select cards.

    Raises:
        SystemExit: no card matches the options, or cards of several tasks match; the error is printed.
    """
    found = find_cards(place, wanted)
    if len(found) > 1:
        fail(f"{len(found)} tasks have such cards", f"name one: {', '.join(list(found)[:5])}")
    (cards,) = found.values()
    card = next((card for card in cards if card.type == "default"), cards[0])
    if len(cards) > 1:
        click.echo(
            f"there are {len(cards)} such cards, this is {_named(card)}; choose one with --type, --id or --hash",
            err=True,
        )
    return card


def _named(card: Card) -> str:
    return f"'{card.type}'{f' with id {card.id!r}' if card.id else ''}, {card.hash[:8]}"


def write_card(card: Card, file: str | None) -> None:
    """Write a card's HTML in UTF-8.

    Args:
        card: the card.
        file: the file to write, or None for stdout.

    Raises:
        FlowcError: the file cannot be written.
    """
    html = card.get()
    if file is None:
        click.echo(html.encode())  # UTF-8 is the encoding that the HTML declares
        return
    _write(file, html)
    click.echo(f"Card saved to {file}", err=True)


def _write(file: str, text: str) -> None:
    with writing(file), open(file, "w", encoding="utf-8") as out:
        out.write(text)


def list_cards(by_task: dict[str, list[Card]], *, as_json: bool, file: str | None) -> None:
    """Print the cards, or write them to a file.

    Args:
        by_task: the cards, by the pathspec of the task.
        as_json: whether to print JSON. For one task, this is an object with the keys `pathspec` and `cards`; for
            several tasks, it is a list with one of these objects per task. Each card has `id`, `hash`, `type` and
            `filename`.
        file: the file to write, or None for stdout.

    Raises:
        FlowcError: the file cannot be written.
    """
    told = [{"pathspec": pathspec, "cards": [_entry(card) for card in cards]} for pathspec, cards in by_task.items()]
    if as_json:
        text = json_text.shown(told[0] if len(told) == 1 else told, indent=4)
    elif file is None:
        rows = [["task", "type", "id", "hash"]]
        rows += [[task, card.type, card.id or "", card.hash] for task, cards in by_task.items() for card in cards]
        table(rows)
        return
    else:
        text = "\n".join(f"{task} {_entry(card)['filename']}" for task, cards in by_task.items() for card in cards)
    if file is None:
        click.echo(text)
        return
    _write(file, f"{text}\n")


def _entry(card: Card) -> dict[str, object]:
    return {"id": card.id, "hash": card.hash, "type": card.type, "filename": card.path.rpartition("/")[2]}


def newest(store: Store, flow: str) -> str:
    """Return the id of a flow's newest run.

    Raises:
        SystemExit: the flow has no run; the error is printed.
    """
    runs = store.runs(flow)
    if not runs:
        fail(f"no run of a flow '{flow}' in {store.objects.url}", "run it first")
    return runs[-1]
