"""A run, or a flow that has runs, where the flow's file is needed: `flowc resume Train/20261120-140000-000bcd`.

The store knows the file, so that the hint is the whole line to type.
"""

from __future__ import annotations

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


class NamedInstead(NamedTuple):
    """What was named instead of a flow's file, as a message says it, and the line to type."""

    message: str
    hint: str


def parts_of(store: Store, pathspec: str) -> list[str]:
    """Return the parts of FLOW/RUN/STEP/TASK, of which the flow may be left out, and the step if TASK is an id."""
    parts = pathspec.strip("/").split("/")
    if RUN_ID.fullmatch(parts[0]):
        parts = [*(flow for flow in store.flows() if parts[0] in store.runs(flow)), *parts]
    return [*parts[:2], *split_id(parts[2])] if len(parts) == 3 else parts


def no_pathspec(store: Store, pathspec: str, least: int) -> click.UsageError:
    """Return the error for what is no pathspec of at least so many parts; with an example, if it begins one."""
    parts, flows = pathspec.strip("/").split("/"), store.flows()
    if parts[0] == "latest" and flows:  # of which flow?
        parts = [flows[0], *parts]
    example = "/".join([*parts, *("FLOW", "latest", "STEP", "TASK")[len(parts) : least]])
    such_as = f", such as {example}" if len(parts) <= least and all(parts) and parts[0] in flows else ""
    wanted = "/".join(["FLOW", "RUN", "STEP", "TASK"][:least])
    return click.UsageError(f"not a pathspec: {pathspec!r}; give {wanted}, and more if you like{such_as}")


def no_flow(store: Store, name: str, pathspec: str = "") -> NoReturn:
    """End the program: no run of such a flow; for what is a run, the hint is the command that shows one.

    `pathspec` is what begins with the name, if it begins something.
    """
    flow, slash, rest = name.partition("/")
    hint = hint_for(name, flows := store.flows(), "flows") or (None if pathspec else "flows: none")
    if name == "latest" and flows:
        hint = f"a flow's name comes first: {flows[0]}/{pathspec or name}"
    if slash and rest and flow in store.flows():
        hint = f"a flow's name is needed: {flow}; {command_on(store.objects.url, 'flowc', 'show', name)} shows one run"
    fail(f"no run of a flow '{name}' in {store.objects.url}", hint)


def hint_for(name: str, known: Sequence[str], what: str, also: Sequence[str] = ()) -> str | None:
    """Return the hint for a name that there is not: the closest one, `also` of other words, or those there are."""
    if close := closest(name, [*known, *also]):
        return did_you_mean(close)
    return f"{what}: {', '.join(known)}" if known else None


def find_named(words: str) -> NamedInstead | None:
    """Return what the words name in the default store; None if that is nothing, or the store cannot be read."""
    flow, _, rest = words.strip("/").partition("/")
    if not flow.isidentifier():
        return None
    try:
        return _named(open_store(None), flow, rest)
    except (FlowcError, OSError, SystemExit, KeyError, ValueError):  # the words are wrong whatever the store is
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
        return NamedInstead(f"'{flow}' is a flow with runs, and no file", f"name its file: {_line(code)}")
    message = f"'{flow}/{rest}' is {'a part of a run' if inner else 'a run'}, and no file with a flow"
    return NamedInstead(message, f"name the flow's file: {_line(code, run_id, inner)}")


def _line(code: str, run_id: str = "", inner: str = "") -> str:
    """The line to type for the command that was typed; one for `resume` where another command knows no run."""
    command = click.get_current_context().info_name or "run"
    words = [command, code]
    if command == "spin":
        words.append(f"{run_id}/{inner}" if inner else "STEP" if not run_id else f"{run_id}/STEP")
    elif command in ("resume", "retry") and run_id:
        step = inner.partition("/")[0]
        words = ["resume", code, *([step] if step else []), "--origin-run-id", run_id]
    return shlex.join(["flowc", *words])
