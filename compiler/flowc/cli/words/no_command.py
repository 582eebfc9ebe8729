"""The error for an argument that is not a command of the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.words import misplaced, unknown
from flowc_ir.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def explained(
    ctx: click.Context,
    args: Sequence[str],
    error: click.UsageError,
    commands: Mapping[str, object],
    others: Mapping[str, object],
) -> click.UsageError:
    """Return the error for an argument that is not a command, to raise instead of click's error.

    The message has a corrected command line or a similar name, if there is one.

    Args:
        ctx: the context of the group.
        args: the command-line arguments; the first one is not a command.
        error: click's error.
        commands: the commands of the group: of `flowc` or of `python flow.py`.
        others: the commands of the other group: of `python flow.py` or of `flowc`.
    """
    flow = ctx.find_object(type)
    better = _of_flowc(ctx, args, commands, others) if flow is None else None
    if better is not None:
        return better
    close = closest(args[0], commands)
    if flow is not None and (args[0] in others or not close):
        better = unknown.of_a_flow(ctx, args, others, flow.__name__)
    if better is None and close:
        better = click.UsageError(f"No such command {args[0]!r}. Did you mean {close!r}?", ctx)
    return better or error


def _of_flowc(
    ctx: click.Context, args: Sequence[str], commands: Mapping[str, object], others: Mapping[str, object]
) -> click.UsageError | None:
    better = unknown.of_flowc(ctx, args, others) or misplaced.not_a_command(ctx, args, commands)
    if better is None and closest(args[0], ("help",)):
        better = click.UsageError(f"No such command {args[0]!r}. Did you mean 'flowc --help'?", ctx)
    return better
