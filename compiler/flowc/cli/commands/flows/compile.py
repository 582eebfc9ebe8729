"""`flowc compile`: a flow as the manifests of an orchestrator."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowc.cli.options.common import (
    FAULTY,
    FlowOptions,
    fail,
    flow_options,
    load_flow,
    report,
    require_runnable,
    warn,
    writing,
)
from flowc.cli.options.configs import takes_configs
from flowc.cli.running.environment import chosen, environment_option, without_packages
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import datastore_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.options.common import Checked
    from flowc.package import Package
    from flowc.passes.pack_files import Room
    from flowc.targets.argo import Bundle, Settings
    from flowc_ir import Flow

    Command = TypeVar("Command", bound=Callable[..., Any])

# Fields of the back end's settings that a variable or a configuration file can give, so that a team writes them once.
KEYS = {
    "image": "image",
    "store": "cluster-store",
    "namespace": "namespace",
    "service_account": "service-account",
    "store_claim": "store-claim",
    "store_secret": "store-secret",
    "parallelism": "parallelism",
    "deadline_seconds": "workflow-timeout",
}


def argo_options(kinds: Sequence[str]) -> Callable[[Command], Command]:
    """The options that say how a flow becomes manifests; `kinds` are those of --kind."""
    options = (
        click.option("--image", metavar="IMAGE", help="What every task runs in [$FLOWC_IMAGE]."),
        click.option("--store", metavar="URL",
                     help="Where pods keep records: s3://bucket/prefix [$FLOWC_CLUSTER_STORE]."),
        click.option("--namespace", metavar="NAME",
                     help="The manifests' namespace; without, kubectl's [$FLOWC_NAMESPACE]."),
        click.option("--service-account", metavar="NAME", help="The pods' service account [$FLOWC_SERVICE_ACCOUNT]."),
        click.option("--store-claim", metavar="NAME",
                     help="The PersistentVolumeClaim of a store file:///directory [$FLOWC_STORE_CLAIM]."),
        click.option("--store-secret", metavar="NAME",
                     help="A Secret with the store's credentials [$FLOWC_STORE_SECRET]."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag every run; may be repeated."),
        click.option("--name", metavar="NAME", help="The template's name [default: made from the flow's]."),
        click.option("--max-workers", "parallelism", type=int, metavar="N",
                     help="How many items of a foreach run at once [default: 100] [$FLOWC_PARALLELISM]."),
        click.option("--workflow-timeout", "deadline_seconds", type=int, metavar="SECONDS",
                     help="End a run that takes longer [default: never] [$FLOWC_WORKFLOW_TIMEOUT]."),
        click.option("--kind", type=click.Choice(kinds), help="What to make [default: template]."),
        click.option("--flow", "class_name", metavar="CLASS", help="The flow's class, if the file has several."),
        *flow_options,
        environment_option,
    )  # fmt: skip

    def add(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return takes_configs(function)

    return add


@click.command(
    "compile",
    help="Compile FLOW to Argo: a WorkflowTemplate, its code as a ConfigMap, and a CronWorkflow if it has a @schedule.",
)
@click.argument("file", metavar="FLOW")
@click.option("--target", type=click.Choice(["argo"]), default="argo", show_default=True, help="The orchestrator.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write there, not to stdout.")
@argo_options(["template", "workflow", "cron"])
@click.pass_context
def compile_command(
    ctx: click.Context, /, file: str, target: str, output: str | None, class_name: str | None, **given: Any
) -> None:
    """Compile a flow."""
    found = load_flow(ctx, file, class_name, FlowOptions.take(given), data=True)
    text = compile_argo(found, given).to_yaml()
    warn(found, schedule=given["kind"] != "workflow")
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    path = Path(output)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    # A Workflow has no name of its own, but one that is made anew for each run, which `apply` cannot do.
    action = "create" if given["kind"] == "workflow" else "apply --server-side"
    click.echo(f"{path}: {len(text.encode()):,} bytes; kubectl {action} -f {path}", err=True)


def compile_argo(found: Checked, given: Mapping[str, str | None], *, sends: bool = True) -> Bundle:
    """The manifests of a flow without faults, by `argo_options`; what Argo cannot take ends the program.

    `sends` is whether files that have no room in them go to the store.
    """
    from flowc.cli.running.ignoring import travelling
    from flowc.frontends.metaflow.foreign import foreign_decorators, packing_decorators
    from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
    from flowc.frontends.travel import check_package, left_behind
    from flowc.passes.pack_files import pack_files, send_files
    from flowc.targets import BackendError
    from flowc.targets.argo import compile_flow
    from flowc_ir.diagnostic import Faults

    require_runnable(found.flow)
    faults = Faults()
    check_package(found.package, found.flow, faults)
    if not faults:
        foreign_decorators(found.cls, found.flow, found.package, faults)
        packing_decorators(found.flow, faults)
    if faults:
        report(faults, found.package.root)
        raise SystemExit(FAULTY)
    for line in left_behind(found.package):
        click.echo(f"note: {line}", err=True)
    found = travelling(found)
    try:
        given = dict(given)
        environment = chosen(click.get_current_context(), given.pop("environment", None))
        settings = _settings(given)
        named = given.get("store") is not None or configuration.lookup("cluster-store").source != "default"
        ds_type = datastore_of(settings.store)
        with redirect_stdout(sys.stderr):  # what functions of the user's print is no part of the manifests
            flow = resolve_defaults(found.flow, found.cls, ds_type=ds_type)
        beside = (found.package.root / flow.code.file).parent
        room, send = _room(found.package, flow, settings if named else None)
        flow = pack_files(without_packages(flow, environment), beside, room)
        files = tuple(sorted([*found.package.files, *room.packed.items()]))
        bundle = compile_flow(flow, replace(found.package, files=files), settings)
        if sends:
            send_files(room, send)
    except (DefaultError, BackendError) as error:
        report(error.diagnostics, found.package.root)
        raise SystemExit(FAULTY) from None
    except ModuleNotFoundError as error:
        if error.name not in ("hera", "yaml"):
            raise
        fail(f"compiling to Argo needs {error.name}", "pip install 'flowc[argo]'")
    return bundle


def _room(package: Package, flow: Flow, named: Settings | None) -> tuple[Room, Callable[[str], dict[str, Any]]]:
    """Where files that are defaults go: what a ConfigMap holds beside code and IR, and the store, if it is named.

    And what sends a file there.
    """
    from flowc.cli.running.sending import sender
    from flowc.passes.pack_files import Room
    from flowc.targets.argo.checking.limits import MAX_CONFIG_MAP_BYTES
    from flowc_ir.schema import dumps
    from flowc_runtime.store.values.files import MAX_PACKED

    code = sum(len(content) for _, content in package.files) + len(dumps(flow).encode())
    left = MAX_CONFIG_MAP_BYTES - code - 2 * MAX_PACKED  # which small files take in the IR, encoded
    store, claim = (named.store, named.store_claim) if named is not None else (None, None)
    name, send = (sender(store, left, claim=claim, only_name=only_name) for only_name in (True, False))
    return Room(left, name), send


def _settings(given: Mapping[str, str | None]) -> Settings:
    """The command line, then the environment, then the configuration file, then the defaults."""
    from flowc.targets.argo import Settings

    configured = {name: configuration.lookup(key) for name, key in KEYS.items() if given.get(name) is None}
    values: dict[str, Any] = {name: found.value for name, found in configured.items() if found.source != "default"}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**values)
    except ValueError as error:
        found = configured.get(str(error).partition(":")[0])
        origin = f" ({found.place})" if found is not None and found.source != "default" else ""
        raise click.UsageError(f"setting {error}{origin}") from None
