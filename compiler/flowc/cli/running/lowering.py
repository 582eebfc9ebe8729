"""A flow without faults becomes what a target makes of it, as the command line, variables and files say."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, final

import click

from flowc.cli.options.common import FAULTY, fail, report, require_runnable
from flowc.cli.running.environment import chosen, without_packages
from flowc.targets import BackendError, fail_if
from flowc.targets.deployment import TargetError
from flowc.targets.target import Product, Settings
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import datastore_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.cli.options.common import Checked
    from flowc.package import Package
    from flowc.passes.pack_files import Room
    from flowc.targets.target import Target, Travel
    from flowc_ir import Flow


@final
@dataclass(frozen=True, slots=True)
class Lowered(Generic[Settings, Product]):
    """What a target has made of a flow, and with which settings."""

    product: Product
    settings: Settings


def lower_for(
    target: Target[Settings, Product], found: Checked, given: Mapping[str, object], *, sends: bool = True
) -> Lowered[Settings, Product]:
    """Lower a flow; what the target cannot take ends the program.

    `given` are the values of `target.options` and of --environment by their names, None where the command line says
    nothing. `sends` is whether files that have no room in the product go to the store.
    """
    from flowc.frontends.metaflow.resolve_defaults import DefaultError

    values = {name: value for name, value in given.items() if name != "environment"}
    if target.travel is not None:
        found = _travelling(found)
    try:
        settings = _settings(target, values)
        if target.travel is None:  # nothing of the flow runs
            return Lowered(_lower(target, found.flow, found.package, settings), settings)
        named = values.get("store") is not None or configuration.lookup("cluster-store").source != "default"
        return Lowered(_lower_whole(target, found, settings, given.get("environment"), named, sends), settings)
    except (DefaultError, BackendError) as error:
        report(error.diagnostics, found.package.root)
        raise SystemExit(FAULTY) from None
    except TargetError as error:
        fail(error.message, error.hint)


def _settings(target: Target[Settings, Product], given: Mapping[str, object]) -> Settings:
    """The command line, then the environment, then the configuration file, then the defaults."""
    configured = {name: configuration.lookup(key) for name, key in target.configured.items() if given.get(name) is None}
    values: dict[str, object] = {name: each.value for name, each in configured.items() if each.source != "default"}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return target.settings(values)
    except ValueError as error:
        found = configured.get(str(error).partition(":")[0])
        origin = f" ({found.place})" if found is not None and found.source != "default" else ""
        raise click.UsageError(f"setting {error}{origin}") from None


def _travelling(found: Checked) -> Checked:
    """The flow with the files that travel; one that cannot travel ends the program."""
    from flowc.cli.running.ignoring import travelling
    from flowc.frontends.metaflow.foreign import foreign_decorators, packing_decorators
    from flowc.frontends.travel import check_package, left_behind

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
    return travelling(found)


def _lower_whole(
    target: Target[Settings, Product], found: Checked, settings: Settings, environment: object, named: bool, sends: bool
) -> Product:
    """Lower a flow with its defaults and the files that they are; `named` is whether the runs' store is named."""
    from flowc.frontends.metaflow.resolve_defaults import resolve_defaults
    from flowc.passes.pack_files import pack_files, send_files

    assert target.travel is not None
    travel = target.travel(settings)
    choice = chosen(click.get_current_context(), environment if isinstance(environment, str) else None)
    with redirect_stdout(sys.stderr):  # what functions of the user's print is no part of the product
        flow = resolve_defaults(found.flow, found.cls, ds_type=datastore_of(travel.store))
    beside = (found.package.root / flow.code.file).parent
    room, send = _room(found.package, flow, travel, named=named)
    flow = pack_files(without_packages(flow, choice), beside, room)
    files = tuple(sorted([*found.package.files, *room.packed.items()]))
    product = _lower(target, flow, replace(found.package, files=files), settings)
    if sends:
        send_files(room, send)
    return product


def _lower(target: Target[Settings, Product], flow: Flow, package: Package, settings: Settings) -> Product:
    analysis, faults = Analysis(flow), Faults()
    target.check(analysis, settings, faults)
    fail_if(faults)
    return target.lower(analysis, package, settings)


def _room(package: Package, flow: Flow, travel: Travel, *, named: bool) -> tuple[Room, Callable[[str], dict[str, Any]]]:
    """Return where files that are defaults go, beside code and IR or to a store that is named, and what sends them."""
    from flowc.cli.running.sending import sender
    from flowc.passes.pack_files import Room
    from flowc_ir.schema import dumps
    from flowc_runtime.store.values.files import MAX_PACKED

    code = sum(len(content) for _, content in package.files) + len(dumps(flow).encode())
    left = travel.capacity - code - 2 * MAX_PACKED  # which small files take in the IR, encoded
    store, claim = (travel.store, travel.claim) if named else (None, None)
    name, send = (sender(store, left, claim=claim, only_name=only_name) for only_name in (True, False))
    return Room(left, name), send
