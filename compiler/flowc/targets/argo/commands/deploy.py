"""`flowc deploy` and `flowc diff`: apply a flow's manifests to a cluster, or show what would change."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.commands.flows.compile import with_lowering_options
from flowc.cli.options.adding import with_options
from flowc.cli.options.common import FAULTY, FlowOptions
from flowc.cli.options.loading import load_flow, warn
from flowc.cli.running.lowering import lower_for
from flowc.revision import Look
from flowc.targets.argo.cluster.deployment import carry_out, leftovers, plan, show
from flowc.targets.argo.cluster.resource_kinds import CRON, TEMPLATE, name_of
from flowc.targets.argo.cluster.revisions import with_revision
from flowc.targets.argo.cluster.workflows import store_of
from flowc.targets.argo.commands.place import CONTEXT, KUBECONFIG, connected
from flowc.targets.argo.target import TARGET, options
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_runtime.base.config import configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.cluster.deployment import Change, Leftover
    from flowc.targets.argo.object_types import Object

    Command = TypeVar("Command", bound=Callable[..., object])

SAME, DIFFERS, TROUBLE = 0, 1, 2  # exit codes of `flowc diff`, equal to the exit codes of `diff` and `kubectl diff`

force_option = click.option(
    "--force-conflicts", is_flag=True, help="Take over fields that others manage, such as kubectl or Argo CD."
)


def _manifest_options(function: Command) -> Command:
    """Add options to a command: the options for compiling a flow, and the options that choose the cluster."""
    function = with_options(function, [CONTEXT, KUBECONFIG])
    return with_lowering_options(function, options(["template", "cron"]))


@click.command(
    "deploy",
    help="Compile FLOW and apply it to a cluster, like `flowc compile FLOW | kubectl apply --server-side -f -`: its "
    "code, its WorkflowTemplate and, with a @schedule, its CronWorkflow. Removes nothing without --prune.",
)
@click.argument("file", metavar="FLOW")
@_manifest_options
@force_option
@click.option("--prune", is_flag=True, help="Delete a schedule the flow no longer has, and code that no run refers to.")
@click.option("--deployer-attribute-file", type=click.Path(dir_okay=False), hidden=True)
@click.pass_context
def deploy_command(
    ctx: click.Context,
    /,
    file: str | None,
    class_name: str | None,
    context: str | None,
    kubeconfig: str | None,
    force_conflicts: bool,
    prune: bool,
    deployer_attribute_file: str | None,
    **values: object,
) -> None:
    """Deploy a flow. A dry run of all manifests comes first, so that a refused manifest changes nothing."""
    found = load_flow(ctx, file, class_name, FlowOptions.take(values), data=True)
    lowered = lower_for(TARGET, found, values)
    manifests = lowered.product.manifests
    warn(found, lowered.warnings)
    name = name_of(manifests[1])
    with connected(context, kubeconfig, _namespace(values)) as cluster:
        manifests = _with_revision(cluster, manifests, found)
        plan(cluster, manifests, force=force_conflicts)
        changes = carry_out(cluster, manifests, force=force_conflicts)
        for change in changes:
            click.echo(f"{change.title} {change.effect}{_remark(change)}")
        _leftovers(cluster, leftovers(cluster, name, manifests), prune=prune)
        if all(change.effect == "unchanged" for change in changes):
            click.echo(f"nothing to do: {name} in namespace {cluster.namespace} is up to date")
        else:
            click.echo(f"{name} is deployed in namespace {cluster.namespace}; flowc trigger {name} starts a run")
        if deployer_attribute_file:
            attributes = {"name": name, "flow_name": found.flow.name, "metadata": store_of(manifests[1])}
            place = {"kubeconfig": kubeconfig, "context": context, "namespace": cluster.namespace}
            Path(deployer_attribute_file).write_text(json_text.shown(attributes | place), encoding="utf-8")


def _remark(change: Change) -> str:
    """Return a remark if the object is a suspended schedule, because deploying does not unsuspend it."""
    suspended = change.kind is CRON and (change.after.get("spec") or {}).get("suspend")
    return f" (suspended; flowc unsuspend {change.name})" if suspended else ""


def _leftovers(cluster: Cluster, found: Sequence[Leftover], *, prune: bool) -> None:
    """Delete the objects of earlier deployments (leftovers) to which no run refers, if `prune` is true; otherwise
    report these objects."""
    free = [leftover for leftover in found if leftover.used_by is None]
    if prune:
        for leftover in free:
            cluster.delete(leftover.kind, leftover.name)
            click.echo(f"{leftover.title} deleted")
        for leftover in found:
            if leftover.used_by is not None:
                click.echo(f"{leftover.title} kept: run {leftover.used_by} refers to it")
        return
    for leftover in free:
        if leftover.kind is CRON:
            message = f"warning: {leftover.title} still starts runs, but the flow has no @schedule: --prune deletes it"
            click.echo(message, err=True)
    if codes := [leftover for leftover in free if leftover.kind is not CRON]:
        many = count(len(codes), "ConfigMap")
        click.echo(f"{many} with older code kept: --prune deletes what no run refers to", err=True)


@click.command(
    "diff",
    help="Show what `flowc deploy FLOW` would change, by a dry run on the cluster. Exit code 0: nothing, 1: something, "
    "2: an error.",
)
@click.argument("file", metavar="FLOW")
@_manifest_options
@force_option
@click.pass_context
def diff_command(
    ctx: click.Context,
    /,
    file: str,
    class_name: str | None,
    context: str | None,
    kubeconfig: str | None,
    force_conflicts: bool,
    **values: object,
) -> None:
    """Print a unified diff of the objects' YAML, without the fields that the server writes."""
    try:
        found = load_flow(ctx, file, class_name, FlowOptions.take(values), data=True)
        manifests = lower_for(TARGET, found, values, sends=False).product.manifests
        with connected(context, kubeconfig, _namespace(values)) as cluster:
            manifests = _with_revision(cluster, manifests, found)
            changes = plan(cluster, manifests, force=force_conflicts)
            texts = [show(cluster, change, changes) for change in changes if change.effect != "unchanged"]
    except SystemExit as ended:
        raise SystemExit(TROUBLE if ended.code == FAULTY else ended.code) from None
    for text in texts:
        click.echo(text, nl=False)
    raise SystemExit(DIFFERS if texts else SAME)


def _with_revision(cluster: Cluster, manifests: Sequence[Object], checked: Checked) -> tuple[Object, ...]:
    """Return the manifests; the template's pods get the git revision of the code as a variable. Raises ClusterError."""
    code, template, *others = manifests
    with closing(Look(str(checked.package.root))) as look:
        deployed = cluster.find(TEMPLATE, name_of(template))
        return (code, with_revision(template, look.result(), deployed), *others)


def _namespace(values: Mapping[str, object]) -> str | None:
    """Return the namespace of the manifests; None if no option or setting gives one."""
    namespace = values["namespace"]
    assert namespace is None or isinstance(namespace, str)
    return namespace or configuration.text("namespace")
