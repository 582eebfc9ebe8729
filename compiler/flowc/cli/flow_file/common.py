"""The group of commands of a flow's own file, and functions that its commands share."""

from __future__ import annotations

import shlex
import sys
from copy import copy
from typing import TYPE_CHECKING

import click

from flowc import __version__
from flowc.cli import LazyGroup
from flowc.cli.options.common import TOP, top
from flowc.cli.options.definitions import BEFORE_COMMAND, split_top, take_before
from flowc.cli.words.pathspecs import flow_name
from flowc.cli.words.run_help import about_own_flow
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.contract import STORE
from metaflow import _extensions

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_LIKE = ("run", "resume", "spin")  # commands whose options may come before the command
_HELP = "flowc.help"  # in a context's `meta`: whether --help came before the command
_SILENT = ("run", "resume", "spin", "help")  # commands without the line "flowc … executing FLOW"


class FlowGroup(LazyGroup):
    """The commands of a flow's own file.

    `--help run` prints the help of `run`. After `run`, `--help` may be a parameter of the flow.
    """

    misplaced = "before_own_command"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; an option for help before a command such as `run` is passed to the command."""
        if not ctx.resilient_parsing and not set(ctx.help_option_names).isdisjoint(args):
            _, rest, given = self.make_parser(ctx).parse_args([*args])
            if any("--help" in param.opts for param in given) and rest and rest[0] in RUN_LIKE:
                ctx.meta[_HELP] = True
                before = args[: len(args) - len(rest)]
                args = [*(word for word in before if word not in ctx.help_option_names), *rest]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, whose help does not ask for FLOW; None if there is none of this name."""
        command = super().get_command(ctx, cmd_name)
        if command is None or "FLOW" not in (command.help or ""):
            return command
        own = copy(command)
        own.help = about_own_flow(command.help or "")
        return own


@click.pass_context
def begin(ctx: click.Context, /, **values: object) -> None:
    """Keep the options, and print the line "flowc … executing FLOW". Without a command, check the flow.

    Args:
        ctx: the context of the group of a flow's own file.
        values: the values of its options.

    Raises:
        click.UsageError: an option of `run` precedes a command that does not run the flow.
    """
    before = [*take_before(ctx, values), *(["--help"] if ctx.meta.get(_HELP) else [])]
    ctx.meta[BEFORE_COMMAND] = before
    if before and ctx.invoked_subcommand not in (*RUN_LIKE, "signature"):
        raise _no_use(ctx, before)
    _keep_options(ctx, values)
    ctx.meta[TOP] = split_top(values)
    if ctx.invoked_subcommand not in _SILENT:
        tell(f"flowc {__version__} executing {flow_name(ctx)} for user:{user_name()}")
    if ctx.invoked_subcommand is None:
        configuration.current_file()  # reports faults of the configuration, like every command
        from flowc.cli.commands.flows.check import check_command

        ctx.invoke(check_command)
        tell(f"\n'{sys.argv[0]} show' shows the steps of this flow.")
        tell(f"'{sys.argv[0]} run' runs the flow on this machine.")
        tell(f"'{sys.argv[0]} help' shows all commands and options.")


def _no_use(ctx: click.Context, before: Sequence[str]) -> click.UsageError:
    """Return the error for options before a command that does not have them, or without any command."""
    option, command = before[0], ctx.invoked_subcommand
    if command is None:
        line = f"{ctx.command_path} {shlex.join([*before, RUN_LIKE[0]])}"
        return click.UsageError(f"a command is missing: {option} is for {', '.join(RUN_LIKE)}, as in: {line}", ctx)
    message = f"{option} before the command is only for {', '.join(RUN_LIKE)}"
    if option == "--store":
        line = f"{STORE}={shlex.quote(before[1])} {ctx.command_path} {command}"
        message += f". For {command}, give the store as a variable: {line}"
    return click.UsageError(message, ctx)


def _keep_options(ctx: click.Context, values: dict[str, object]) -> None:
    """Store the options that extensions' decorators define, for those decorators."""
    cls = ctx.find_object(type)
    if cls is not None and _extensions.decorators:
        from metaflow._legacy.options import keep

        keep(cls, values)


def tell(text: str) -> None:
    """Print a string on stderr, unless --quiet was given."""
    if not top().quiet:
        click.echo(text, err=True)
