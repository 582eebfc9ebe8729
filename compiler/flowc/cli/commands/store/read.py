"""`flowc runs`: lists the runs in the store. Other commands also use the functions of this module, which return data
about runs and attempts."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, final

import click

from flowc.cli.options.adding import with_options
from flowc.cli.options.common import open_store, store_option, table
from flowc.cli.options.run_filters import filter_options, selected
from flowc.cli.options.targets import TargetName, deployment_named, named_in
from flowc.cli.words.run_names import no_flow
from flowc.targets.deployment import Operations
from flowc.targets.table import DEFAULT, default_deployment, operations_of, target_names
from flowc_ir import json_text
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.errors import DamagedRecord, FormatError, LostRecord, NotFound, RecordError
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_runtime.base.errors import FlowcError
    from flowc_runtime.run.views.run_records import RunRecords
    from flowc_runtime.store.records.record_types import RevisionRecord
    from flowc_runtime.store.records.store import Store

    Command = TypeVar("Command", bound=Callable[..., object])

_WHY_UNREADABLE: dict[type, str] = {
    FormatError: "is from a newer flowc",
    LostRecord: "is gone",
    DamagedRecord: "is damaged",
}


_OPERATIONS = "flowc.operations"  # key in a context's `meta`: the operations of the deployment that --target names


@final
class RunsCommand(click.Command):
    """The command `flowc runs`; the deployment that `--target` names adds its options for the cluster."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the deployment that `--target` names, then parse the command line.

        If the target has no deployment, print an error and end the program.
        """
        name = None if ctx.resilient_parsing else named_in(args)
        if name in (None, DEFAULT) or name not in target_names():  # click reports an unknown name
            ctx.meta[_OPERATIONS] = operations_of(default_deployment())
        else:
            ctx.meta[_OPERATIONS] = operations_of(deployment_named(str(name)))
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, with the options of the selected deployment, not of the default one."""
        params, default = super().get_params(ctx), operations_of(default_deployment()).place
        at = next((number for number, param in enumerate(params) if param in default), len(params))
        others = [param for param in params if param not in default]
        return [*others[:at], *_operations(ctx).place, *others[at:]]


def _place_options(function: Command) -> Command:
    return with_options(function, operations_of(default_deployment()).place)


def _operations(ctx: click.Context) -> Operations:
    """Return the operations of the selected deployment, or of the default one before the command line is parsed."""
    operations = ctx.meta.get(_OPERATIONS)
    return operations if isinstance(operations, Operations) else operations_of(default_deployment())


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("runs", cls=RunsCommand, help="List the runs of FLOW, or of all flows, newest first.")
@click.argument("flow", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this number.")
@filter_options
@json_option
@store_option
@click.option(
    "--cluster", "on_cluster", is_flag=True, help="List the runs on the cluster; the options below apply to it."
)
@click.option(
    "--target",
    type=TargetName(),
    default=DEFAULT,
    show_default=True,
    expose_value=False,
    help="With --cluster: list the runs of this orchestrator.",
)
@_place_options
@click.pass_context
def runs_command(
    ctx: click.Context,
    /,
    flow: str | None,
    limit: int,
    as_json: bool,
    store_url: str | None,
    on_cluster: bool,
    **filters: object,
) -> None:
    """List runs."""
    operations = _operations(ctx)
    place: dict[str, str | None] = {}
    for option in operations.place:
        value = filters.pop(str(option.name))
        place[str(option.name)] = None if value is None else str(value)
    if on_cluster:
        if any(filters.values()):
            raise click.UsageError("options such as --tag select runs in the store: leave out --cluster")
        operations.list_runs(place, flow, limit, as_json)
        return
    store = open_store(store_url)
    if flow is not None and flow not in store.flows():
        no_flow(store, flow)
    found = selected(store, [flow] if flow else store.flows(), filters)
    shown = list(islice(found, limit))
    tags = tags_of(store, shown)
    rows = [run_row(records, tags) for records in shown]
    if as_json:
        click.echo(json_text.shown(rows, indent=2))
    elif not rows:
        which = "no matching runs" if any(filters.values()) else "no runs"
        click.echo(f"{which} in {store.objects.url}", err=True)
    else:
        table([[row["pathspec"], row["state"], row["created"], row["took"], row["why"]] for row in rows])


class _Row(TypedDict):
    pathspec: str
    state: str
    created: str
    took: str
    why: str


class RunRow(_Row, total=False):
    """The row of a run in the output of `flowc runs --json`.

    If the run's record cannot be read, the row lacks the fields that this class defines.
    """

    user: str | None
    parameters: dict[str, object] | None
    seconds: float | None
    metrics: Mapping[str, float]
    tags: list[str]
    system_tags: list[str]
    revision: RevisionRecord | None


def tags_of(store: Store, runs: Sequence[RunRecords]) -> Mapping[tuple[str, str], set[str]] | None:
    """Return the user tags of runs, by flow and id. Return None for a store in a directory, in which reading each run's
    tags is fast."""
    if store.objects.ended_listing is None:
        return None
    return store.tagged_runs((run.store.flow, run.store.id) for run in runs)


def run_row(records: RunRecords, tags: Mapping[tuple[str, str], set[str]] | None = None) -> RunRow:
    """Return a run's row for `flowc runs`. If the run's record cannot be read, the row has fewer fields.

    Args:
        records: the run.
        tags: the user tags of all shown runs; if it is None, the run's tags are read.
    """
    view = RunView(records)
    status = view.status
    row: RunRow = {"pathspec": view.pathspec, "state": status.state, "created": "", "took": "", "why": ""}
    if isinstance(status.error, NotFound):  # the first task has not written the run's record yet
        return row
    tell_unreadable(status.error)
    if view.record is None or view.created is None:
        row["why"] = f"its record {_WHY_UNREADABLE.get(type(view.error), 'cannot be read')}"
        return row
    took = round(view.seconds, 3) if view.seconds is not None else None
    row.update(
        {
            "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(view.created)),
            "took": f"{took:.1f} s" if took is not None else "",
            "why": (f"{status.failed}: " if status.failed is not None else "") + status.line,
            "user": view.user,
            "parameters": view.parameters,
            "seconds": took,
            "metrics": status.metrics or {},
            "tags": view.tags if tags is None else sorted(tags.get((records.store.flow, records.store.id), ())),
            "system_tags": view.system_tags,
            "revision": view.revision,
        }
    )
    return row


def tell_unreadable(error: FlowcError | None) -> None:
    """Print a warning if the error is about an unreadable record; ignore other errors and None."""
    if isinstance(error, RecordError):
        unreadable.tell(error)


def attempts_of(
    records: RunRecords, step: str | None, path: str | None, attempts: Callable[[str], dict[str, list[int]]]
) -> Iterator[tuple[str, str, int]]:
    """Yield the attempts that have started, in the order of the flow's steps: the step, the task's index path (its
    foreach indexes and loop iterations), and the attempt's number.

    Args:
        records: the records of the run.
        step: the only step to include, or None for all.
        path: the index path of the only task to include, or None for all.
        attempts: a function that returns the numbers of attempts of a step's tasks, by index path.
    """
    for name in [step] if step is not None else records.steps():
        for task, numbers in attempts(name).items():
            if path in (None, task):
                yield from ((name, task, number) for number in numbers)
