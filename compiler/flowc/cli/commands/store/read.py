"""`flowc runs`: the runs that are in the store, and what they have begun."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.options.cluster import cluster_options, connected
from flowc.cli.options.common import open_store, store_option, table
from flowc.cli.options.run_filters import UNREADABLE, filter_options, selected
from flowc.cli.words.run_names import no_flow
from flowc_ir import json_text
from flowc_runtime.base.errors import DamagedRecord, FormatError, LostRecord, NotFound, RecordError
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_runtime.store.records.store import RunStore

_WHY_UNREADABLE: dict[type[RecordError], str] = {
    FormatError: "is of a newer flowc",
    LostRecord: "is gone",
    DamagedRecord: "is damaged",
}
CHECKED = 1000  # records of a step's tasks that are read to count those that can be
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("runs", help="List the runs of FLOW, or of all flows, newest first.")
@click.argument("flow", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@filter_options
@json_option
@store_option
@click.option(
    "--cluster", "on_cluster", is_flag=True, help="Those that the cluster knows; the options below are for it."
)
@cluster_options
def runs_command(
    flow: str | None,
    limit: int,
    as_json: bool,
    store_url: str | None,
    on_cluster: bool,
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
    **filters: Any,
) -> None:
    """List runs."""
    if on_cluster:
        if any(filters.values()):
            raise click.UsageError("--tag and its like are about the runs in the store: leave out --cluster")
        from flowc.cli.commands.cluster.status import list_runs

        with connected(context, kubeconfig, namespace) as cluster:
            list_runs(cluster, flow, limit, as_json)
        return
    store = open_store(store_url)
    if flow is not None and flow not in store.flows():
        no_flow(store, flow)
    found = selected(store, [flow] if flow else store.flows(), filters)
    rows = [run_row(run) for run in islice(found, limit)]
    if as_json:
        click.echo(json_text.shown(rows, indent=2))
    elif not rows:
        which = "no such runs" if any(filters.values()) else "no runs"
        click.echo(f"{which} in {store.objects.url}", err=True)
    else:
        table([[row["pathspec"], row["state"], row["created"], row["took"], row["why"]] for row in rows])


def run_row(run: RunStore) -> dict[str, Any]:
    """What `flowc runs` says of a run; little, if its record cannot be read."""
    row = {"pathspec": f"{run.flow}/{run.id}", "state": "beginning", "created": "", "took": "", "why": ""}
    try:
        record, status = run.record(), status_or_unreadable(run)
    except NotFound:
        return row  # its first task has not got as far as to say so
    except RecordError as error:
        unreadable.tell(error)
        return row | {"state": UNREADABLE, "why": f"its record {_WHY_UNREADABLE.get(type(error), 'cannot be read')}"}
    took = None if status["state"] in ("running", UNREADABLE) else round(status["changed"] - record["created"], 3)
    return {
        "pathspec": f"{run.flow}/{run.id}",
        "state": status["state"],
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record["created"])),
        "took": f"{took:.1f} s" if took is not None else "",
        "why": (f"{status['failed']}: " if "failed" in status else "") + status.get("message", "").partition("\n")[0],
        "user": record["user"],
        "parameters": record["parameters"],
        "seconds": took,
        "tags": sorted(run.user_tags()),
        "system_tags": sorted(record.get("system_tags", ())),
        "revision": record.get("revision"),
    }


def status_or_unreadable(run: RunStore) -> Any:
    """How a run is doing; where its status cannot be read, `state` is UNREADABLE and nothing else is known."""
    from flowc_runtime.store.records.liveness import status_of

    try:
        return status_of(run)
    except RecordError as error:
        unreadable.tell(error)
        return {"state": UNREADABLE, "message": "its status cannot be read"}


def unreadable_tasks(run: RunStore, step: str) -> set[str]:
    """The paths of the tasks of a step that are done and whose records cannot be read, which is told.

    Of a step with more tasks than CHECKED none: that would take long. Records that were moved aside are told, too.
    """
    found, paths = set[str](), run.done(step)
    for path in run.paths(step):
        name = run.task_key(step, path).removeprefix(f"{run.prefix}/")
        if path not in paths and (loss := run.find_loss(name, step, path)) is not None:
            unreadable.tell(loss)
    if len(paths) > CHECKED:
        return found
    ahead = run.done_tasks(step)
    for path in sorted(paths):
        try:
            if ahead is None:
                run.task(step, path)
            elif path in ahead:
                run.parse_task(step, path, ahead[path])
        except NotFound:  # deleted since
            continue
        except RecordError as error:
            unreadable.tell(error)
            found.add(path)
    return found


def attempts_of(
    run: RunStore, step: str | None, path: str | None, attempts: Callable[[str], dict[str, list[int]]] | None = None
) -> Iterator[tuple[str, str, int]]:
    """The attempts that have begun, in the order of the flow: (step, path, number). `attempts` gives a step's."""
    for name in [step] if step is not None else in_order(run):
        for task, numbers in (attempts or run.attempts)(name).items():
            if path in (None, task):
                yield from ((name, task, number) for number in numbers)


def in_order(run: RunStore) -> list[str]:
    """The steps that have begun, in the order of the flow; by name, where its graph cannot be read."""
    order: list[str] = []
    with unreadable.going_on():
        order = [node.id for node in run.executes().nodes]
    known = run.steps()
    return [step for step in order if step in known] + [step for step in known if step not in order]
