"""What several commands need: loading a flow with its faults told, naming things in the store."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TextIO, TypeVar

import click

from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.contract import STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc.frontends.metaflow.decorators.project import ProjectBranch
    from flowc.frontends.metaflow.flowspec import Loaded
    from flowc.opening import Asked, ChooseClass, CodeOf
    from flowc.package import Package
    from flowc_ir import Code, Flow
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.run.views.run_records import RunRecords
    from flowc_runtime.store.records.store import RunStore, Store
    from metaflow._program import FlowProgram

    Command = TypeVar("Command", bound=Callable[..., Any])

FAULTY = 1  # exit code: the flow has a fault, the run failed, what was asked for does not exist
USAGE = 2  # exit code: the command line is wrong, a config that it gives too


class Checked(NamedTuple):
    """A flow without faults."""

    flow: Flow
    program: FlowProgram
    package: Package

    @property
    def cls(self) -> type:
        """The flow's class."""
        return self.program.cls


CODE_HELP = "Where the code of an IR is; without, beside the IR."
flow_options: tuple[Any, ...] = (
    click.option("--with", "with_decorators", multiple=True, metavar="DECORATOR",
                 help="Add a decorator to steps that lack it, as in retry:times=3; may be repeated."),
    click.option("--branch", metavar="NAME", help="Use this branch of a flow with @project [$METAFLOW_BRANCH]."),
    click.option("--production", is_flag=True,
                 help="Use the production branch of a flow with @project [$METAFLOW_PRODUCTION]."),
    click.option("--package-suffixes", metavar="LIST",
                 help="Package files with these endings besides Python's, as in .sql,.csv [$FLOWC_PACKAGE_SUFFIXES]."),
    click.option("--code", "code_place", metavar="DIR|ARCHIVE", help=CODE_HELP),
)  # fmt: skip
"""What the command line says of a flow, whatever is done with it: `FlowOptions`."""


class FlowOptions(NamedTuple):
    """The values of `flow_options`."""

    with_decorators: Sequence[str] = ()
    branch: str | None = None
    production: bool = False
    package_suffixes: str | None = None
    code_place: str | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> FlowOptions:
        """Those among the options of a command, which loses them."""
        return cls(**{name: options.pop(name) for name in cls._fields})

    def deployment(self) -> ProjectBranch:
        """With what the environment says where the command line says nothing."""
        from flowc.frontends.metaflow.decorators.project import ProjectBranch

        production = os.environ.get("METAFLOW_PRODUCTION", "").lower() in ("1", "t", "true", "y", "yes", "on")
        return ProjectBranch(
            user=user_name(),
            branch=self.branch if self.branch is not None else os.environ.get("METAFLOW_BRANCH") or None,
            production=self.production or production,
            # A variable may be meant for other flows; an option is meant for this one.
            needs_project=self.branch is not None or self.production,
        )

    def suffixes(self) -> tuple[str, ...]:
        """Endings of files that travel besides Python's: those of the settings, and those given."""
        from flowc_runtime.base.config import configuration

        given = [part.strip() for part in (self.package_suffixes or ".").split(",")]
        if not all(given):
            raise click.UsageError(f"--package-suffixes is a list such as .sql,.csv, not {self.package_suffixes!r}")
        found = [part.strip() for part in (configuration.text("package-suffixes") or "").split(",")]
        return tuple(part for part in dict.fromkeys([*found, *given]) if part not in ("", "."))

    def added(self) -> list[str]:
        """The decorators to add; METAFLOW_DEFAULT_DECOSPECS holds some too, with blanks between."""
        from flowc_runtime.base.config import settings

        return [*self.with_decorators, *(settings.get("DEFAULT_DECOSPECS") or "").split()]


def with_flow_options(function: Command) -> Command:
    """Add `flow_options` to a command."""
    for option in reversed(flow_options):
        function = option(function)
    return function


class Top(NamedTuple):
    """What stands before the command of a flow's file: `python flow.py --quiet --with retry run`."""

    quiet: bool | None = None
    environment: str | None = None
    datastore: str | None = None
    datastore_root: str | None = None
    with_decorators: tuple[str, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    config_value: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    branch: str | None = None
    production: bool | None = None
    cache: bool | None = None
    package_suffixes: str | None = None
    triggers: tuple[str, ...] = ()


NO_TOP = Top()
ROOT = "flowc.root"  # in a context's `meta`: the root of the code that the flow's file is relative to, if known
CODE = "flowc.code"  # in a context's `meta`: the `CodeOf` of an IR that is run
TOP = "flowc.top"  # in a context's `meta`, which nested contexts share


def top(ctx: click.Context | None = None) -> Top:
    """The options that came before the command, if there are any."""
    here = ctx or click.get_current_context(silent=True)
    found = here.meta.get(TOP, NO_TOP) if here is not None else NO_TOP
    assert isinstance(found, Top)
    return found


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
    from flowc.opening import CodeOf

    known: CodeOf | None = ctx.meta.get(CODE)
    return known if known is not None else CodeOf(options.code_place, options.suffixes())


def _asked(ctx: click.Context, options: FlowOptions) -> Asked:
    """What the command line and the environment say of the flow."""
    from flowc.cli.options.configs import config_sources
    from flowc.cli.options.definitions import top_of_environment
    from flowc.frontends.metaflow.decorators.with_decorators import parse_with
    from flowc.opening import Asked

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
    from flowc.opening import CodeOf, OpeningError, open_flow

    code = code or CodeOf()
    try:
        return checked(open_flow(words, asked, class_name=class_name, otherwise=otherwise, root=root, code=code))
    except OpeningError as error:
        from flowc.cli.words.run_names import find_named

        message, hint = find_named(words) or (error.message, error.hint)
        fail(message, hint, code=USAGE)


def checked(loaded: Loaded) -> Checked:
    """The flow, if it has no fault."""
    if loaded.flow is None or loaded.program is None:
        from flowc_ir.codes import CONFIG_VALUE

        report(loaded.diagnostics, loaded.package.root)
        given_wrongly = all(diagnostic.code == CONFIG_VALUE for diagnostic in loaded.diagnostics)
        raise SystemExit(USAGE if given_wrongly else FAULTY)
    return Checked(loaded.flow, loaded.program, loaded.package)


def require_runnable(flow: Flow) -> None:
    """End the program if the flow has a step of a kind that no task can run yet."""
    from flowc_runtime.base.errors import ProtocolError
    from flowc_runtime.run.program import check_runnable

    try:
        check_runnable(flow)
    except ProtocolError as error:
        fail(str(error))


def report(diagnostics: Iterable[Diagnostic], root: Path) -> None:
    """Print faults and warnings: on stderr, in color on a terminal, or as `--error-format` says."""
    form = error_format()
    if form.name != "text":
        from flowc.reporting import write
        from flowc.reporting.facts import facts_of

        click.echo(write(facts_of(diagnostics, root), form.name), file=form.file or sys.stderr, nl=False)
        return
    from flowc.diagnostics import render

    columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    click.echo(render(diagnostics, root, cwd=Path.cwd(), color=use_color(), columns=columns), err=True, nl=False)


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


class ErrorFormat(NamedTuple):
    """How errors are printed: the value of `--error-format`, and where those for programs go, if not to stderr."""

    name: str = "text"
    file: TextIO | None = None


ERROR_FORMAT = "flowc.error_format"  # in a context's `meta`: the ErrorFormat of the command


def error_format() -> ErrorFormat:
    """Return how the command that is being called prints errors."""
    ctx = click.get_current_context(silent=True)
    found = ctx.meta.get(ERROR_FORMAT) if ctx is not None else None
    return found if isinstance(found, ErrorFormat) else ErrorFormat()


def use_color() -> bool:
    """Whether stderr shows colors and nobody asked for none (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fail(message: str, hint: str | None = None, *, code: int = FAULTY) -> NoReturn:
    """Say what is wrong, in one line and perhaps a hint, and end with this exit code."""
    tell_error(message, hint)
    raise SystemExit(code)


def tell_error(message: str, hint: str | None = None) -> None:
    """Print what is wrong on stderr, in one line and perhaps a hint, or as `--error-format` says."""
    form = error_format()
    if form.name != "text":
        from flowc.reporting import write
        from flowc.reporting.facts import Fact

        click.echo(write([Fact(message, hint)], form.name), file=form.file or sys.stderr, nl=False)
        return
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Around what writes a file that the command line names. Raises FlowcError."""
    from flowc_runtime.base.errors import FlowcError

    try:
        yield
    except OSError as error:
        raise FlowcError(f"cannot write {path}: {error.strerror or error}") from error


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


# -- the store ---------------------------------------------------------------------------------------------------------

store_option = click.option(
    "--store",
    "store_url",
    metavar="DIR|URL",
    help=f"Where runs are kept [default: ${STORE}, `store` in flowc.toml, or .flowc found upward].",
)


def open_store(url: str | None) -> Store:
    """The store that was asked for, or the default one."""
    from flowc_runtime.base.config.whereabouts import default_url
    from flowc_runtime.base.errors import FlowcError
    from flowc_runtime.store.records.store import Store

    given = top()
    try:
        return Store.open(url or default_url(datastore=given.datastore, root=given.datastore_root))
    except FlowcError as error:
        fail(str(error))


class Pathspec(NamedTuple):
    """FLOW/RUN/STEP/TASK as far as it was given; `path` is the task's index path."""

    run: RunStore
    step: str | None
    path: str | None


def find_run(store: Store, pathspec: str, *, least: int = 2, to_read: bool = False) -> Pathspec:
    """The run (and perhaps step and task) of a pathspec. What does not exist ends the program.

    RUN may be `latest`, TASK the task's id or its index path alone; see `parts_of`. `to_read` finds tasks too that have
    no process of their own (`flowc_runtime.run.views.run_records`).
    """
    from flowc.cli.words.run_names import hint_for, no_flow, no_pathspec, parts_of

    parts = parts_of(store, pathspec)
    if not least <= len(parts) <= 4 or not all(parts):
        raise no_pathspec(store, pathspec, least)
    flow, run_id, step, task = [*parts, None, None][:4]
    assert flow and run_id
    runs = store.runs(flow)
    if not runs:
        no_flow(store, flow, pathspec)
    if run_id == "latest":
        run_id = runs[-1]
    run = store.run(flow, run_id)
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", hint_for(run_id, runs[-5:], "newest runs", also=["latest"]))
    if step is None:
        return Pathspec(run, None, None)
    from flowc_runtime.run.views.run_records import RunRecords

    view = RunRecords(run)
    if step not in run.steps() and not (to_read and view.has_step(step)):
        fail(f"run '{run_id}' has no tasks of a step '{step}'", hint_for(step, run.steps(), "steps"))
    return Pathspec(run, step, None if task is None else find_path(view if to_read else run, step, task))


def find_path(run: RunStore | RunRecords, step: str, task: str) -> str:
    """Return the index path of a task of a step, named by its id or that path. Without such a task the program ends."""
    from flowc.cli.words.run_names import hint_for
    from flowc_runtime.base.errors import ProtocolError
    from flowc_runtime.base.index import path_of, task_id

    known = run.attempts(step)
    try:
        path = path_of(step, task)
    except ProtocolError:
        path = ""
    if path not in known:
        ids = [task_id(step, each) for each in known]
        fail(f"step '{step}' has no task '{task}'", hint_for(task, ids[:5], "tasks"))
    return path
