"""`flowc tag`: changes and lists tags of runs (docs/adr/0007-tags.md). `python flow.py tag` also uses the functions of
this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, open_store, store_option
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.unknown import PathGroup
from flowc_ir import json_text
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowc_runtime.store.records.run_store import RunStore


def add(run: RunStore, tags: Collection[str]) -> None:
    """Tag a run.

    Raises:
        SystemExit: a tag is invalid, `tags` is empty, or the store cannot be written; the error is printed.
    """
    change(run, add=tags, remove=())


def change(run: RunStore, *, add: Collection[str], remove: Collection[str]) -> None:
    """Add and remove tags of a run. A tag that is in both `add` and `remove` is kept.

    Tags are added before others are removed, so that every reader sees at least the old or the new tags.

    Args:
        run: the run.
        add: the tags to add; a note is printed for system tags, which the run already has.
        remove: the tags to remove.

    Raises:
        SystemExit: a tag is invalid, a system tag is to be removed, or the store cannot be written; the error is
            printed.
    """
    try:
        if fixed := sorted(set(add) & run.system_tags()):
            click.echo(f"note: the run has these as system tags already: {', '.join(fixed)}", err=True)
        if fixed := sorted(set(remove) & run.system_tags()):
            fail(f"system tags cannot be removed: {', '.join(fixed)}")
        run.add_tags(add)
        run.remove_tags(set(remove) - set(add))
    except FlowcError as error:
        fail(str(error))


@click.group("tag", cls=PathGroup, help="Tag runs, and list their tags. A run is FLOW/RUN; RUN may be `latest`.")
def tag_command() -> None:
    """Define the command group `flowc tag`."""


@tag_command.command("add", help="Tag a run.")
@click.argument("run", metavar="FLOW/RUN")
@click.argument("tags", nargs=-1, required=True)
@store_option
def add_command(run: str, tags: tuple[str, ...], store_url: str | None) -> None:
    """Tag a run."""
    add(_run(run, store_url), tags)


@tag_command.command("remove", help="Remove tags from a run; tags that it does not have are ignored.")
@click.argument("run", metavar="FLOW/RUN")
@click.argument("tags", nargs=-1, required=True)
@store_option
def remove_command(run: str, tags: tuple[str, ...], store_url: str | None) -> None:
    """Untag a run."""
    change(_run(run, store_url), add=(), remove=tags)


@tag_command.command("replace", help="Remove tags from a run and add others.")
@click.argument("run", metavar="FLOW/RUN")
@click.option("--remove", multiple=True, required=True, metavar="TAG", help="Remove this tag; may be repeated.")
@click.option("--add", multiple=True, required=True, metavar="TAG", help="Add this tag; may be repeated.")
@store_option
def replace_command(run: str, remove: tuple[str, ...], add: tuple[str, ...], store_url: str | None) -> None:
    """Replace tags of a run."""
    change(_run(run, store_url), add=add, remove=remove)


@tag_command.command("list", help="List the tags of a run.")
@click.argument("run", metavar="FLOW/RUN")
@click.option("--hide-system-tags", is_flag=True, help="List only the tags that users added.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def list_command(run: str, hide_system_tags: bool, as_json: bool, store_url: str | None) -> None:
    """Print a run's tags, one per line."""
    found = _run(run, store_url)
    user, system = sorted(found.user_tags()), list[str]()
    with unreadable.skipping():
        system = sorted(found.system_tags())
    if as_json:
        click.echo(
            json_text.shown({"tags": user} if hide_system_tags else {"tags": user, "system_tags": system}, indent=2)
        )
        return
    for tag in user if hide_system_tags else sorted({*user, *system}):
        click.echo(tag)


def _run(pathspec: str, store_url: str | None) -> RunStore:
    found = find_run(open_store(store_url), pathspec)
    if found.step is not None:
        raise click.UsageError(f"only runs have tags, not steps and tasks: give FLOW/RUN instead of {pathspec!r}")
    return found.run
