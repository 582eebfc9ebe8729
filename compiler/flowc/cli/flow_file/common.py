"""The command group of `python flow.py`, and functions that its commands share."""

from __future__ import annotations

import sys
from copy import copy
from typing import TYPE_CHECKING

import click

from flowc import __version__
from flowc.cli import LazyGroup
from flowc.cli.options.common import TOP, top
from flowc.cli.options.definitions import BEFORE_COMMAND, split_top, take_before
from flowc.cli.words.run_help import about_own_flow
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.settings import user_name
from flowc_runtime.base.contract import STORE
from metaflow import _extensions

if TYPE_CHECKING:
    import shlex
    from collections.abc import Sequence

    from flowc.cli.words.pathspecs import flow_name
else:  # imported at first use, because the import costs start-up time
    shlex = LateModule("shlex")
    flow_name = LateFunction("flowc.cli.words.pathspecs:flow_name")

RUN_LIKE = ("run", "resume", "spin")  # commands whose options may also precede the command
_HELP = "flowc.help"  # key in a context's `meta`: whether --help precedes the command
_SILENT = ("run", "resume", "spin", "help")  # commands that do not print "flowc … executing FLOW"


class FlowGroup(LazyGroup):
    """The group of all commands of `python flow.py`.

    `python flow.py --help run` prints the help of `run`: after `run`, `--help` may be a parameter of the flow.
    """

    misplaced = "before_own_command"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; if `--help` precedes a command such as `run`, pass it on to that command."""
        if not ctx.resilient_parsing and not set(ctx.help_option_names).isdisjoint(args):
            _, rest, given = self.make_parser(ctx).parse_args([*args])
            if any("--help" in param.opts for param in given) and rest and rest[0] in RUN_LIKE:
                ctx.meta[_HELP] = True
                before = args[: len(args) - len(rest)]
                args = [*(word for word in before if word not in ctx.help_option_names), *rest]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, without FLOW in its help; None if there is no such command."""
        command = super().get_command(ctx, cmd_name)
        if command is None or "FLOW" not in (command.help or ""):
            return command
        own = copy(command)
        own.help = about_own_flow(command.help or "")
        return own


@click.pass_context
def begin(ctx: click.Context, /, **values: object) -> None:
    """Process the options before the command, and print the line "flowc … executing FLOW".

    If the command line names no command, check the flow.

    Args:
        ctx: the context of the group `FlowGroup`.
        values: the values of the options before the command.

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
        configuration.current_file()  # only to report faults of the configuration, as every command does
        from flowc.cli.commands.flows.check import check_command

        ctx.invoke(check_command)
        tell(f"\n'{sys.argv[0]} show' shows the steps of this flow.")
        tell(f"'{sys.argv[0]} run' runs the flow on this machine.")
        tell(f"'{sys.argv[0]} help' shows all commands and options.")


def _no_use(ctx: click.Context, before: Sequence[str]) -> click.UsageError:
    """Return the error for options of `run` that precede another command, or that no command follows."""
    option, command = before[0], ctx.invoked_subcommand
    if command is None:
        line = f"{ctx.command_path} {shlex.join([*before, RUN_LIKE[0]])}"
        return click.UsageError(f"a command is missing: {option} is for {', '.join(RUN_LIKE)}, as in: {line}", ctx)
    message = f"{option} before the command is only for {', '.join(RUN_LIKE)}"
    if option == "--store":
        line = f"{STORE}={shlex.quote(before[1])} {ctx.command_path} {command}"
        message += f". For {command}, set the store in the environment: {line}"
    return click.UsageError(message, ctx)


def _keep_options(ctx: click.Context, values: dict[str, object]) -> None:
    """Pass to each decorator of an extension the values of the options that the decorator defines."""
    cls = ctx.find_object(type)
    if cls is not None and _extensions.decorators:
        from metaflow._legacy.options import keep

        keep(cls, values)


def tell(text: str) -> None:
    """Print a string on stderr, unless --quiet was given."""
    if not top().quiet:
        click.echo(text, err=True)
