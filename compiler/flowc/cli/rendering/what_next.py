"""What to type after a run that did not succeed: commands that can be copied, with the options that they need."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.options.common import CODE, ROOT, top
from flowc_runtime.base.config.whereabouts import store_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.store.records.store import RunStore

FLOW = "flowc.flow"  # in a context's `meta`: the words that named the flow, None in a flow's own file


def resume_line(run: RunStore, options: Mapping[str, Any]) -> str:
    """Return the command that resumes a run of the flow that this command line has run.

    flowc's options stand before FLOW, where no parameter of the flow can be meant.
    """
    flow: str | None = click.get_current_context().meta.get(FLOW)
    words = [*_given(), *store_words(run.objects.url, options.get("store_url"))]
    if options.get("class_name"):
        words += ["--flow", options["class_name"]]
    if (code := click.get_current_context().meta.get(CODE)) is not None and code.place is not None:
        words += ["--code", code.place]
    command = ["flowc", "resume", *words, _from_here(flow)] if flow is not None else [*_own_file(), *words, "resume"]
    return shlex.join([*command, "--origin-run-id", run.id])


def logs_line(run: RunStore, pathspec: str, options: Mapping[str, Any]) -> str:
    """Return the command that prints the logs of a part of a run."""
    return shlex.join(["flowc", "logs", pathspec, *store_words(run.objects.url, options.get("store_url"))])


def _given() -> list[str]:
    """Return the options that a resumption has to repeat; configs are those of the run that it resumes."""
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
    """Return the words that run the flow's own file."""
    python = "python" if shutil.which("python") else os.path.basename(sys.executable)
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return [python, "-m", spec.name.removesuffix(".__main__")]
    return [python, sys.argv[0]]


def _from_here(flow: str) -> str:
    """The flow's file as it is named from the working directory: `retry` finds it below the root of the code."""
    root = click.get_current_context().meta.get(ROOT)
    return flow if root is None else os.path.relpath(os.path.join(root, flow))
