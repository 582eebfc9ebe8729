"""`flowc status` and `flowc runs --cluster`: show the runs and deployed flows of a cluster."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, table
from flowc.targets.argo.cluster.next_start import next_start
from flowc.targets.argo.cluster.resource_kinds import CRON, FLOW_LABEL, TEMPLATE, WORKFLOW, labels_of, name_of
from flowc.targets.argo.cluster.submission import flow_of
from flowc.targets.argo.cluster.targets import Deployed, Run, find_target, flow_label, flow_names, runs_of
from flowc.targets.argo.cluster.workflows import store_of, view
from flowc.targets.argo.commands.place import cluster_options, connected
from flowc_ir import json_text
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.index import task_pathspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.workflows import NodeView, WorkflowView
    from flowc.targets.argo.object_types import Object


class FlowRow(TypedDict):
    """A deployed flow in the output of `--json`; without a schedule, the fields about the schedule are empty."""

    name: str
    deployed: str | None
    template: bool
    schedules: list[str]
    timezone: str | None
    suspended: bool
    last_scheduled: str | None
    next_scheduled: str | None


SHOWN = 10  # the maximum number of failed or waiting tasks that are printed; --json prints all


@click.command(
    "status",
    help="Show the status of a run on the cluster, or of a deployed flow and its newest runs; without NAME, of all "
    "flows. NAME is a run's id, FLOW/RUN, a template's name or a flow's class.",
)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cluster_options
def status_command(
    name: str | None, as_json: bool, context: str | None, kubeconfig: str | None, namespace: str | None
) -> None:
    """Print the status of a run, a flow or all flows."""
    with connected(context, kubeconfig, namespace) as cluster:
        if name is None:
            _all(cluster, as_json)
            return
        target = find_target(cluster, name)
        if isinstance(target, Run):
            _run(cluster, target, as_json)
        else:
            _deployed(cluster, target, as_json)


# -- a run -------------------------------------------------------------------------------------------------------------


def _run(cluster: Cluster, run: Run, as_json: bool) -> None:
    seen, store, flow = view(run.workflow), store_of(run.workflow), flow_of(cluster, run.workflow)
    pathspec = f"{flow.name}/{run.name}" if flow else None
    if as_json:
        click.echo(
            json_text.shown({**asdict(seen), "store": store, "pathspec": pathspec}, indent=2, ensure_ascii=False)
        )
        return
    rows = [
        ["run", seen.name],
        ["state", seen.phase + (f" ({seen.asked})" if seen.asked else "")],
        ["message", seen.message],
        ["started", _when(seen.started)],
        ["ended", _when(seen.finished)],
        ["took", took(seen)],
        ["progress", f"{seen.progress} pods" if seen.progress else ""],
    ]
    table([[f"{key}:", value] for key, value in rows if value])
    print_tasks("failed", seen.failed)
    print_tasks("waiting", seen.waiting)
    if seen.note:
        click.echo(f"note: {seen.note}")
    if pathspec and store:
        click.echo(f"logs: flowc logs {pathspec}{_part(seen.failed)} --store {store}")


def _part(failed: Sequence[NodeView]) -> str:
    """Return the end of the failed task's pathspec, such as `/train/4`; an empty text if no task or several tasks
    failed."""
    step, slash, path = failed[0].task.partition("/") if len(failed) == 1 else ("", "", "")
    return f"/{task_pathspec(step, path=path)}" if slash else ""


def print_tasks(title: str, nodes: Sequence[NodeView]) -> None:
    """Print the tasks that failed or wait, one per line, with the reason."""
    for node in nodes[:SHOWN]:
        click.echo(f"{title} {node.task}: {node.message or node.phase}")
    if len(nodes) > SHOWN:
        click.echo(f"{title}: {len(nodes) - SHOWN} more; --json has all")


# -- flows -------------------------------------------------------------------------------------------------------------


def _deployed(cluster: Cluster, flow: Deployed, as_json: bool) -> None:
    row = _flow_row(flow)
    label = flow_label(flow)
    runs = views(cluster, runs_of(cluster, label)[:5]) if label else []
    if as_json:
        click.echo(json_text.shown({**row, "runs": [asdict(run) for run in runs]}, indent=2, ensure_ascii=False))
        return
    rows = [
        ["flow", row["name"]],
        ["deployed", _when(row["deployed"])],
        ["schedule", _schedule(row)],
        ["last started", _when(row["last_scheduled"])],
        ["next start", _next(row)],
    ]
    table([[f"{key}:", value] for key, value in rows if value])
    if runs:
        click.echo("newest runs:")
        table([["", *_cells(run)] for run in runs])
    elif flow.template:
        click.echo(f"no runs; flowc trigger {flow.name} starts one")


def _flow_row(flow: Deployed) -> FlowRow:
    spec = (flow.cron or {}).get("spec") or {}
    following = next_start(flow.cron, datetime.now(timezone.utc)) if flow.cron else None
    first = flow.template or flow.cron or {}
    return {
        "name": flow.name,
        "deployed": first["metadata"].get("creationTimestamp"),
        "template": flow.template is not None,
        "schedules": spec.get("schedules") or [],
        "timezone": spec.get("timezone"),
        "suspended": bool(spec.get("suspend")),
        "last_scheduled": ((flow.cron or {}).get("status") or {}).get("lastScheduledTime"),
        "next_scheduled": following.isoformat() if following else None,
    }


def _schedule(row: FlowRow) -> str:
    if not row["schedules"]:
        return ""
    suspended = " (suspended)" if row["suspended"] else ""
    return f"{', '.join(row['schedules'])} {row['timezone'] or ''}".rstrip() + suspended


def _next(row: FlowRow) -> str:
    """Return the next start in the schedule's time zone; an empty text if the next start does not exist or is
    unknown."""
    if row["next_scheduled"] is None:
        return ""
    return f"{datetime.fromisoformat(row['next_scheduled']):%Y-%m-%d %H:%M:%S} {row['timezone']}"


def _all(cluster: Cluster, as_json: bool) -> None:
    """Print each deployed flow with its newest run."""
    templates = {name_of(item): item for item in cluster.search(TEMPLATE, FLOW_LABEL)}
    crons = {name_of(item): cluster.find(CRON, name_of(item)) for item in cluster.search(CRON, FLOW_LABEL)}
    newest: dict[str, Object] = {}
    for item in runs_of(cluster, None):
        newest.setdefault(labels_of(item)[FLOW_LABEL], item)
    rows = []
    for name in sorted(templates.keys() | crons.keys()):
        last = views(cluster, [newest[name]]) if name in newest else []
        rows.append((_flow_row(Deployed(name, templates.get(name), crons.get(name))), last[0] if last else None))
    if as_json:
        listed = [{**row, "newest_run": asdict(run) if run else None} for row, run in rows]
        click.echo(json_text.shown(listed, indent=2, ensure_ascii=False))
    elif not rows:
        click.echo(f"no flows in namespace {cluster.namespace}; flowc deploy puts one there", err=True)
    else:
        table([[row["name"], _schedule(row), *(_cells(run) if run else ["no runs"] + [""] * 5)] for row, run in rows])


# -- `flowc runs --cluster` --------------------------------------------------------------------------------------------


def list_runs(cluster: Cluster, flow: str | None, limit: int, as_json: bool) -> None:
    """Print the newest runs of a flow, or of all flows.

    Args:
        cluster: the cluster.
        flow: the name of a template or of a flow's class; None for all flows.
        limit: the maximum number of runs to print.
        as_json: whether to print a JSON list with the fields of `WorkflowView`.

    Raises:
        SystemExit: the flow has no run; the error is printed.
    """
    items = runs_of(cluster, None)
    if flow is not None:
        names = flow_names(flow)
        known = sorted({labels_of(item)[FLOW_LABEL] for item in items})
        items = [item for item in items if labels_of(item)[FLOW_LABEL] in names]
        if not items:
            hint = f"flows with runs: {', '.join(known)}" if known else None
            fail(f"no run of a flow '{flow}' in namespace {cluster.namespace}", hint)
    rows = views(cluster, items[:limit])
    if as_json:
        click.echo(json_text.shown([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    elif not rows:
        click.echo(f"no runs in namespace {cluster.namespace}", err=True)
    else:
        table([_cells(row) for row in rows])


def views(cluster: Cluster, items: Sequence[Object]) -> list[WorkflowView]:
    """Return a `WorkflowView` for each of these runs; `items` are the runs' metadata. Runs that were deleted meanwhile
    are left out."""
    found = (cluster.find(WORKFLOW, name_of(item)) for item in items)
    return [view(workflow) for workflow in found if workflow is not None]


def _cells(run: WorkflowView) -> list[str]:
    why = run.failed[0] if run.failed else None
    message = f"{why.task}: {why.message}" if why else run.message
    state = run.phase + (f" ({run.asked})" if run.asked else "")
    return [run.name, state, _when(run.started or run.created), took(run), run.progress, message]


# -- times -------------------------------------------------------------------------------------------------------------


def _when(text: str | None) -> str:
    """Return a time of the cluster as text in this machine's time zone; empty for None."""
    moment = _moment(text)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def took(run: WorkflowView) -> str:
    """Return a run's duration as text, until now if the run is active; empty if it has not started."""
    began, ended = _moment(run.started), _moment(run.finished)
    if began is None:
        return ""
    seconds = ((ended or datetime.now(timezone.utc)) - began).total_seconds()
    return f"{seconds:.0f} s{'' if ended else ' so far'}"


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
