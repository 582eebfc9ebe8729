"""Names of runs on a command line, and hints for a run in the place of a flow's file: `flowc resume Train/2026…`.

The run's record names the file, so that the hint is the complete command.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from flowc.cli.options.common import fail, open_store
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import split_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_runtime.store.records.store import Store


RUN_ID = re.compile(r"\d{8}-\d{6}.*")


def is_run_name(text: str) -> bool:
    """Return whether a word has the form of a run's name (FLOW/RUN, FLOW/latest or RUN) and names no file."""
    if text.endswith((".py", ".ipynb", ".yaml", ".yml")) or ":" in text or os.path.exists(text):
        return False
    parts = text.strip("/").split("/")
    return RUN_ID.fullmatch(parts[0]) is not None or (len(parts) > 1 and parts[0].isidentifier())


class NamedInstead(NamedTuple):
    """The error for a run or a flow's name in the place of a flow's file; the hint is the command to type."""

    message: str
    hint: str


def parts_of(store: Store, pathspec: str) -> list[str]:
    """Return the parts of FLOW/RUN/STEP/TASK. The flow is optional, and so is the step if TASK is a task's id.

    Returns:
        The parts, with the missing flow and step added. A run without a flow that does not exist stays the first part.
    """
    parts = pathspec.strip("/").split("/")
    if RUN_ID.fullmatch(parts[0]):
        parts = [*(flow for flow in store.flows() if parts[0] in store.runs(flow)), *parts]
    return [*parts[:2], *split_id(parts[2])] if len(parts) == 3 else parts


def no_pathspec(store: Store, pathspec: str, least: int) -> click.UsageError:
    """Return the error for a pathspec with fewer than `least` parts, with an example if its beginning is valid.

    Args:
        store: the store whose flows are known.
        pathspec: the pathspec as typed.
        least: the minimum number of parts.
    """
    parts, flows = pathspec.strip("/").split("/"), store.flows()
    if parts[0] == "latest" and flows:  # the flow is missing
        parts = [flows[0], *parts]
    example = "/".join([*parts, *("FLOW", "latest", "STEP", "TASK")[len(parts) : least]])
    such_as = f", such as {example}" if len(parts) <= least and all(parts) and parts[0] in flows else ""
    wanted = "/".join(["FLOW", "RUN", "STEP", "TASK"][:least])
    return click.UsageError(f"not a pathspec: {pathspec!r}; give {wanted}, optionally with more parts{such_as}")


def no_flow(store: Store, name: str, pathspec: str = "") -> NoReturn:
    """End the program: the flow has no runs. For a run's name, the hint is the command that shows a run.

    Args:
        store: the store.
        name: the flow's name, or what was typed in its place.
        pathspec: the pathspec that begins with the name; empty if there is none.

    Raises:
        SystemExit: always.
    """
    flow, slash, rest = name.partition("/")
    hint = hint_for(name, flows := store.flows(), "flows") or (None if pathspec else "flows: none")
    if name == "latest" and flows:
        hint = f"a flow's name comes first: {flows[0]}/{pathspec or name}"
    if slash and rest and flow in store.flows():
        hint = f"a flow's name is needed: {flow}; {command_on(store.objects.url, 'flowc', 'show', name)} shows one run"
    fail(f"no run of a flow '{name}' in {store.objects.url}", hint)


def hint_for(name: str, known: Sequence[str], what: str, also: Sequence[str] = ()) -> str | None:
    """Return the hint for an unknown name: the closest name, or the list of known names; None if there are none.

    Args:
        name: the unknown name.
        known: the existing names.
        what: the plural of their kind, for the list.
        also: further words that may be meant, which the list does not contain.
    """
    if close := closest(name, [*known, *also]):
        return did_you_mean(close)
    return f"{what}: {', '.join(known)}" if known else None


def find_named(words: str) -> NamedInstead | None:
    """Return the error for words that name a flow or run in the default store; None if it has none or is unreadable."""
    flow, _, rest = words.strip("/").partition("/")
    if not flow.isidentifier():
        return None
    try:
        return _named(open_store(None), flow, rest)
    except (FlowcError, OSError, SystemExit, KeyError, ValueError):  # the caller's own error about the words remains
        return None


def _named(store: Store, flow: str, rest: str) -> NamedInstead | None:
    runs = store.runs(flow)
    run_id, _, inner = rest.partition("/")
    if run_id == "latest" and runs:
        run_id = runs[-1]
    if not runs or (rest and run_id not in runs):
        return None
    file = store.run(flow, run_id or runs[-1]).executes().code.file
    code = file.removesuffix(".py").replace("/", ".") if "/" in file else file
    if not rest:
        return NamedInstead(f"'{flow}' is a flow with runs, not a file", f"name its file: {_line(code)}")
    message = f"'{flow}/{rest}' is {'a part of a run' if inner else 'a run'}, not a file with a flow"
    return NamedInstead(message, f"name the flow's file: {_line(code, run_id, inner)}")


def _line(code: str, run_id: str = "", inner: str = "") -> str:
    """Return the line to type for the current command; for `resume` and `retry` it names the run to resume."""
    command = click.get_current_context().info_name or "run"
    words = [command, code]
    if command == "spin":
        words.append(f"{run_id}/{inner}" if inner else "STEP" if not run_id else f"{run_id}/STEP")
    elif command in ("resume", "retry") and run_id:
        step = inner.partition("/")[0]
        words = ["resume", code, *([step] if step else []), "--origin-run-id", run_id]
    return shlex.join(["flowc", *words])
