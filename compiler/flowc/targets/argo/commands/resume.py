"""`flowc resume --target argo`: resumes a run by a Workflow on a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail, writing
from flowc.cli.options.configured import is_given
from flowc.cli.options.parameters import run_values
from flowc.cli.options.params_files import read_params_files
from flowc.targets.argo import Bundle
from flowc.targets.argo.commands.place import connected
from flowc.targets.argo.commands.single_runs import (
    arguments,
    submit_workflow,
    with_arguments,
    workflow_of,
)
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.base.contract import RESUME
from flowc_runtime.run.reuse import Order
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc.cli.running.run_kinds import Resumption
    from flowc.targets.argo.object_types import Object

    Find = Callable[[Store, Checked, Mapping[str, object]], Resumption]

# Options that are only for runs on this machine; each option is mapped to the name under which click passes its value.
_LOCAL = {"--max-workers": "max_workers", "--max-num-splits": "max_num_splits", "--local": "local", "--ui": "ui",
          "--runner-attribute-file": "runner_attribute_file", "--start": "start",
          "--durability": "durability", "--verify": "verify"}  # fmt: skip


def resume_on_cluster(
    find: Find, checked: Checked, texts: Mapping[str, Sequence[str]], options: Mapping[str, object]
) -> int:
    """Submit the Workflow that resumes a run, or write it to a file; return the exit code.

    Args:
        find: a function that returns the run to resume.
        checked: the flow.
        texts: the values of parameters on the command line, as strings, by name.
        options: the values of the command's options.

    Raises:
        click.UsageError: an option is only for runs on this machine, or a parameter is wrong.
        SystemExit: pods cannot read the store, Argo cannot run the flow, or the cluster refuses the Workflow; the error
            is printed.
        FlowcError: the store cannot be read, or a file cannot be written.
    """
    for option, name in _LOCAL.items():
        if is_given(name):
            raise click.UsageError(f"{option} is only for runs on this machine")
    output, run_id_file = _text(options, "output"), _text(options, "run_id_file")
    params_files, store = options["params_files"], _text(options, "store_url")
    assert isinstance(params_files, tuple)
    if output and run_id_file:
        raise click.UsageError("--run-id-file needs a submitted run, and --output submits none")
    url = _store_of_pods(store)
    resumption = find(Store.open(url), checked, options)
    given_names = {*texts, *read_params_files(checked.flow, params_files, checked.cls)}
    values = run_values(checked, texts, params_files, ds_type=datastore_of(url), before=resumption.parameters)
    order = Order(resumption.origin.id, resumption.step, tuple(sorted(given_names)))
    code, workflow = workflow_of(checked, store)
    ordered = resuming(workflow, order, arguments(checked, values, {*resumption.parameters} - given_names, url))
    if output:
        with writing(output):
            Path(output).write_bytes(Bundle((code, ordered)).to_yaml().encode())
        click.echo(f"{output}: kubectl create -f {output}", err=True)
        return 0
    with connected(configuration.text("context"), None, configuration.text("namespace")) as cluster:
        name = submit_workflow(cluster, checked, code, ordered)
    click.echo(name)
    click.echo(f"resumes {order.origin} in namespace {cluster.namespace}; flowc status {name}", err=True)
    if run_id_file:
        with writing(run_id_file):
            Path(run_id_file).write_text(name, encoding="utf-8")
    return 0


def _text(options: Mapping[str, object], name: str) -> str | None:
    """Return the value of an option that is a string."""
    value = options[name]
    assert value is None or isinstance(value, str)
    return value


def _store_of_pods(given: str | None) -> str:
    """Return the address of the pods' store. The run to resume is read from this store. If pods have no store, print an
    error and end the program."""
    url = given or configuration.text("cluster-store") or ""
    directory = url.removeprefix("file://")
    if "://" not in directory and not (configuration.text("store-claim") and os.path.isdir(directory)):
        fail(
            f"the store {url} is on this machine: pods cannot read it",
            "resume here, or keep runs in a bucket: --store s3://…, $FLOWC_CLUSTER_STORE",
        )
    return url


def resuming(workflow: Object, order: Order, values: Mapping[str, str]) -> Object:
    """Return a copy of the Workflow with an environment variable in its pods that names the run to resume.

    Args:
        workflow: the manifest.
        order: the run to resume, the step to begin with, and the names of the parameters that get new values.
        values: the values of all parameters, as strings, by the argument's name.
    """
    changed = with_arguments(workflow, values)
    for template in changed["spec"]["templates"] or ():
        if container := template.get("container"):
            container["env"] = [*(container.get("env") or []), {"name": RESUME, "value": order.text}]
    return changed
