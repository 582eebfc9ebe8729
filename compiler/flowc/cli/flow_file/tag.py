"""`python flow.py tag`: has Metaflow's options, and writes the same text as Metaflow to stdout and stderr."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.commands.store.tag import change
from flowc.cli.flow_file.common import tell
from flowc.cli.options.common import fail, open_store, top
from flowc.cli.words.pathspecs import find_run, flow_name
from flowc.cli.words.unknown import OwnTagGroup
from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from flowc_runtime.store.records.run_store import RunStore

    Command = TypeVar("Command", bound=Callable[..., object])


class _Tagged(NamedTuple):
    """A run and its tags, for `python flow.py tag`."""

    run: RunStore
    system: set[str]
    user: set[str]

    def shown(self, *, hide_system: bool) -> list[str]:
        """Return the tags to print, sorted."""
        return sorted(self.user if hide_system else self.user | self.system)


def _required(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None and not ctx.resilient_parsing:  # click would exit with 2; Metaflow exits with 1
        fail("no run is given", "add --run-id RUN, or --run-id latest")
    return value


def _run_options(function: Command) -> Command:
    run_id = click.option(
        "--run-id", metavar="RUN", callback=_required, help="The run; `latest` is the newest.  [required]"
    )
    namespace = click.option("--namespace", metavar="TAG", help="Refuse a run without this tag, such as user:NAME.")
    return run_id(namespace(function))


@click.group("tag", cls=OwnTagGroup, help="Tag runs, and list their tags.")
def tag_command() -> None:
    """Define the command group `python flow.py tag`."""


@tag_command.command("add", help="Tag a run.")
@click.argument("tags", nargs=-1, required=True)
@_run_options
@click.pass_context
def add_command(ctx: click.Context, tags: tuple[str, ...], run_id: str, namespace: str | None) -> None:
    """Tag a run."""
    _change(ctx, run_id, namespace, add=tags)


@tag_command.command("remove", help="Remove tags from a run; tags that it does not have are ignored.")
@click.argument("tags", nargs=-1, required=True)
@_run_options
@click.pass_context
def remove_command(ctx: click.Context, tags: tuple[str, ...], run_id: str, namespace: str | None) -> None:
    """Untag a run."""
    _change(ctx, run_id, namespace, remove=tags)


@tag_command.command("replace", help="Remove tags from a run and add others; a tag in both is kept.")
@click.option("--add", multiple=True, metavar="TAG", help="Add this tag; may be repeated.")
@click.option("--remove", multiple=True, metavar="TAG", help="Remove this tag; may be repeated.")
@_run_options
@click.pass_context
def replace_command(
    ctx: click.Context, add: tuple[str, ...], remove: tuple[str, ...], run_id: str, namespace: str | None
) -> None:
    """Replace tags of a run."""
    if not add or not remove:
        missing = "--add" if remove else "--remove" if add else "--add and one --remove"
        hint = "to remove tags only, use tag remove" if remove else "to add tags only, use tag add" if add else None
        fail(f"tag replace needs at least one {missing}", hint)
    _change(ctx, run_id, namespace, add=add, remove=remove)


def _change(
    ctx: click.Context, run_id: str, namespace: str | None, *, add: Collection[str] = (), remove: Collection[str] = ()
) -> None:
    run = _run(ctx, run_id)
    if namespace and namespace not in run.system_tags() | run.user_tags():
        fail(f"run '{run.id}' is not in namespace '{namespace}'", "leave out --namespace to change it anyway")
    change(run, add=add, remove=remove)
    tell("Operation successful. New tags:")
    _print([_tagged(run)], hide_system=False)


def _run(ctx: click.Context, run_id: str) -> RunStore:
    return find_run(open_store(None), f"{flow_name(ctx)}/{run_id}").run


def _tagged(run: RunStore) -> _Tagged:
    return _Tagged(run, run.system_tags(), run.user_tags())


# -- listing -----------------------------------------------------------------------------------------------------------


@tag_command.command("list", help="List the tags of a run [default: the newest] or of several runs.")
@click.argument("arg_run_id", metavar="[RUN]", required=False)
@click.option("--run-id", metavar="RUN", help="The run; the same as the argument RUN.")
@click.option("--all", "every", is_flag=True, help="List the tags of all runs of this flow.")
@click.option("--my-runs", is_flag=True, help="List the tags of your own runs.")
@click.option(
    "--tag", "having", multiple=True, metavar="TAG", help="List the tags of the runs with this tag; may be repeated."
)
@click.option("--hide-system-tags", is_flag=True, help="List only the tags that users added.")
@click.option("--group-by-tag", is_flag=True, help="List each tag with its runs.")
@click.option("--group-by-run", is_flag=True, help="List each run with its tags.")
@click.option("--flat", is_flag=True, help="Print one tag per line, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout: {run: {tags, system_tags}}.")
@click.pass_context
def list_command(
    ctx: click.Context,
    arg_run_id: str | None,
    run_id: str | None,
    every: bool,
    my_runs: bool,
    having: tuple[str, ...],
    hide_system_tags: bool,
    group_by_tag: bool,
    group_by_run: bool,
    flat: bool,
    as_json: bool,
) -> None:
    """Print tags."""
    if arg_run_id and run_id and arg_run_id != run_id:
        fail("the argument and --run-id name different runs: give only one of them")
    one = arg_run_id or run_id
    if sum((one is not None, every, my_runs)) > 1:
        fail("RUN, --all and --my-runs exclude each other: give only one of them")
    if group_by_run and group_by_tag:
        fail("--group-by-run and --group-by-tag exclude each other: give only one of them")
    if flat and (group_by_run or group_by_tag):
        fail("--flat lists tags without groups: leave out --group-by-run and --group-by-tag")
    wanted = {*having, *([f"user:{user_name()}"] if my_runs else [])}
    runs = [_tagged(_run(ctx, one))] if one else _runs(ctx, every or bool(wanted))
    chosen = [tagged for tagged in runs if wanted <= tagged.user | tagged.system]
    if as_json:
        click.echo(json_text.shown(_as_json(chosen, hide_system=hide_system_tags), indent=2, ensure_ascii=False))
    elif flat:
        for tag in _all_tags(chosen, hide_system=hide_system_tags):
            click.echo(tag, err=True)
    else:
        _print(chosen, hide_system=hide_system_tags, by_run=group_by_run, by_tag=group_by_tag)


def _runs(ctx: click.Context, every: bool) -> list[_Tagged]:
    """Return the flow's readable runs with their tags. If `every` is false, return only the newest run."""
    store, flow = open_store(None), flow_name(ctx)
    ids = store.runs(flow)
    if not ids:
        fail(f"no run of flow '{flow}' in {store.objects.url}")
    tags = store.tagged(flow)
    found = []
    for run in (store.run(flow, id) for id in (ids if every else ids[-1:])):
        with unreadable.skipping():
            if run.exists():
                found.append(_Tagged(run, run.system_tags(), tags.get(run.id, set())))
    return found


def _as_json(runs: Sequence[_Tagged], *, hide_system: bool) -> dict[str, dict[str, list[str]]]:
    return {
        tagged.run.id: {"tags": sorted(tagged.user)} | ({} if hide_system else {"system_tags": sorted(tagged.system)})
        for tagged in runs
    }


def _all_tags(runs: Sequence[_Tagged], *, hide_system: bool) -> list[str]:
    return sorted({tag for tagged in runs for tag in tagged.shown(hide_system=hide_system)})


def _print(runs: Sequence[_Tagged], *, hide_system: bool, by_run: bool = False, by_tag: bool = False) -> None:
    """Print tags in Metaflow's format: columns on stdout; with --quiet, one line per run on stderr."""
    if top().quiet:
        for tagged in runs:
            system = "" if hide_system else ",".join(sorted(tagged.system))
            click.echo(f"{tagged.run.flow}/{tagged.run.id} ; {system} ; {','.join(sorted(tagged.user))}", err=True)
        return
    click.echo("\nSystem tags and tags; only tags can be modified")
    click.echo("-" * 56 + "\n")
    if by_run:
        for tagged in runs:
            click.echo(f"For run {tagged.run.flow}/{tagged.run.id}")
            _columns(tagged.shown(hide_system=hide_system))
    elif by_tag:
        for tag in _all_tags(runs, hide_system=hide_system):
            click.echo(f"For tag {tag}")
            _columns([f"{t.run.flow}/{t.run.id}" for t in runs if tag in t.shown(hide_system=hide_system)])
    else:
        _columns(_all_tags(runs, hide_system=hide_system))


def _columns(words: Sequence[str]) -> None:
    """Print strings in columns, as many as fit on the terminal. The strings are sorted down each column."""
    width = max(map(len, words), default=0) + 4
    columns = max(1, shutil.get_terminal_size((112, 24)).columns // width)
    rows = -(-len(words) // columns)
    for row in range(rows):
        click.echo("".join(word.ljust(width) for word in words[row::rows]).rstrip())
    click.echo()
