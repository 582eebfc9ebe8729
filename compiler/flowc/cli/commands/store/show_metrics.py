"""`flowc metrics`: prints a table of the metrics of several runs, or the metrics of a run's tasks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.read import json_option, tell_unreadable
from flowc.cli.options.common import open_store, store_option, table
from flowc.cli.options.run_filters import filter_options, selected
from flowc.cli.words.pathspecs import find_run
from flowc.cli.words.run_names import no_flow
from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.base.index import task_id
from flowc_runtime.run.views.metrics_view import measured
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.run_view import RunView

if TYPE_CHECKING:
    from flowc_runtime.run.metrics import recorded
    from flowc_runtime.store.records.store import Store
else:
    recorded = LateModule("flowc_runtime.run.metrics.recorded")


@click.command(
    "metrics",
    help="Print the metrics of the runs of FLOW, newest first, or those of the tasks of FLOW/RUN, FLOW/RUN/STEP or "
    "FLOW/RUN/STEP/TASK. RUN may be `latest`.",
)
@click.argument("pathspec")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this many runs.")
@filter_options
@json_option
@store_option
def metrics_command(pathspec: str, limit: int, as_json: bool, store_url: str | None, **filters: object) -> None:
    """Print metrics."""
    store = open_store(store_url)
    if "/" not in pathspec:
        _of_runs(store, pathspec, limit, filters, as_json=as_json)
        return
    if any(filters.values()):
        raise click.UsageError("options such as --tag select the runs of a flow: give FLOW")
    _of_tasks(store, pathspec, as_json=as_json)


def _of_runs(store: Store, flow: str, limit: int, filters: dict[str, object], *, as_json: bool) -> None:
    """Print a row for each run, with the metrics that the run's tasks outside of a foreach have recorded."""
    if flow not in store.flows():
        no_flow(store, flow)
    views = []
    for records in islice(selected(store, [flow], filters), limit):
        view = RunView(records)
        tell_unreadable(view.status.error)
        if view.record is not None:
            views.append(view)
    if as_json:
        rows = [
            {"run": view.records.store.id, "state": view.status.state, "created": view.created, "metrics": view.metrics}
            for view in views
        ]
        click.echo(json_text.shown(rows, indent=2, ensure_ascii=False))
        return
    names = list(dict.fromkeys(name for view in views for name in view.metrics))
    if not names:
        click.echo(
            f"no run of {flow} has metrics outside of a foreach; "
            f"flowc metrics {flow}/RUN shows the metrics of a run's tasks"
        )
        return
    cells = [["run", "state", *names]]
    for view in views:
        shown = [_number(view.metrics[name]) if name in view.metrics else "" for name in names]
        cells.append([view.records.store.id, view.status.state, *shown])
    table(cells)


def _of_tasks(store: Store, pathspec: str, *, as_json: bool) -> None:
    """Print a row for each metric of each task.

    The JSON of a single task also has all recorded values of each metric.
    """
    run, step, path = find_run(store, pathspec)
    rows: list[dict[str, object]] = []
    for record in measured(RunRecords(run), step, items=True):
        if path not in (None, record["path"]):
            continue
        points = recorded.points_of(record, run.objects) if as_json and path is not None else {}
        for name, metric in record["metrics"].items():
            row: dict[str, object] = {
                "task": f"{record['step']}/{task_id(record['step'], record['path'])}",
                "metric": name,
                "value": metric["value"],
                "step": metric["step"],
                "count": metric["count"],
            }
            if name in points:
                row["points"] = [point._asdict() for point in points[name]]
            rows.append(row)
    if as_json:
        click.echo(json_text.shown(rows, indent=2, ensure_ascii=False))
    elif not rows:
        click.echo(f"no task of {pathspec} has metrics")
    else:
        head = ["task", "metric", "value", "step", "points"]
        table([head, *([str(row["task"]), str(row["metric"]), _number(row["value"]), str(row["step"]),
                        str(row["count"])] for row in rows)])  # fmt: skip


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
