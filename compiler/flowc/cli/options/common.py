"""What several commands need: loading a flow with its faults told, naming things in the store."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TextIO, TypeVar

import click

from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.contract import STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from click.parser import _OptionParser

    from flowc.frontends.metaflow.decorators.project import ProjectBranch
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.store.records.store import Store

    Command = TypeVar("Command", bound=Callable[..., Any])

FAULTY = 1  # exit code: the flow has a fault, the run failed, what was asked for does not exist
USAGE = 2  # exit code: the command line is wrong, a config that it gives too


class CodeOption(click.Option):
    """The option `--code`, which only `flowc` has: a flow's own file names no IR."""

    def add_to_parser(self, parser: _OptionParser, ctx: click.Context) -> None:
        """Let the parser know the option, except in the command line of a flow's own file."""
        if ctx.find_object(type) is None:
            super().add_to_parser(parser, ctx)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's row of the help; None in a flow's own file."""
        return super().get_help_record(ctx) if ctx.find_object(type) is None else None


CODE_HELP = "Where the code of an IR is; without, beside the IR."
flow_options: tuple[Any, ...] = (
    click.option("--with", "with_decorators", multiple=True, metavar="DECORATOR",
                 help="Add a decorator to steps that lack it, as in retry:times=3; may be repeated."),
    click.option("--branch", metavar="NAME", help="Use this branch of a flow with @project [$METAFLOW_BRANCH]."),
    click.option("--production", is_flag=True,
                 help="Use the production branch of a flow with @project [$METAFLOW_PRODUCTION]."),
    click.option("--package-suffixes", metavar="LIST",
                 help="Package files with these endings besides Python's, as in .sql,.csv [$FLOWC_PACKAGE_SUFFIXES]."),
    click.option("--code", "code_place", cls=CodeOption, metavar="DIR|ARCHIVE", help=CODE_HELP),
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
