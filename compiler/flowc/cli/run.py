"""`flowc run`: a flow on this machine, with the flow's parameters as options."""

from __future__ import annotations

import atexit
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flowc.cli.common import TOP, Checked, fail, load_flow, require_runnable, top
from flowc.cli.configs import EARLIER
from flowc.cli.environment import chosen
from flowc.cli.execution import run_here
from flowc.cli.options import PREFIX, add_top, beside, scan, split_top, top_of_environment
from flowc.cli.parameters import given_texts, parameter_options
from flowc.cli.starting import ORIGIN, STATE, foresee

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowc.ir import Config
    from flowc_runtime.objects import Objects
    from flowc_runtime.store import RunStore, Store

CONFIG_OPTIONS = ("config", "config-value")
"""Of `flowc run` these are always the configs'; a flow's own file has those before the command."""


class Resumption(NamedTuple):
    """The run that a new one resumes, the step that was asked for, and the parameters to keep."""

    origin: RunStore
    step: str | None
    parameters: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What the new run's record says of it."""
        found: dict[str, Any] = {"origin": self.origin.id}
        if self.step is not None:
            found["resumed_from"] = self.step
        if trigger := self.origin.record().get("trigger"):
            found["trigger"] = trigger
        return found


class Kind(NamedTuple):
    """What `run` and `resume` differ in: `params` are more of them, `find` finds what is resumed.

    `configs` gives the configs that a flow of this name has because the run that is resumed had them; `elsewhere` may
    do all of it in another place than this machine. `execute` does it in another way, `without` some options of `run`.
    """

    name: str
    about: str
    params: Sequence[click.Parameter] = ()
    find: Callable[[Store, Checked, Mapping[str, Any]], Resumption] | None = None
    configs: Callable[[Mapping[str, Any], str], Mapping[str, Config]] | None = None
    execute: Callable[[Checked, Any, dict[str, list[str]], dict[str, Any], Kind], int] | None = None
    without: Collection[str] = ()
    elsewhere: Callable[[Checked, Mapping[str, Sequence[str]], Mapping[str, Any]], int | None] | None = None


RUN = Kind("run", "Run FLOW on this machine.")


class RunCommand(click.Command):
    """`run` and its like, which take their words as they are: what they take depends on the flow among them."""

    kind = RUN

    def known_params(self) -> list[click.Parameter]:
        """The options that there are for every flow."""
        from flowc_emulator.seeds import Seeds

        return _command(None, Seeds(), self.kind, own=True).params


def run_like(
    kind: Kind, words: str, about: str
) -> Callable[[Callable[[click.Context, tuple[str, ...]], None]], RunCommand]:
    """Make the function a command whose words are called `words` in the help, which is `about`."""

    def make(function: Callable[[click.Context, tuple[str, ...]], None]) -> RunCommand:
        command = RunCommand(
            kind.name,
            params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, metavar=words)],
            callback=click.pass_context(function),
            help=about,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
            add_help_option=False,
        )
        command.kind = kind
        return command

    return make


@run_like(
    RUN, "FLOW", "Run FLOW on this machine. The flow's parameters are options too: `flowc run FLOW --help` lists them."
)
def run_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run a flow."""
    start(ctx, words, RUN)


def start(ctx: click.Context, words: Sequence[str], kind: Kind) -> None:
    """Find the flow among the words, then parse them again with the options that its parameters add."""
    from flowc_emulator.process_state import State
    from flowc_emulator.seeds import Seeds
    from flowc_runtime.origin import Origin

    own = ctx.find_object(type) is not None
    early = scan(ctx, words, own=own, more=[param for param in kind.params if isinstance(param, click.Option)])
    if not own and early.file is None:
        if "--help" in words or not words:
            click.echo(_command(None, Seeds(), kind, own=False).get_help(ctx))
            ctx.exit(0 if words else 2)
        raise click.MissingParameter(ctx=ctx, param_hint="'FLOW'", param_type="argument")
    before = top(ctx) if own else top_of_environment()
    ctx.meta[TOP] = before
    seeds = Seeds()
    if not own:  # else the flow's file is being run already
        ctx.meta[STATE], ctx.meta[ORIGIN] = State.now(), Origin.now()
    foresee(ctx, _file_of(ctx, early.file), early.start)
    _keep_from_obstore()
    with seeds.watch():
        given = add_top(ctx, early.top)
        if kind.configs is not None:
            if given.config or given.config_value:
                fail(
                    "a resumed run has the configs of the run that it resumes", "give them to `run`, which begins anew"
                )
            ctx.meta[EARLIER] = partial(kind.configs, early.more)
        found = load_flow(ctx, early.file, early.class_name)
    ctx.meta[TOP] = before
    command = _command(found, seeds, kind, own=own)
    prefix = f"{PREFIX}_{kind.name.upper()}"
    with command.make_context(ctx.info_name, list(words), parent=ctx.parent, auto_envvar_prefix=prefix) as inner:
        command.invoke(inner)


def _file_of(ctx: click.Context, file: str | None) -> Path | None:
    """The file that the command line names, or whose own command line this is; None for a module."""
    if (cls := ctx.find_object(type)) is None:
        return Path(file.partition(":")[0]) if file is not None else None
    own = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(own) if own is not None else None


def _keep_from_obstore() -> None:
    """Let the flow's own code, which may ask the client at once, use a bucket through a process made for it."""
    from flowc_runtime import remote

    def ask(url: str) -> Objects:
        from flowc_emulator.agent import Agent

        agent = Agent(url)
        atexit.register(agent.leave)
        return agent

    remote.asked_of = ask


def _command(found: Checked | None, seeds: Any, kind: Kind, *, own: bool) -> click.Command:
    """The command with the options of the flow's parameters."""
    taken = [parameter.name for parameter in found.flow.parameters] if found else []
    if not own:
        taken = [name for name in taken if name not in CONFIG_OPTIONS]
    params: list[click.Parameter] = [*kind.params]
    params += [option for option in beside(taken, own=own) if option.name not in kind.without]
    if not own:
        params.insert(0, click.Argument(["file"], metavar="FLOW"))
    hiding = {*(() if own else CONFIG_OPTIONS), *(name[2:] for param in kind.params for name in param.opts)}
    params += parameter_options(found, without=tuple(hiding)) if found else ()

    def callback(**options: Any) -> None:
        assert found is not None
        require_runnable(found.flow)
        given = given_texts(found.flow, options)
        add_top(click.get_current_context(), split_top(options))
        if kind.elsewhere is not None and (code := kind.elsewhere(found, given, options)) is not None:
            raise SystemExit(code)
        options["environment"] = chosen(click.get_current_context())
        raise SystemExit((kind.execute or run_here)(found, seeds, given, options, kind))

    about = found.flow.doc if found and found.flow.doc and kind is RUN else kind.about
    return click.Command(kind.name, params=params, callback=callback, help=about)
