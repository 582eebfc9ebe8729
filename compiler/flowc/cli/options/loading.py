"""Loads the flow that a command line names. If the flow has faults, they are printed, and the program ends."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import CODE, FAULTY, LOADED, ROOT, TOP, USAGE, FlowOptions, fail, report, top
from flowc.cli.options.configs import config_sources
from flowc.cli.options.definitions import top_of_environment
from flowc.flow_files import OpeningError
from flowc.frontends.metaflow.load_options import LoadOptions
from flowc.opening import CodeOf, open_flow
from flowc_ir.codes import CONFIG_VALUE
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config import configuration
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.run.program import check_runnable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc.cli.options.common import Top
    from flowc.cli.words.run_names import find_named
    from flowc.frontends.loaded import Loaded, LoadedProgram
    from flowc.frontends.metaflow.decorators import project, with_decorators
    from flowc.frontends.metaflow.flowspec import load_class
    from flowc.frontends.metaflow.load_options import ChooseClass
    from flowc.frontends.metaflow.type_warnings import check_types
    from flowc.package import Package
    from flowc.passes import context, pipeline
    from flowc_ir import Code, Flow
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.base.config.config_file import ConfigFile
    from flowc_runtime.store.records.store import Store
else:  # imported at first use: the help of commands does not need them
    find_named = LateFunction("flowc.cli.words.run_names:find_named")
    context = LateModule("flowc.passes.context")  # only tables in the configuration file need it
    pipeline = LateModule("flowc.passes.pipeline")
    project = LateModule("flowc.frontends.metaflow.decorators.project")
    with_decorators = LateModule("flowc.frontends.metaflow.decorators.with_decorators")
    load_class = LateFunction("flowc.frontends.metaflow.flowspec:load_class")
    check_types = LateFunction("flowc.frontends.metaflow.type_warnings:check_types")


class Checked(NamedTuple):
    """A flow without faults, with its program (the object with which tasks call the flow's code) and its code
    package."""

    flow: Flow
    program: LoadedProgram
    package: Package

    @property
    def cls(self) -> type:
        """The flow's class."""
        return self.program.cls


def _with_top(options: FlowOptions, given: Top) -> FlowOptions:
    """Return the options after the command combined with the options before the command."""
    return FlowOptions(
        [*given.with_decorators, *options.with_decorators, *(["cache"] if given.cache else [])],
        options.branch if options.branch is not None else given.branch,
        options.production or bool(given.production),
        options.package_suffixes if options.package_suffixes is not None else given.package_suffixes,
        options.code_place,
    )


def load_flow(
    ctx: click.Context,
    file: str | None,
    class_name: str | None = None,
    options: FlowOptions | None = None,
    *,
    data: bool = False,
    read: Callable[[type], object] | None = None,
    otherwise: ChooseClass | None = None,
) -> Checked:
    """Load and return the flow that FLOW names, or the flow of `python flow.py`.

    Args:
        ctx: the command's context. For `python flow.py`, the object of the context is the flow's class.
        file: the argument FLOW; ignored for `python flow.py`.
        class_name: the value of `--flow`.
        options: the values of `flow_options`.
        data: whether stdout is reserved for the command's output. If it is reserved, output of the flow's code goes to
            stderr.
        read: called with the flow's class before the flow is lowered, if the options depend on the class's parameters.
        otherwise: chooses the class if neither FLOW nor `class_name` names one; see `open_flow`.

    Raises:
        SystemExit: the flow has faults, or FLOW names no flow; the errors are printed.
        click.UsageError: `--with` names an unknown decorator, or the flow does not allow `--branch` or `--production`.
    """

    def ask(cls: type) -> LoadOptions:
        if read is not None:
            read(cls)
        return _asked(ctx, options or FlowOptions())

    with redirect_stdout(sys.stderr) if data else nullcontext():
        cls = ctx.find_object(type)
        try:
            if (held := ctx.meta.get(LOADED)) is not None:
                return _of_loaded(held, ask)
            if cls is not None:
                return _of_class(cls, ask(cls))
            assert file is not None
            root, code = ctx.meta.get(ROOT), code_of(ctx, options or FlowOptions())
            return opened(file, ask, class_name=class_name, otherwise=otherwise, root=root, code=code)
        except with_decorators.WithError as error:
            if cls is not None:
                fail(str(error))  # Metaflow's exit code
            raise click.UsageError(str(error), ctx) from None
        except project.DeploymentError as error:
            raise click.UsageError(str(error), ctx) from None


def code_of(ctx: click.Context, options: FlowOptions) -> CodeOf:
    """Return the location of an IR's code from the command line, without reading the IR."""
    known: CodeOf | None = ctx.meta.get(CODE)
    return known if known is not None else CodeOf(options.code_place, options.suffixes())


def _asked(ctx: click.Context, options: FlowOptions) -> LoadOptions:
    """Return the decorators, project branch, configs and suffixes from the command line and the environment."""
    before = top(ctx) if TOP in ctx.meta else top_of_environment()
    options = _with_top(options, before)
    return LoadOptions(
        with_decorators.parse_with(options.added()),
        options.deployment(),
        config_sources(ctx, before),
        options.suffixes(),
    )


def _of_loaded(loaded: Loaded, ask: Callable[[type], LoadOptions]) -> Checked:
    """Return a flow that this process has already loaded. Options such as `--with` have no effect on a flow that is
    already loaded."""
    assert loaded.cls is not None
    ask(loaded.cls)
    return checked(loaded)


def _of_class(cls: type, asked: LoadOptions) -> Checked:
    return checked(load_class(cls, ask=lambda _: asked))


def opened(
    words: str,
    asked: LoadOptions | Callable[[type], LoadOptions],
    *,
    class_name: str | None = None,
    otherwise: ChooseClass | None = None,
    root: Path | None = None,
    code: CodeOf | None = None,
) -> Checked:
    """Load and return the flow that the argument FLOW names (`flowc.opening`).

    Args:
        words: a file or module, with or without a class.
        asked: the decorators, project branch and configs to apply, or a function that returns them for the flow's
            class.
        class_name: the value of `--flow`.
        otherwise: chooses the class if neither FLOW nor `class_name` names one; see `open_flow`.
        root: the root directory of the flow's code, to which the file in FLOW is relative.
        code: the location of an IR's code.

    Raises:
        SystemExit: the argument names no flow (exit code 2), or the flow has faults; the errors are printed.
    """
    code = code or CodeOf()
    try:
        return checked(open_flow(words, asked, class_name=class_name, otherwise=otherwise, root=root, code=code))
    except OpeningError as error:
        message, hint = find_named(words) or (error.message, error.hint)
        fail(message, hint, code=USAGE)


def checked(loaded: Loaded) -> Checked:
    """Check that a loaded flow has no faults, and give its steps the values that the tables `[defaults]`,
    `[overrides.NAME]` and `[steps.FLOW.STEP]` of the configuration file set.

    Raises:
        SystemExit: the flow has faults, which are printed. The exit code is 2 if all faults are about values of
            configs.
        ConfigurationError: the configuration file has a fault.
    """
    if loaded.flow is None or loaded.program is None:
        report(loaded.diagnostics, loaded.package.root)
        given_wrongly = all(diagnostic.code == CONFIG_VALUE for diagnostic in loaded.diagnostics)
        raise SystemExit(USAGE if given_wrongly else FAULTY)
    try:
        flow = configured(loaded.flow, configuration.current_file())
    except context.PassError as error:
        report(error.diagnostics, loaded.package.root)
        raise SystemExit(FAULTY) from None
    return Checked(flow, loaded.program, loaded.package)


def configured(flow: Flow, file: ConfigFile | None) -> Flow:
    """Return the flow; its steps have the values that the tables `[defaults]`, `[overrides.NAME]` and
    `[steps.FLOW.STEP]` of a configuration file set.

    Args:
        flow: a flow without faults.
        file: the configuration file, or None if there is no file.

    Raises:
        PassError: a step names a table `[overrides.NAME]` that the configuration file does not have.
        ConfigurationError: the file names a step that the flow does not have.
    """
    pods = file.pods if file is not None else None
    if pods is None and not any(node.override for node in flow.nodes):
        return flow
    given = context.Context(pods=pods, configuration=file.shown) if file is not None else context.Context()
    return pipeline.run_passes(flow, given, passes=pipeline.LOADED).flow


def require_runnable(flow: Flow) -> None:
    """End the program if the flow has a kind of step that flowc cannot run yet.

    Raises:
        SystemExit: the flow has a step that flowc cannot run; the error is printed.
    """
    try:
        check_runnable(flow)
    except ProtocolError as error:
        fail(str(error))


def warn(checked: Checked, warnings: Iterable[Diagnostic]) -> int:
    """Print warnings about a flow without faults, and return the number of warnings. Warnings about types are printed
    first."""
    if found_all := [*check_types(checked.cls, checked.flow), *warnings]:
        report(found_all, checked.package.root)
    return len(found_all)


def root_of(store: Store, code: Code, hint: str) -> Path:
    """Return the root directory of a run's code.

    The root is the working directory if the code's file exists there, otherwise the parent of the store's directory.

    Args:
        store: the store of the run.
        code: the run's code. The code's file must exist below the root.
        hint: the hint of the error if neither directory has the file.

    Raises:
        SystemExit: neither directory has the file; the error is printed.
    """
    beside = Path(store.objects.url.removeprefix("file://")).parent
    for root in (Path.cwd(), beside):
        if os.path.isfile(root / code.file):
            return root
    fail(f"the flow's file {code.file} is neither in the working directory nor beside the store", hint)
