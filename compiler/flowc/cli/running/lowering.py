"""Compiles (lowers) a flow without faults for a target, with settings from the command line, variables and files."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Generic, final

import click

from flowc.cli.options.common import FAULTY, fail, report
from flowc.cli.options.loading import require_runnable
from flowc.cli.running.environment import chosen, note_packages
from flowc.cli.running.ignoring import travelling
from flowc.frontends.metaflow.outside_decorators import foreign_decorators, packing_decorators
from flowc.frontends.metaflow.resolve_defaults import DefaultError, resolve_defaults
from flowc.frontends.travel import check_package, left_behind
from flowc.passes.context import Context, PassError, Room
from flowc.passes.pack_files import send_files
from flowc.targets import BackendError, fail_if
from flowc.targets.deployment import TargetError
from flowc.targets.target import Product, Settings
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.analysis import Analysis
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.dataclass import dataclass, replace
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.store.values.files import MAX_PACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc.cli.options.loading import Checked
    from flowc.cli.running.sending import sender
    from flowc.package import Package
    from flowc.passes import pipeline
    from flowc.passes.pipeline import Hook, Passed
    from flowc.targets.target import Target, Travel
    from flowc_ir import Flow
    from flowc_ir.diagnostic import Diagnostic
    from flowc_ir.schema import dumps
else:  # imported at first use: `flowc check` imports this module, but runs no pass
    pipeline = LateModule("flowc.passes.pipeline")
    dumps = LateFunction("flowc_ir.schema:dumps")
    sender = LateFunction("flowc.cli.running.sending:sender")  # only large files, which are sent to the store, need it


@final
@dataclass(frozen=True, slots=True)
class Lowered(Generic[Settings, Product]):
    """The result of lowering a flow for a target: the product (such as manifests), the target's settings, and the
    warnings."""

    product: Product
    settings: Settings
    warnings: tuple[Diagnostic, ...]


@final
@dataclass(frozen=True, slots=True)
class _Prepared:
    """A flow after the passes, with its code package. The function `send` sends files to the store: the defaults of
    parameters that are too large for the package."""

    passed: Passed
    package: Package
    send: Callable[[], None]


def lower_for(
    target: Target[Settings, Product], checked: Checked, options: Mapping[str, object], *, sends: bool = True
) -> Lowered[Settings, Product]:
    """Lower a flow for a target.

    Args:
        target: the target.
        checked: the flow.
        options: the values of `target.options` and `--environment` by name, or None for a missing option.
        sends: whether files that do not fit into the product, such as the manifests, are sent to the store.

    Raises:
        SystemExit: the target does not support the flow, a default cannot be computed, or files cannot be packaged. The
            errors are printed.
        click.UsageError: a setting is wrong.
    """
    values = {name: value for name, value in options.items() if name != "environment"}
    if target.travel is not None:
        checked = packaged(checked)
    environment = options.get("environment")
    with _reporting(checked):
        settings = _settings(target, values)
        named = values.get("store") is not None or configuration.lookup("cluster-store").source != "default"
        prepared = _prepare(target, checked, settings, environment if isinstance(environment, str) else None, named)
        product = _lower(target, prepared.passed.flow, prepared.package, settings)
        if sends:
            prepared.send()
    return Lowered(product, settings, prepared.passed.warnings)


def pass_flow(target: Target[Settings, Product], checked: Checked, hook: Hook) -> None:
    """Run the passes that precede the lowering for a target, with settings from variables and files.

    Args:
        target: the target.
        checked: the flow.
        hook: called after each pass with the pass's name and the resulting flow.

    Raises:
        SystemExit: a pass reports an error, or a default cannot be computed; the errors are printed.
        click.UsageError: a setting is wrong.
    """
    with _reporting(checked):
        named = configuration.lookup("cluster-store").source != "default"
        _prepare(target, checked, _settings(target, {}), None, named, hook)


@contextmanager
def _reporting(checked: Checked) -> Iterator[None]:
    """A context manager: if the code in the `with` block raises an error about the flow or the target, print the error
    and end the program."""
    try:
        yield
    except (DefaultError, PassError, BackendError) as error:
        report(error.diagnostics, checked.package.root)
        raise SystemExit(FAULTY) from None
    except TargetError as error:
        fail(error.message, error.hint)


def _settings(target: Target[Settings, Product], given: Mapping[str, object]) -> Settings:
    """Return the settings of a target.

    The sources, in their order of precedence: the command line, environment variables, the configuration file, the
    defaults.
    """
    configured = {name: configuration.lookup(key) for name, key in target.configured.items() if given.get(name) is None}
    values: dict[str, object] = {name: each.value for name, each in configured.items() if each.source != "default"}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return target.settings(values)
    except ValueError as error:
        found = configured.get(str(error).partition(":")[0])
        origin = f" ({found.place})" if found is not None and found.source != "default" else ""
        raise click.UsageError(f"setting {error}{origin}") from None


def packaged(checked: Checked) -> Checked:
    """Check that the flow can be packaged, and return it with a code package without the files that git ignores.

    Raises:
        SystemExit: the flow cannot be packaged; the errors are printed.
    """
    require_runnable(checked.flow)
    faults = Faults()
    check_package(checked.package, checked.flow, faults)
    if not faults:
        foreign_decorators(checked.cls, checked.flow, checked.package, faults)
        packing_decorators(checked.flow, faults)
    if faults:
        report(faults, checked.package.root)
        raise SystemExit(FAULTY)
    for line in left_behind(checked.package):
        click.echo(f"note: {line}", err=True)
    return travelling(checked)


def _prepare(
    target: Target[Settings, Product],
    checked: Checked,
    settings: Settings,
    environment: str | None,
    named: bool,
    hook: Hook | None = None,
) -> _Prepared:
    """Compute the defaults of parameters and run the passes.

    `named` is true if an option or a setting names the store of the runs.
    """
    hook = hook or pipeline.verify_after
    scheduled = target.scheduled(settings)
    if target.travel is None:  # the target runs no tasks, so it needs neither defaults nor packed files
        return _Prepared(
            pipeline.run_passes(checked.flow, Context(scheduled=scheduled), hook), checked.package, lambda: None
        )
    travel = target.travel(settings)
    choice = chosen(click.get_current_context(), environment)
    with redirect_stdout(sys.stderr):  # stdout is reserved for the product; user functions may print
        flow = resolve_defaults(checked.flow, checked.cls, ds_type=datastore_of(travel.store))
    hook(pipeline.RESOLVE_DEFAULTS, flow)
    room, send = _room(checked.package, flow, travel, named=named)
    note_packages(flow, choice)
    context = Context(
        scheduled=scheduled,
        packages=choice != "local",
        beside=(checked.package.root / flow.code.file).parent,
        room=room,
    )
    passed = pipeline.run_passes(flow, context, hook)
    files = tuple(sorted([*checked.package.files, *room.packed.items()]))
    return _Prepared(passed, replace(checked.package, files=files), lambda: send_files(room, send))


def _lower(target: Target[Settings, Product], flow: Flow, package: Package, settings: Settings) -> Product:
    analysis, faults = Analysis(flow), Faults()
    target.check(analysis, settings, faults)
    fail_if(faults)
    return target.lower(analysis, package, settings)


def _room(
    package: Package, flow: Flow, travel: Travel, *, named: bool
) -> tuple[Room, Callable[[str], dict[str, object]]]:
    """Some parameters have a file as their default. Return the space for these files in the code package, and a
    function that sends one of these files to the store.

    Files are packaged beside the code and the IR if there is space; otherwise they are sent to the store if an option
    or setting names one.
    """
    code = sum(len(content) for _, content in package.files) + len(dumps(flow).encode())
    left = travel.capacity - code - 2 * MAX_PACKED  # reserves space for small files, which are encoded in the IR
    store, claim = (travel.store, travel.claim) if named else (None, None)

    def name(path: str) -> dict[str, object]:
        return sender(store, left, claim=claim, only_name=True)(path)

    def send(path: str) -> dict[str, object]:
        return sender(store, left, claim=claim)(path)

    return Room(left, name), send
