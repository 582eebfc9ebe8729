"""The option `--verify`: how often large arrays are checked against their digests. Tasks inherit it by a variable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flowc.cli.options.adding import with_options
from flowc.cli.options.configured import ConfiguredOption
from flowc_runtime.base.config.config_keys import BY_KEY

if TYPE_CHECKING:
    from flowc.cli.options.adding import Command


_SETTING = BY_KEY["verify"]


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and ctx.get_parameter_source(str(param.name)) is not ParameterSource.DEFAULT:
        os.environ[_SETTING.variable] = value
    return value


def verify_option() -> ConfiguredOption:
    """Return the option for commands that run a flow."""
    return ConfiguredOption(
        ["--verify"],
        key="verify",
        default=_SETTING.default,
        show_default=True,
        allow_from_autoenv=False,
        callback=_keep,
        help="Check large arrays once on this machine, or at each read.",
    )


def with_verify_option(function: Command) -> Command:
    """Add the option to a command; the command's function does not get the value."""
    option = verify_option()
    option.expose_value = False
    return with_options(function, [option])
