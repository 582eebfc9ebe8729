"""Loading the flow that a command line names; its faults are printed and end the program."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from flowc.cli.options.common import CODE, FAULTY, ROOT, TOP, USAGE, FlowOptions, fail, report, top
from flowc.cli.options.configs import config_sources
from flowc.cli.options.definitions import top_of_environment
from flowc.cli.words.run_names import find_named
from flowc.frontends.metaflow.asked import Asked
from flowc.opening import CodeOf, OpeningError, open_flow
from flowc_ir.codes import CONFIG_VALUE
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.run.program import check_runnable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc.cli.options.common import Top
    from flowc.frontends.metaflow.asked import ChooseClass
    from flowc.frontends.metaflow.flowspec import Loaded
    from flowc.package import Package
    from flowc_ir import Code, Flow
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.store.records.store import Store
    from metaflow._program import FlowProgram


class Checked(NamedTuple):
    """A flow without faults."""

    flow: Flow
    program: FlowProgram
    package: Package

    @property
    def cls(self) -> type:
        """The flow's class."""
        return self.program.cls


def _with_top(options: FlowOptions, given: Top) -> FlowOptions:
    """The options of a command, with those that came before it."""
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
    """The flow of a file or module, or the one whose own command line this is. Its faults end the program, printed.

    With `data` stdout is kept for what the command prints: what the flow's own code prints goes to stderr. `read` is
    called with the flow's class before anything of it is looked at, where the words depend on what it declares;
    `otherwise` is that of `open_flow`.
    """
    from flowc.frontends.metaflow.decorators.project import DeploymentError
    from flowc.frontends.metaflow.decorators.with_decorators import WithError

    def ask(cls: type) -> Asked:
        if read is not None:
            read(cls)
        return _asked(ctx, options or FlowOptions())

    with redirect_stdout(sys.stderr) if data else nullcontext():
        cls = ctx.find_object(type)
        try:
            if cls is not None:
                return _of_class(cls, ask(cls))
            assert file is not None
            root, code = ctx.meta.get(ROOT), code_of(ctx, options or FlowOptions())
            return opened(file, ask, class_name=class_name, otherwise=otherwise, root=root, code=code)
        except WithError as error:
            if cls is not None:
                fail(str(error))  # Metaflow's exit code
            raise click.UsageError(str(error), ctx) from None
        except DeploymentError as error:
            raise click.UsageError(str(error), ctx) from None


def code_of(ctx: click.Context, options: FlowOptions) -> CodeOf:
    """Return where the code of an IR is, as the command line says before the IR is read."""
    known: CodeOf | None = ctx.meta.get(CODE)
    return known if known is not None else CodeOf(options.code_place, options.suffixes())


def _asked(ctx: click.Context, options: FlowOptions) -> Asked:
    """What the command line and the environment say of the flow."""
    from flowc.frontends.metaflow.decorators.with_decorators import parse_with

    before = top(ctx) if TOP in ctx.meta else top_of_environment()
    options = _with_top(options, before)
    return Asked(parse_with(options.added()), options.deployment(), config_sources(ctx, before), options.suffixes())


def _of_class(cls: type, asked: Asked) -> Checked:
    from flowc.frontends.metaflow.flowspec import load_class

    return checked(load_class(cls, ask=lambda _: asked))


def opened(
    words: str,
    asked: Asked | Callable[[type], Asked],
    *,
    class_name: str | None = None,
    otherwise: ChooseClass | None = None,
    root: Path | None = None,
    code: CodeOf | None = None,
) -> Checked:
    """The flow that the words name (`flowc.opening`), if it has no fault; else the program ends."""
    code = code or CodeOf()
    try:
        return checked(open_flow(words, asked, class_name=class_name, otherwise=otherwise, root=root, code=code))
    except OpeningError as error:
        message, hint = find_named(words) or (error.message, error.hint)
        fail(message, hint, code=USAGE)


def checked(loaded: Loaded) -> Checked:
    """The flow, if it has no fault."""
    if loaded.flow is None or loaded.program is None:
        report(loaded.diagnostics, loaded.package.root)
        given_wrongly = all(diagnostic.code == CONFIG_VALUE for diagnostic in loaded.diagnostics)
        raise SystemExit(USAGE if given_wrongly else FAULTY)
    return Checked(loaded.flow, loaded.program, loaded.package)


def require_runnable(flow: Flow) -> None:
    """End the program if the flow has a step of a kind that no task can run yet."""
    try:
        check_runnable(flow)
    except ProtocolError as error:
        fail(str(error))


def warn(found: Checked, warnings: Iterable[Diagnostic]) -> int:
    """Print warnings about a flow without faults, its types' first, on stderr; return how many there are."""
    from flowc.frontends.metaflow.type_warnings import check_types

    if found_all := [*check_types(found.cls, found.flow), *warnings]:
        report(found_all, found.package.root)
    return len(found_all)


def root_of(store: Store, code: Code, hint: str) -> Path:
    """The root of the code of a run's flow, here or beside the store; where it is neither, the program ends."""
    beside = Path(store.objects.url.removeprefix("file://")).parent
    for root in (Path.cwd(), beside):
        if os.path.isfile(root / code.file):
            return root
    fail(f"the flow's file {code.file} is neither here nor beside the store", hint)
