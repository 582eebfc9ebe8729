"""The command lines that are suggested after a run that did not succeed, with all necessary options."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import CODE, LOADED, ROOT, first_words, top
from flowc.cli.words.option_values import text
from flowc_ir.late import LateModule
from flowc_runtime.base.config.whereabouts import store_words
from flowc_runtime.base.contract import RETRY_RUN

if TYPE_CHECKING:
    import shlex
    import shutil
    from collections.abc import Mapping

    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use, because the import costs start-up time
    shlex, shutil = LateModule("shlex"), LateModule("shutil")

FLOW = "flowc.flow"  # key in a context's `meta`: the argument FLOW; None for `python flow.py`


def resume_line(run: RunStore, options: Mapping[str, object]) -> str:
    """Return the command line that resumes a run, quoted for a shell.

    The options precede FLOW, because after FLOW they might be parameters of the flow. If a program executes the
    pipeline, the text says how to run the program again.

    Args:
        run: the run.
        options: the values of the current command's options.
    """
    if LOADED in click.get_current_context().meta:
        return f"run the program again with {RETRY_RUN}={run.flow}/{run.id}"
    flow: str | None = click.get_current_context().meta.get(FLOW)
    words = [*_given(), *store_words(run.objects.url, text(options, "store_url"))]
    if class_name := text(options, "class_name"):
        words += ["--flow", class_name]
    if (code := click.get_current_context().meta.get(CODE)) is not None and code.place is not None:
        words += ["--code", code.place]
    command = (
        [*first_words(), "resume", *words, _from_here(flow)] if flow is not None else [*_own_file(), *words, "resume"]
    )
    return shlex.join([*command, "--origin-run-id", run.id])


def logs_line(run: RunStore, pathspec: str, options: Mapping[str, object]) -> str:
    """Return the command line that prints the logs of a run, step or task, quoted for a shell.

    Args:
        run: the run.
        pathspec: the run, step or task.
        options: the values of the current command's options.
    """
    return shlex.join([*first_words(), "logs", pathspec, *store_words(run.objects.url, text(options, "store_url"))])


def _given() -> list[str]:
    """Return the options that `resume` must repeat.

    Options for configs are left out: `resume` keeps the run's configs.
    """
    given = top()
    words = [] if given.environment is None else ["--environment", given.environment]
    for decorator in given.with_decorators:
        words += ["--with", decorator]
    if given.branch is not None:
        words += ["--branch", given.branch]
    if given.production:
        words.append("--production")
    if given.package_suffixes is not None:
        words += ["--package-suffixes", given.package_suffixes]
    if given.cache is not None:
        words.append("--cache" if given.cache else "--no-cache")
    return words


def _own_file() -> list[str]:
    """Return the arguments that run the flow's own file, such as `python flow.py`."""
    python = "python" if shutil.which("python") else os.path.basename(sys.executable)
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return [python, "-m", spec.name.removesuffix(".__main__")]
    return [python, sys.argv[0]]


def _from_here(flow: str) -> str:
    """Return the flow's file relative to the working directory; for `retry`, the argument `flow` is relative to the
    root of the flow's code."""
    root = click.get_current_context().meta.get(ROOT)
    return flow if root is None else os.path.relpath(os.path.join(root, flow))
