"""`flowc suspend`, `unsuspend`, `terminate` and `delete`: suspend, end and delete runs and flows on a cluster."""

from __future__ import annotations

import click

from flowc.cli.options.common import fail
from flowc.targets.argo.cluster.control import active_runs, belongings, end, record_end, suspend, wait
from flowc.targets.argo.cluster.targets import find_run, find_target
from flowc.targets.argo.commands.place import cluster_options, connected
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.contract import END_PATIENCE as PATIENCE


@click.command("suspend", help="Suspend a run (NAME is its id) or a flow's schedule (NAME is its template or class).")
@click.argument("name")
@cluster_options
def suspend_command(name: str, context: str | None, kubeconfig: str | None, namespace: str | None) -> None:
    """Suspend a run or a schedule."""
    _suspend(name, context, kubeconfig, namespace, on=True)


@click.command("unsuspend", help="Let a suspended run, or a flow's suspended schedule, continue.")
@click.argument("name")
@cluster_options
def unsuspend_command(name: str, context: str | None, kubeconfig: str | None, namespace: str | None) -> None:
    """Let a run or a schedule continue."""
    _suspend(name, context, kubeconfig, namespace, on=False)


def _suspend(name: str, context: str | None, kubeconfig: str | None, namespace: str | None, *, on: bool) -> None:
    with connected(context, kubeconfig, namespace) as cluster:
        click.echo(suspend(cluster, find_target(cluster, name), on=on))


@click.command(
    "terminate",
    help="End RUN: its pods are stopped, its end is recorded in the store, and its finished tasks stay as they are.",
)
@click.argument("run")
@click.option(
    "--now",
    is_flag=True,
    help="End without the exit handler, whose pod records the end; this machine then tries to record it.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait for the end, and record nothing from this machine.")
@cluster_options
def terminate_command(
    run: str, now: bool, no_wait: bool, context: str | None, kubeconfig: str | None, namespace: str | None
) -> None:
    """End a run, and ensure that its record shows the end."""
    with connected(context, kubeconfig, namespace) as cluster:
        found = find_run(cluster, run)
        end(cluster, found, now=now)
        if no_wait:
            click.echo(f"run {found.name} will end")
            return
        workflow = wait(cluster, found.name, PATIENCE)
        if workflow is None:
            fail(
                f"run {found.name} is ending, but still has pods after {PATIENCE:.0f} s",
                f"flowc status {found.name}",
            )
        click.echo(f"run {found.name} is terminated")
        if why := record_end(cluster, workflow, user_name()):
            says = "its record still has the state running" if now else "its record has the state failed"
            click.echo(f"note: {says}: {why}", err=True)


@click.command(
    "delete",
    help="Delete a flow from the cluster (its template, schedule and code), or a run's Workflow. The records of runs "
    "stay in the store. NAME is a run's id, a template's name or a flow's class.",
)
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Delete without asking for confirmation.")
@click.option("--force", is_flag=True, help="Delete even while runs are active.")
@cluster_options
def delete_command(
    name: str, yes: bool, force: bool, context: str | None, kubeconfig: str | None, namespace: str | None
) -> None:
    """Delete after checking for active runs and asking for confirmation."""
    with connected(context, kubeconfig, namespace) as cluster:
        target = find_target(cluster, name)
        doomed = belongings(cluster, target)
        active = active_runs(cluster, target)
        if active and not force:
            more = f" and {len(active) - 1} more" if len(active) > 1 else ""
            verb = "is" if len(active) == 1 else "are"
            fail(
                f"run {active[0]}{more} {verb} active",
                f"flowc terminate {active[0]} ends it; --force deletes anyway",
            )
        if not yes:
            click.echo(f"in namespace {cluster.namespace}:")
            for kind, found in doomed:
                click.echo(f"  {kind.title}/{found}")
            click.confirm("Delete?", abort=True)
        for kind, found in doomed:
            gone = cluster.delete(kind, found)
            click.echo(f"{kind.title}/{found} {'deleted' if gone else 'was already deleted'}")
