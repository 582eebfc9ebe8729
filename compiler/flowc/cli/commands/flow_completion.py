"""Tab completion after FLOW: the flow's parameters, steps and runs. The flow's file is parsed and never executed.

If a base class of the flow is in another file, the flow's own file does not show all parameters. The parameters of the
flow's newest run are therefore candidates, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from flowc.cli.options.common import open_store
from flowc.completion.candidates import pathspecs
from flowc.completion.stored_names import StoredNames
from flowc.flow_files import OpeningError
from flowc.frontends.syntax import FlowSyntax, ParameterSyntax, read_flows
from flowc.modules import ModuleError, find_module
from flowc.opening import parse
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flowc.cli.words.split import CommandWords
    from flowc_ir.model import Flow
    from flowc_runtime.store.records.store import Store


class Typed(NamedTuple):
    """The flow on an incomplete command line: the flow classes in its file, and the IR of its newest run."""

    flows: tuple[FlowSyntax, ...]
    class_name: str | None
    ir: Flow | None

    @property
    def flow(self) -> FlowSyntax | None:
        """The parsed flow class that the command line names, or the first flow class in the file."""
        return next((flow for flow in self.flows if self.class_name in (None, flow.name)), None)

    def parameters(self) -> list[ParameterSyntax]:
        """Return the parameters in the file, then the parameters that only the newest run had."""
        found = {one.name: one for one in (self.flow.parameters if self.flow is not None else ())}
        for parameter in self.ir.parameters if self.ir is not None else ():
            if not parameter.hidden:
                found.setdefault(parameter.name, ParameterSyntax(
                    parameter.name, parameter.help, tuple(map(str, parameter.choices)), parameter.flag,
                    parameter.type == "file", parameter.type == "bool",
                ))  # fmt: skip
        return list(found.values())

    def steps(self) -> list[str]:
        """Return the steps in the file, then the steps that only the newest run had."""
        known = [*(self.flow.steps if self.flow is not None else ())]
        return list(dict.fromkeys([*known, *(node.id for node in (self.ir.nodes if self.ir is not None else ()))]))


def read_typed(words: str, class_name: str | None, store: Store | None) -> Typed | None:
    """Parse the file that the argument FLOW names, without importing it.

    Args:
        words: the argument FLOW: a file or module, with or without a class.
        class_name: the value of `--flow`.
        store: the store with the runs of the flow, whose newest run shows parameters that are missing in the source; if
            `store` is None, only the source is used.

    Returns:
        The flow, or None if there is no such file, or no flow in the file.
    """
    try:
        parsed = parse(words)
        path = Path(parsed.name)
        if not os.path.isfile(path) and not parsed.name.endswith(".py"):
            path = Path(*find_module(parsed.name))
    except (OpeningError, ModuleError):
        return None
    typed = Typed(read_flows(path), parsed.class_name or class_name, None)
    flow = typed.flow
    if flow is not None and not flow.complete and store is not None:
        typed = typed._replace(ir=_newest(store, flow.name))
    return typed if typed.flows else None


def _newest(store: Store, flow: str) -> Flow | None:
    """Return the IR of the flow's newest run, or None if the flow has no run or the run cannot be read."""
    try:
        runs = store.runs(flow)
        return store.run(flow, runs[-1]).executes() if runs else None
    except (FlowcError, OSError, ValueError):
        return None


def parameter_options(typed: Typed, reserved: Collection[str]) -> Iterator[click.Option]:
    """Yield an option for each parameter, for completion.

    Args:
        typed: the flow.
        reserved: names of the command's options (with `_` for `-`); parameters with these names are left out.
    """
    for number, parameter in enumerate(typed.parameters()):
        if parameter.name.replace("-", "_") in reserved:
            continue
        names = [f"--{parameter.name}", f"typed_{number}"]
        if parameter.flag:
            yield click.Option(names, is_flag=True, help=parameter.help)
            continue
        kind: click.ParamType = click.STRING  # type: ignore[type-arg]  # older clicks have no argument
        if parameter.choices:
            kind = click.Choice(parameter.choices)
        elif parameter.boolean:
            kind = click.Choice(["true", "false"])
        elif parameter.file:
            kind = click.Path()
        yield click.Option(names, type=kind, multiple=True, help=parameter.help)


# -- on a command line -------------------------------------------------------------------------------------------------


_TYPED = "flowc.typed"  # key in a context's `meta`: the flow on the command line, if its file can be read
_NAMED = "flowc.named"  # key in a context's `meta`: the argument FLOW as typed


class OfFlow(Protocol):
    """A command that takes the parameters of a flow as options."""

    params: list[click.Parameter]

    @property
    def reserved(self) -> Collection[str]:
        """The names of those options of the command that a parameter with the same name does not replace."""
        ...


def know_flow(command: OfFlow, ctx: click.Context, read: Callable[[], CommandWords]) -> None:
    """Find the flow on an unfinished command line, such as `flowc run flow.py --`, and add an option to the command for
    each parameter of the flow, so that the shell can complete it.

    Args:
        command: the command, whose `params` are replaced.
        ctx: the command's context; the function stores the flow in the context, for the completion of other arguments.
        read: returns the command-line arguments; if it raises ClickException, no options are added.
    """
    try:
        words = read()
        file, class_name = words.line.file, words.class_before()
    except click.ClickException:
        return
    if file is None:
        return
    ctx.meta[_NAMED] = file
    typed = read_typed(file, class_name, _store(ctx))
    if typed is None:
        return
    ctx.meta[_TYPED] = typed
    options = [*parameter_options(typed, command.reserved)]
    names = {name for option in options for name in option.opts}
    command.params = [*options, *(param for param in command.params if names.isdisjoint(param.opts))]


def _store(ctx: click.Context) -> Store | None:
    try:
        return open_store(ctx.params.get("store_url"))
    except SystemExit:  # the command itself reports that the store cannot be opened
        return None


def names_flow(ctx: click.Context) -> bool:
    """Return whether the arguments before the cursor already include FLOW."""
    return _NAMED in ctx.meta


def behind_flow(command: str | None, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield candidates for the argument after FLOW: steps for `resume` and `retry`, steps and tasks for `spin`.

    Args:
        command: the command's name.
        ctx: the command's context.
        incomplete: the beginning of the argument.
    """
    typed: Typed | None = ctx.meta.get(_TYPED)
    if typed is None or typed.flow is None or command not in ("resume", "retry", "spin"):
        return
    if "/" not in incomplete:
        yield from typed.steps()
    if command == "spin" and (store := _store(ctx)) is not None:
        yield from _tasks(store, typed.flow.name, incomplete)


def _tasks(store: Store, flow: str, incomplete: str) -> Iterator[str]:
    """Yield candidates for RUN/STEP/TASK of a flow: pathspecs without the flow's name."""
    before = f"{flow}/"
    for found in pathspecs(StoredNames(store.objects.url), before + incomplete):
        inner = found.removeprefix(before)
        yield inner if "/" in inner else f"{inner}/"


def runs_of_flow(ctx: click.Context, _: str) -> Iterator[str]:
    """Yield the runs of the flow on the command line, newest first."""
    typed: Typed | None = ctx.meta.get(_TYPED)
    store = _store(ctx)
    if typed is not None and typed.flow is not None and store is not None:
        yield from reversed(store.runs(typed.flow.name))


def classes_of_file(ctx: click.Context, _: str) -> Iterator[str]:
    """Yield the names of the flow classes in the file on the command line."""
    # If the last option has no value yet, click does not set the values of arguments. Therefore use `_NAMED`.
    file = ctx.meta.get(_NAMED) or ctx.params.get("file") or next(iter(ctx.args), None)
    typed = read_typed(file, None, None) if isinstance(file, str) else None
    yield from (flow.name for flow in (typed.flows if typed is not None else ()))


def classes_behind(incomplete: str) -> Iterator[str]:
    """Yield candidates `flow.py:CLASS` for an argument with a colon."""
    file, colon, _ = incomplete.partition(":")
    typed = read_typed(file, None, None) if colon and file else None
    yield from (f"{file}:{flow.name}" for flow in (typed.flows if typed is not None else ()))
