"""What several commands need: loading a flow with its faults told, naming things in the store."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontend.flowspec import Loaded
    from flowc.ir import Flow
    from flowc.ir.diagnostic import Diagnostic
    from flowc.package import Package
    from flowc_runtime.store import RunStore, Store

FAULTY = 1  # exit code: the flow has a fault, the run failed, what was asked for does not exist
USAGE = 2  # exit code: the command line is wrong, a config that it gives too


class Checked(NamedTuple):
    """A flow without faults."""

    flow: Flow
    cls: type
    package: Package


def load_flow(ctx: click.Context, file: str | None, class_name: str | None = None) -> Checked:
    """The flow of a file, or the one whose own command line this is. Its faults are printed, and end the program."""
    from flowc.cli.configs import config_sources
    from flowc.frontend.flowspec import load, load_class

    cls, configs = ctx.find_object(type), config_sources(ctx)
    if cls is not None:
        loaded = load_class(cls, configs=configs)
    else:
        assert file is not None
        path = Path(file)
        if not path.is_file():
            what = "is a directory, not a Python file" if path.is_dir() else "does not exist"
            raise click.UsageError(f"{file!r} {what}", ctx)
        loaded = load(path, class_name=class_name, configs=configs)
    return checked(loaded)


def checked(loaded: Loaded) -> Checked:
    """The flow, if it has no fault."""
    if loaded.flow is None or loaded.cls is None:
        from flowc.diagnostics import CONFIG_VALUE

        report(loaded.diagnostics, loaded.package.root)
        given_wrongly = all(diagnostic.code == CONFIG_VALUE for diagnostic in loaded.diagnostics)
        raise SystemExit(USAGE if given_wrongly else FAULTY)
    return Checked(loaded.flow, loaded.cls, loaded.package)


def report(diagnostics: Sequence[Diagnostic], root: Path) -> None:
    """Print faults on stderr, in color on a terminal."""
    from flowc.diagnostics import render

    click.echo(render(diagnostics, root, cwd=Path.cwd(), color=use_color()), err=True, nl=False)


def use_color() -> bool:
    """Whether stderr shows colors and nobody asked for none (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fail(message: str, hint: str | None = None) -> NoReturn:
    """Say what is wrong, in one line and perhaps a hint, and end with exit code 1."""
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    raise SystemExit(FAULTY)


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def user_name() -> str:
    """Who runs: METAFLOW_USER, the login, or the numeric id where there is no name for it."""
    if name := os.environ.get("METAFLOW_USER"):
        return name
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def refuse_unguarded(cls: type) -> NoReturn:
    """A flow file without `if __name__ == "__main__":` would start its own command line while it is being imported."""
    raise RuntimeError(
        f'{cls.__name__}() is called when the file is imported; write `if __name__ == "__main__": {cls.__name__}()`'
    )


# -- the store ---------------------------------------------------------------------------------------------------------

store_option = click.option(
    "--store",
    "store_url",
    metavar="DIR|URL",
    help="Where runs are kept [default: $FLOWC_STORE, or .flowc found upward].",
)


def open_store(url: str | None) -> Store:
    """The store that was asked for, or the default one."""
    from flowc_runtime.errors import FlowcError
    from flowc_runtime.store import Store, default_url

    try:
        return Store.open(url or default_url())
    except FlowcError as error:
        fail(str(error))


class Pathspec(NamedTuple):
    """FLOW/RUN/STEP/TASK as far as it was given."""

    run: RunStore
    step: str | None
    path: str | None


def find_run(store: Store, pathspec: str, *, least: int = 2) -> Pathspec:
    """The run (and perhaps step and task) of a pathspec; RUN may be `latest`. What does not exist ends the program."""
    parts = [*pathspec.strip("/").split("/")]
    if not least <= len(parts) <= 4 or not all(parts):
        wanted = "/".join(["FLOW", "RUN", "STEP", "TASK"][:least])
        raise click.UsageError(f"not a pathspec: {pathspec!r}; give {wanted}, and more if you like")
    flow, run_id, step, path = [*parts, None, None][:4]
    assert flow and run_id
    runs = store.runs(flow)
    if not runs:
        fail(f"no run of a flow '{flow}' in {store.objects.url}", _suggest(flow, store.flows(), "flows"))
    if run_id == "latest":
        run_id = runs[-1]
    run = store.run(flow, run_id)
    if not run.exists():
        fail(f"flow '{flow}' has no run '{run_id}'", _suggest(run_id, runs[-5:], "newest runs"))
    if step is not None and step not in run.steps():
        fail(f"run '{run_id}' has no tasks of a step '{step}'", _suggest(step, run.steps(), "steps"))
    if step is not None and path is not None and path not in run.attempts(step):
        fail(f"step '{step}' has no task '{path}'", _suggest(path, list(run.attempts(step))[:5], "tasks"))
    return Pathspec(run, step, path)


def _suggest(name: str, known: Sequence[str], what: str) -> str | None:
    from difflib import get_close_matches

    if close := get_close_matches(name, known, n=1):
        return f"did you mean '{close[0]}'?"
    return f"{what}: {', '.join(known)}" if known else None
