"""The executor `argo`: runs a flow by a Workflow on a cluster, and waits for its end."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final

import click

from flowc.cli.options.configured import is_given
from flowc.cli.options.parameters import run_values
from flowc.cli.running.new_run import write_attributes
from flowc.cli.words.option_values import text, texts
from flowc.executors.executor import ExecutorError, ExecutorResult
from flowc.targets.argo.cluster.resource_kinds import WORKFLOW
from flowc.targets.argo.cluster.workflows import view
from flowc.targets.argo.commands.place import connected
from flowc.targets.argo.commands.single_runs import (
    arguments,
    submit_workflow,
    with_arguments,
    workflow_of,
)
from flowc.targets.argo.commands.status import print_tasks
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.base.signals import Interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.workflows import WorkflowView

POLL: Final = 2.0  # seconds between two requests for the Workflow


def run_on_cluster(
    checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]
) -> ExecutorResult:
    """Submit a Workflow that runs a flow, and wait for its end. If the flow is deployed, its template and its schedule
    are not changed.

    Args:
        checked: the flow.
        given: the values of parameters on the command line, as strings, by name.
        options: the values of the command's options.

    Raises:
        click.UsageError: an option is only for runs on this machine, or a parameter is wrong.
        SystemExit: Argo or the cluster refuses the flow, or a signal ends the wait; the
            error is printed.
        ExecutorError: the Workflow was deleted during the run.
        FlowcError: a file cannot be written.
    """
    if is_given("max_workers"):
        raise click.UsageError(
            "--max-workers is only for runs on this machine; `parallelism` in flowc.toml is for pods"
        )
    store = text(options, "store_url")
    url = store or configuration.text("cluster-store") or ""
    values = run_values(checked, given, texts(options, "params_files"), ds_type=datastore_of(url))
    code, workflow = workflow_of(checked, store)
    filled = with_arguments(workflow, arguments(checked, values, frozenset(), url))
    with connected(configuration.text("context"), None, configuration.text("namespace")) as cluster:
        name = submit_workflow(cluster, checked, code, filled)
        click.echo(f"{checked.flow.name}/{name} runs in namespace {cluster.namespace}, store {url}", err=True)
        write_attributes(options, checked.flow.name, name, url)
        try:
            end = _wait(cluster, name)
        except Interrupted as interruption:
            signal.setitimer(signal.ITIMER_REAL, 0)  # cancel the timer that a signal starts to end this process
            click.echo(f"{name} continues on the cluster: flowc status {name}, flowc terminate {name}", err=True)
            raise SystemExit(128 + interruption.number) from None
    print_tasks("failed", end.failed)
    state = "succeeded" if end.phase == "Succeeded" else f"failed: {end.message or end.phase}"
    click.echo(f"{checked.flow.name}/{name} {state}", err=True)
    if end.phase == "Succeeded":
        return ExecutorResult(name, 0, url)
    click.echo(f"logs: flowc logs {checked.flow.name}/{name} --store {url}", err=True)
    return ExecutorResult(name, 1, url)


def _wait(cluster: Cluster, name: str) -> WorkflowView:
    """Wait for the end of a Workflow; print its progress when it changes. Raises ClusterError, ExecutorError."""
    told = ""
    while True:
        found = cluster.find(WORKFLOW, name)
        if found is None:
            raise ExecutorError(f"the run {name} has been deleted from the cluster", "its records are in the store")
        seen = view(found)
        if not seen.active:
            return seen
        now = f"{seen.phase}{f', {seen.progress} pods' if seen.progress else ''}"
        if now != told:
            click.echo(f"{name}: {now}", err=True)
            told = now
        time.sleep(POLL)
