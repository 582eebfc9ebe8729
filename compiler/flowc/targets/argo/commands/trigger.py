"""`flowc trigger`: starts a run of a deployed flow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, writing
from flowc.cli.options.loading import load_flow
from flowc.cli.options.params_files import params_file_option, read_params_files
from flowc.cli.running.new_run import new_run_id
from flowc.cli.running.sending import sender
from flowc.opening import names_code
from flowc.targets.argo.cluster.resource_kinds import TEMPLATE
from flowc.targets.argo.cluster.submission import BadParameter, accepted, arguments_of, check_size, flow_of, submit
from flowc.targets.argo.cluster.targets import find_deployed, missing
from flowc.targets.argo.cluster.workflows import store_of
from flowc.targets.argo.commands.place import cluster_options, connected
from flowc_runtime.store.values.files import MAX_PACKED

if TYPE_CHECKING:
    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.object_types import Object
    from flowc_ir.model import Flow


def _pair(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return each NAME=VALUE as a pair; the value is everything after the first `=`."""
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} has no '='; write NAME=VALUE", ctx, param)
    return tuple((name, text) for name, _, text in (value.partition("=") for value in values))


@click.command(
    "trigger",
    help="Start a run of a deployed flow and print its id. FLOW is the template's name, the flow's class or its file.",
)
@click.argument("flow", metavar="FLOW")
@click.option("-p", "--param", "given", multiple=True, callback=_pair, metavar="NAME=VALUE",
              help="Give a parameter its value, as `flowc run --NAME VALUE` does; may be repeated.")  # fmt: skip
@params_file_option
@click.option("--run-id-file", type=click.Path(dir_okay=False), metavar="F", help="Write the run's id to F.")
@cluster_options
@click.pass_context
def trigger_command(
    ctx: click.Context,
    flow: str,
    given: tuple[tuple[str, str], ...],
    params_files: tuple[str, ...],
    run_id_file: str | None,
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
) -> None:
    """Check the parameters against the deployed flow's declarations, then start a run."""
    local = load_flow(ctx, flow, None).flow if names_code(flow) else None
    with connected(context, kubeconfig, namespace) as cluster:
        template = _template(cluster, local.name if local else flow)
        deployed = flow_of(cluster, template)
        try:
            parameters = accepted(template, deployed or local)
            in_files = read_params_files(deployed or local, params_files) if params_files else {}
            arguments = arguments_of(parameters, given, sender(store_of(template), MAX_PACKED), in_files)
            check_size(template, arguments, {parameter.argument: parameter.name for parameter in parameters})
        except BadParameter as error:
            raise click.UsageError(f"{error}{_stale(local, deployed, str(error))}", ctx) from None
        run = submit(cluster, template, arguments, lambda: new_run_id(time.time()))
        click.echo(run)
        click.echo(f"started in namespace {cluster.namespace}; flowc status {run}", err=True)
        if run_id_file:
            with writing(run_id_file):
                Path(run_id_file).write_text(run, encoding="utf-8")


def _template(cluster: Cluster, text: str) -> Object:
    deployed = find_deployed(cluster, text)
    if deployed is None or deployed.template is None:
        message, hint = missing(cluster, "deployed flow", text, [TEMPLATE])
        fail(message, hint)
    return deployed.template


def _stale(local: Flow | None, deployed: Flow | None, message: str) -> str:
    """Return a remark to add to an error, if the flow's file declares other parameters than the deployed flow."""
    if local is None or deployed is None or local.parameters == deployed.parameters:
        return ""
    return " (the deployed flow has other parameters than the file: run flowc deploy first)"
