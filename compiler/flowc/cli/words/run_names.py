"""Names of runs on a command line, and hints if a run is given instead of a flow's file: `flowc resume Train/2026…`.

A hint about a run is a complete command line, because the run's record has the name of the flow's file.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NoReturn

import click

from flowc.cli.options.common import fail, first_words, open_store
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import split_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_runtime.store.records.store import Store


RUN_ID = late_pattern(r"\d{8}-\d{6}.*")


def is_run_name(text: str) -> bool:
    """Return whether an argument seems to name a run: it has the form FLOW/RUN, FLOW/latest or RUN, and is not the name
    of a file."""
    if text.endswith((".py", ".ipynb", ".yaml", ".yml")) or ":" in text or os.path.exists(text):
        return False
    parts = text.strip("/").split("/")
    return RUN_ID.fullmatch(parts[0]) is not None or (len(parts) > 1 and parts[0].isidentifier())


class NamedInstead(NamedTuple):
    """The error if the user gives a flow's name or a run instead of a flow's file. The hint of the error has a
    corrected command line."""

    message: str
    hint: str


def parts_of(store: Store, pathspec: str) -> list[str]:
    """Split a pathspec FLOW/RUN/STEP/TASK into its parts.

    FLOW may be omitted. STEP may be omitted if TASK is a task's id.

    Returns:
        The parts, including the omitted parts. If FLOW is omitted and no flow has the run, the first part is RUN.
    """
    parts = pathspec.strip("/").split("/")
    if RUN_ID.fullmatch(parts[0]):
        parts = [*(flow for flow in store.flows() if parts[0] in store.runs(flow)), *parts]
    return [*parts[:2], *split_id(parts[2])] if len(parts) == 3 else parts


def no_pathspec(store: Store, pathspec: str, least: int) -> click.UsageError:
    """Return the error for a malformed pathspec; the error has an example if the pathspec begins with a known flow.

    Args:
        store: the store, for the names of flows.
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
    """Print the error that a flow has no runs, and end the program.

    If `name` is the name of a run, the hint is the command that shows the run.

    Args:
        store: the store.
        name: the flow's name as typed.
        pathspec: the pathspec that begins with the name; empty without a pathspec.

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
    """Return the hint for an unknown name: the most similar known name, or the list of known names. Return None if
    `known` is empty.

    Args:
        name: the unknown name.
        known: the existing names.
        what: the plural of the kind of name, such as "steps"; this word precedes the list.
        also: other valid names, which are not listed.
    """
    if close := closest(name, [*known, *also]):
        return did_you_mean(close)
    return f"{what}: {', '.join(known)}" if known else None


def find_named(words: str) -> NamedInstead | None:
    """Return the error if `words`, given instead of a flow's file, name a flow or run in the default store.

    Return None if the store has no such flow or run, or cannot be read.
    """
    flow, _, rest = words.strip("/").partition("/")
    if not flow.isidentifier():
        return None
    try:
        return _named(open_store(None), flow, rest)
    except (FlowcError, OSError, SystemExit, KeyError, ValueError):  # return no hint; the caller reports its own error
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
    """Return a corrected command line for the current command.

    For `resume` and `retry`, the command line includes the run to resume.
    """
    command = click.get_current_context().info_name or "run"
    words = [command, code]
    if command == "spin":
        words.append(f"{run_id}/{inner}" if inner else "STEP" if not run_id else f"{run_id}/STEP")
    elif command in ("resume", "retry") and run_id:
        step = inner.partition("/")[0]
        words = ["resume", code, *([step] if step else []), "--origin-run-id", run_id]
    return shlex.join([*first_words(), *words])
