"""Runs without a deployed template, each from a Workflow with all its templates: `resume --target argo` and the
executor `argo`."""

from __future__ import annotations

import time
from contextlib import closing
from copy import deepcopy
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import top
from flowc.cli.running.lowering import lower_for
from flowc.cli.running.new_run import new_run_id
from flowc.cli.running.sending import sender
from flowc.revision import Look
from flowc.targets.argo.cluster.deployment import carry_out
from flowc.targets.argo.cluster.resource_kinds import WORKFLOW
from flowc.targets.argo.cluster.revisions import with_revision
from flowc.targets.argo.cluster.submission import run_name
from flowc.targets.argo.names import flow_name
from flowc.targets.argo.target import TARGET
from flowc_runtime.pod.arguments import argument_name, encode_parameter
from flowc_runtime.store.values.files import MAX_PACKED, pack, size_of
from flowc_runtime.store.values.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from flowc.cli.options.loading import Checked
    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.object_types import Object


def workflow_of(checked: Checked, store: str | None) -> tuple[Object, Object]:
    """Return the manifests of one run: the ConfigMap of its code, and the Workflow.

    Args:
        checked: the flow.
        store: the value of `--store`.

    Raises:
        SystemExit: Argo cannot run the flow; the errors are printed.
        click.UsageError: a setting is wrong.
    """
    settings = {"kind": "workflow", "store": store, "tags": tuple(top().tags)}
    code, workflow = lower_for(TARGET, checked, settings).product.manifests[:2]
    with closing(Look(str(checked.package.root))) as look:
        return code, with_revision(workflow, look.result())


def submit_workflow(cluster: Cluster, checked: Checked, code: Object, workflow: Object) -> str:
    """Start the Workflow, and return its name, which is the run's id. Raises ClusterError."""
    carry_out(cluster, [code])
    named = deepcopy(workflow)
    del named["metadata"]["generateName"]
    name = named["metadata"]["name"] = run_name(flow_name(checked.flow.name), new_run_id(time.time()))
    cluster.create(named, WORKFLOW)
    return name


def arguments(checked: Checked, values: Mapping[str, object], kept: Set[str], store: str) -> dict[str, str]:
    """Return a dict from the names of the Workflow's arguments to their values, as strings.

    Args:
        checked: the flow.
        values: the values of its parameters, by name.
        kept: the names of the parameters whose values the first pod takes from the resumed run.
        store: the address of the pods' store; large files are sent to this store.

    Raises:
        click.BadParameter: a file cannot be read or sent.
    """
    send = sender(store, MAX_PACKED)
    texts = {}
    for parameter in checked.flow.parameters:
        value = None if parameter.name in kept else values[parameter.name]
        if parameter.type == "file" and value is not None:
            assert isinstance(value, str)
            try:
                value = send(value) if size_of(value) > MAX_PACKED else pack(value)
            except ParameterError as error:
                raise click.BadParameter(str(error), param_hint=f"'--{parameter.name}'") from None
        texts[argument_name(parameter.name)] = encode_parameter(parameter, value)
    return texts


def with_arguments(workflow: Object, arguments: Mapping[str, str]) -> Object:
    """Return a copy of the Workflow in which each parameter has the value that `arguments` gives for its name."""
    changed = deepcopy(workflow)
    for parameter in (changed["spec"].get("arguments") or {}).get("parameters") or ():
        parameter["value"] = arguments[parameter["name"]]
    return changed
