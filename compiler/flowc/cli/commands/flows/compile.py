"""`flowc compile`: compiles a flow for a target, for example to the manifests of an orchestrator."""

from __future__ import annotations

import sys
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.options.adding import with_options
from flowc.cli.options.common import FlowOptions, fail, flow_options, writing
from flowc.cli.options.configs import takes_configs
from flowc.cli.options.errors import takes_error_format
from flowc.cli.options.loading import load_flow, warn
from flowc.cli.options.targets import TargetName, target_of
from flowc.cli.running.environment import environment_option
from flowc.cli.running.lowering import lower_for
from flowc.frontends.syntax_trees import sharing_trees
from flowc.targets import table
from flowc.targets.deployment import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.targets.table import AnyTarget

    Command = TypeVar("Command", bound=Callable[..., object])

_TARGET = "flowc.target"  # key in a context's `meta`: the target that the command line selects


def with_lowering_options(function: Command, own: Sequence[click.Option] = ()) -> Command:
    """Add the options for compiling a flow to a command's function. The options in `own` apply only to one target, the
    others to every target.

    Args:
        function: the function that becomes the command.
        own: additional options that apply only to one target.
    """
    text = "The class of the flow, if the file has several flows."
    of_flow = click.option("--flow", "class_name", metavar="CLASS", help=text)
    for option in reversed([of_flow, *flow_options, environment_option]):
        function = option(function)
    return takes_configs(with_options(function, own))


class TargetCommand(click.Command):
    """A command whose help and options depend on the target that the command line selects."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the target on the command line, then parse the command line with the target's options.

        Raises:
            SystemExit: the target cannot be loaded; the error is printed.
            click.UsageError: an option is unknown, or a value is wrong.
        """
        ctx.meta[_TARGET] = target_of(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters of the command, with the options of the selected target."""
        params = super().get_params(ctx)
        at = next(number for number, param in enumerate(params) if param.name == "class_name")
        return [*params[:at], *_target(ctx).options(), *params[at:]]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description of the selected target as the text of the help."""
        described = copy(self)
        described.help = _target(ctx).about
        click.Command.format_help_text(described, ctx, formatter)


def _target(ctx: click.Context) -> AnyTarget:
    found: AnyTarget = ctx.meta.get(_TARGET) or table.default_target()
    return found


@click.command("compile", cls=TargetCommand, help="Compile FLOW for a target.")
@click.argument("file", metavar="FLOW")
@click.option("--target", type=TargetName(), default=table.DEFAULT, show_default=True, help="Compile for this target.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to FILE, not to stdout.")
@with_lowering_options
@takes_error_format()
@click.pass_context
@sharing_trees()
def compile_command(
    ctx: click.Context, /, file: str, target: str, output: str | None, class_name: str | None, **options: object
) -> None:
    """Compile a flow."""
    chosen = _target(ctx)
    found = load_flow(ctx, file, class_name, FlowOptions.take(options), data=True)
    lowered = lower_for(chosen, found, options)
    try:
        content = chosen.emit(lowered.product).encode()
    except TargetError as error:
        fail(error.message, error.hint)
    warn(found, lowered.warnings)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    path = Path(output)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    what_next = chosen.what_next(str(path), lowered.settings)
    click.echo(f"{path}: {len(content):,} bytes{f'; {what_next}' if what_next else ''}", err=True)
