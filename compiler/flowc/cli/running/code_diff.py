"""The option `flowc show --diff`: differences between the code of two runs, or of a run and the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail
from flowc.cli.options.loading import root_of
from flowc.cli.running.ignoring import recordable_files
from flowc.cli.words.pathspecs import find_run
from flowc.package import UnreadableFileError, collect
from flowc_runtime.base.errors import NotFound
from flowc_runtime.run.views.source_diff import diff_lines
from flowc_runtime.store.values.sources import read_sources, text_of

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

HERE = "."


def show_difference(store: Store, run: RunStore, other: str) -> None:
    """Print a unified diff from the code of a run to the code of another run or to local files.

    Args:
        store: the store of the run.
        run: the run.
        other: RUN or FLOW/RUN, or HERE for the local files.

    Raises:
        SystemExit: the other run does not exist, one of the runs has no recorded code, or the local files cannot be
            read. The error is printed.
    """
    name, files = f"{run.flow}/{run.id}", _files(run)
    if other == HERE:
        there, found = "here", _files_here(store, run)
    else:
        second = find_run(store, other if "/" in other else f"{run.flow}/{other}").run
        there, found = f"{second.flow}/{second.id}", _files(second)
    for line in diff_lines(name, files, there, found):
        click.echo(line, nl=False)


def _files(run: RunStore) -> dict[str, str]:
    try:
        files = read_sources(run.objects, run.record())
    except NotFound:
        fail(f"the code of run {run.flow}/{run.id} is missing in {run.objects.url}")
    if files is None:
        hint = 'runs do not record code for flows with @secrets, with keep-sources = "no", and in older versions'
        fail(f"run {run.flow}/{run.id} has no recorded code", hint)
    return files


def _files_here(store: Store, run: RunStore) -> dict[str, str]:
    """Return the files below the working directory that a run would record as its code."""
    code = run.executes().code
    root = root_of(store, code, "call flowc show in the directory of the flow")
    try:
        package = collect(root / code.file, root if "/" in code.file else None)
        package = package.every() if package.every is not None else package
    except UnreadableFileError as error:
        fail(str(error))
    files = recordable_files(package, code.file, secrets="package" in run.record())
    if files is None:
        message = "the files that git ignores are unknown, and a run's code does not include them"
        fail(message, f"make `git status` work in {root}")
    return {name: text_of(content) for name, content in files}
