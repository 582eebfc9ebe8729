"""Functions that several commands share: they add options about flows, print errors, and open the store."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config import configuration, settings
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.config.whereabouts import configuration_words, default_url
from flowc_runtime.base.contract import STORE
from flowc_runtime.base.errors import AddressError, ConfigurationError, FlowcError, LibraryError, SettingsError

if TYPE_CHECKING:
    import pathlib
    import shutil
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from click.parser import _OptionParser

    from flowc.cli.options.adding import Command, OptionDecorator
    from flowc.diagnostics import render
    from flowc.frontends.metaflow.decorators.project import ProjectBranch
    from flowc.reporting import write
    from flowc.reporting.facts import Fact, facts_of
    from flowc.ui.starting_page import missing_packages
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.store.records import store as records_store
    from flowc_runtime.store.records.store import Store
else:  # imported at first use, because the import costs start-up time
    pathlib = LateModule("pathlib")
    shutil = LateModule("shutil")

if not TYPE_CHECKING:  # imported at first use: only some commands need them
    render = LateFunction("flowc.diagnostics:render")
    ProjectBranch = LateFunction("flowc.frontends.metaflow.decorators.project:ProjectBranch")
    write = LateFunction("flowc.reporting:write")
    missing_packages = LateFunction("flowc.ui.starting_page:missing_packages")
    Fact = LateFunction("flowc.reporting.facts:Fact")
    facts_of = LateFunction("flowc.reporting.facts:facts_of")
    records_store = LateModule("flowc_runtime.store.records.store")

FAULTY = 1  # exit code: the flow has a fault, the run failed, or the requested object does not exist
USAGE = 2  # exit code: the command line, a config on it, or a setting is wrong


class CodeOption(click.Option):
    """The option `--code`. Only `flowc` has the option, because `python flow.py` always runs a class and not an IR."""

    def add_to_parser(self, parser: _OptionParser, ctx: click.Context) -> None:
        """Let the command's parser accept the option, but not if the command line is that of `python flow.py`."""
        if ctx.find_object(type) is None:
            super().add_to_parser(parser, ctx)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's row in the help. None for `python flow.py`, whose help omits the option."""
        return super().get_help_record(ctx) if ctx.find_object(type) is None else None


CODE_HELP = "Read an IR's code from here [default: beside the IR]."
flow_options: tuple[OptionDecorator, ...] = (
    click.option("--with", "with_decorators", multiple=True, metavar="DECORATOR",
                 help="Add a decorator to steps that lack it, as in retry:times=3; may be repeated."),
    click.option("--branch", metavar="NAME", help="Use this branch of a flow with @project [$METAFLOW_BRANCH]."),
    click.option("--production", is_flag=True,
                 help="Use the production branch of a flow with @project [$METAFLOW_PRODUCTION]."),
    click.option("--package-suffixes", metavar="LIST",
                 help="Package files with these endings besides Python's, as in .sql,.csv [$FLOWC_PACKAGE_SUFFIXES]."),
    click.option("--code", "code_place", cls=CodeOption, metavar="DIR|ARCHIVE", help=CODE_HELP),
)  # fmt: skip
"""The options of all commands that load a flow; `FlowOptions` has their values."""


class FlowOptions(NamedTuple):
    """The values of the options in `flow_options`. The value of a missing option is None or empty."""

    with_decorators: Sequence[str] = ()
    branch: str | None = None
    production: bool = False
    package_suffixes: str | None = None
    code_place: str | None = None

    @classmethod
    def take(cls, options: dict[str, object]) -> FlowOptions:
        """Return the values of `flow_options`, and remove them from a command's `options`.

        Raises:
            KeyError: the command does not have `flow_options`.
        """
        return cls._make(options.pop(name) for name in cls._fields)

    def deployment(self) -> ProjectBranch:
        """Return the values for a flow with @project: the user, the branch, and whether the production branch is used.

        If `--branch` or `--production` is missing, the variable `METAFLOW_BRANCH` or `METAFLOW_PRODUCTION` is used.
        Giving one of these options for a flow without @project is an error; setting one of these variables is not.
        """
        production = os.environ.get("METAFLOW_PRODUCTION", "").lower() in ("1", "t", "true", "y", "yes", "on")
        return ProjectBranch(
            user=user_name(),
            branch=self.branch if self.branch is not None else os.environ.get("METAFLOW_BRANCH") or None,
            production=self.production or production,
            # Giving an option for a flow without @project is an error; a variable is allowed, because it may be set for
            # other flows.
            needs_project=self.branch is not None or self.production,
        )

    def suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of the files that the code package has in addition to Python files.

        The suffixes in the settings come first, then the suffixes of the option.

        Raises:
            click.UsageError: the option's list has an empty item.
            ConfigurationError: the configuration file has a fault.
        """
        given = [part.strip() for part in (self.package_suffixes or ".").split(",")]
        if not all(given):
            raise click.UsageError(f"--package-suffixes is a list such as .sql,.csv, not {self.package_suffixes!r}")
        found = [part.strip() for part in (configuration.text("package-suffixes") or "").split(",")]
        return tuple(part for part in dict.fromkeys([*found, *given]) if part not in ("", "."))

    def added(self) -> list[str]:
        """Return the decorators to add to steps: the decorators of `--with`, then the decorators in
        METAFLOW_DEFAULT_DECOSPECS."""
        return [*self.with_decorators, *(settings.get("DEFAULT_DECOSPECS") or "").split()]


def with_flow_options(function: Command) -> Command:
    """Add the options in `flow_options`, which the commands that load a flow share, to a command's function."""
    for option in reversed(flow_options):
        function = option(function)
    return function


class Top(NamedTuple):
    """The values of the options before the command, as in `python flow.py --quiet --with retry run`."""

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
ROOT = "flowc.root"  # key in a context's `meta`: the root of the flow's code, if known
CODE = "flowc.code"  # key in a context's `meta`: the `CodeOf` of an IR that is run
LOADED = "flowc.loaded"  # key in a context's `meta`: the `Loaded` flow that a program runs
TOP = "flowc.top"  # key in a context's `meta`: the values of the options before the command, a `Top`


def top(ctx: click.Context | None = None) -> Top:
    """Return the values of the options before the command. Outside of a command, all values are None or empty.

    Args:
        ctx: the context of the command, or None for the current context.
    """
    here = ctx or click.get_current_context(silent=True)
    found = here.meta.get(TOP, NO_TOP) if here is not None else NO_TOP
    assert isinstance(found, Top)
    return found


def first_words() -> list[str]:
    """Return the beginning of a command line for messages: `flowc`, and --configuration-file if it was given."""
    return ["flowc", *configuration_words()]


def report(diagnostics: Iterable[Diagnostic], root: Path) -> None:
    """Print errors and warnings on stderr, in color on a terminal, or in the `--error-format`.

    Args:
        diagnostics: the errors and warnings, in any order.
        root: the directory to which the files in the diagnostics are relative.
    """
    form = error_format()
    if form.name != "text":
        click.echo(write(facts_of(diagnostics, root), form.name), file=form.file or sys.stderr, nl=False)
        return
    columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    click.echo(
        render(diagnostics, root, cwd=pathlib.Path.cwd(), color=use_color(), columns=columns), err=True, nl=False
    )


class ErrorFormat(NamedTuple):
    """The format of errors: the value of `--error-format`, and the file for all formats but `text` (None: stderr)."""

    name: str = "text"
    file: TextIO | None = None


ERROR_FORMAT = "flowc.error_format"  # key in a context's `meta`: the ErrorFormat of the command


def error_format() -> ErrorFormat:
    """Return the error format of the current command."""
    ctx = click.get_current_context(silent=True)
    found = ctx.meta.get(ERROR_FORMAT) if ctx is not None else None
    return found if isinstance(found, ErrorFormat) else ErrorFormat()


def use_color() -> bool:
    """Return whether stderr is a terminal with colors and NO_COLOR is not set (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fail(message: str, hint: str | None = None, *, code: int = FAULTY) -> NoReturn:
    """Print an error in one line, with an optional hint, and end the program.

    Args:
        message: what is wrong, and where.
        hint: what to do.
        code: the exit code.

    Raises:
        SystemExit: always.
    """
    tell_error(message, hint)
    raise SystemExit(code)


def fail_with(error: FlowcError) -> NoReturn:
    """Print an error of flowc and end the program.

    Raises:
        SystemExit: always; the exit code is 2 for a wrong setting, otherwise 1.
    """
    if isinstance(error, ConfigurationError):
        for fault in error.faults:
            tell_error(fault.message, fault.hint)
        raise SystemExit(USAGE)
    wrong = isinstance(error, (SettingsError, AddressError)) and not isinstance(error, LibraryError)
    fail(str(error), code=USAGE if wrong else FAULTY)


def tell_error(message: str, hint: str | None = None) -> None:
    """Print an error and its hint on stderr, one line each, or in the format of `--error-format`."""
    form = error_format()
    if form.name != "text":
        click.echo(write([Fact(message, hint)], form.name), file=form.file or sys.stderr, nl=False)
        return
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A context manager for code that writes the file `path`: an OSError of the code in the `with` block becomes a
    FlowcError.

    Raises:
        FlowcError: the file cannot be written. The message names the file.
    """
    try:
        yield
    except OSError as error:
        raise FlowcError(f"cannot write {path}: {error.strerror or error}") from error


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a table; the longest cell of a column determines the column's width.

    Args:
        rows: at least one row; all have the same number of cells.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


# -- the store ---------------------------------------------------------------------------------------------------------

store_option = click.option(
    "--store",
    "store_url",
    metavar="DIR|URL",
    help=f"The store of runs [default: ${STORE}, `store` in flowc.toml, or .flowc here or above].",
)


def open_store(url: str | None) -> Store:
    """Open the store at this address, or the default one.

    Args:
        url: the value of `--store`: an address or a directory. If it is None, an option before the command, a variable
            or the configuration file names the store; by default it is `.flowc`.

    Raises:
        SystemExit: the store cannot be opened; the error is printed.
    """
    given = top()
    try:
        return records_store.Store.open(url or default_url(datastore=given.datastore, root=given.datastore_root))
    except FlowcError as error:
        fail_with(error)


def require_page() -> None:
    """Check that the packages of the page (`flowc.ui`) are installed; print an error and end the program if not."""
    if missing := missing_packages():
        fail(f"the page needs {', '.join(missing)}, not installed here", "pip install 'flowc[ui]'", code=FAULTY)
