"""The option `--error-format`, which prints errors as text for people or in a format for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowc.cli.options.adding import with_options
from flowc.cli.options.common import ERROR_FORMAT, ErrorFormat
from flowc.cli.options.configured import ConfiguredOption

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

    from flowc.cli.options.adding import Command


def error_option(*, stdout: bool = False) -> ConfiguredOption:
    """Return the option `--error-format`.

    Args:
        stdout: whether formats for programs are written to stdout and not to stderr; true for commands whose result is
            the list of errors.
    """

    def take(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and not ctx.resilient_parsing:
            ctx.meta[ERROR_FORMAT] = ErrorFormat(value, sys.stdout if stdout else None)
        return value

    return ConfiguredOption(
        ["--error-format"],
        key="error-format",
        default="text",
        show_default=True,
        is_eager=True,
        callback=take,
        help="Print errors and warnings for people, or for programs.",
    )


def takes_error_format(*, stdout: bool = False) -> Callable[[Command], Command]:
    """Return a decorator that adds `--error-format` to a command; the value is not passed to the command's function.

    Args:
        stdout: whether formats for programs are written to stdout and not to stderr.
    """

    def add(function: Command) -> Command:
        option = error_option(stdout=stdout)
        option.expose_value = False
        return with_options(function, [option])

    return add
