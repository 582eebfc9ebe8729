"""The option `--secrets` of commands that run a flow: the source of secrets. Tasks and targets get it by a variable."""

from __future__ import annotations

import os

import click
from click.core import ParameterSource

from flowc.cli.options.configured import ConfiguredOption
from flowc_runtime.base.config.config_file import wrong
from flowc_runtime.base.config.config_keys import BY_KEY

_SETTING = BY_KEY["secrets"]


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE:
        if (why := wrong(_SETTING, value)) is not None:
            raise click.BadParameter(why, ctx, param)
        os.environ[_SETTING.variable] = value
    return value


def secrets_option() -> ConfiguredOption:
    """Return the option for commands that run a flow."""
    return ConfiguredOption(
        ["--secrets"],
        key="secrets",
        metavar="SOURCE",
        allow_from_autoenv=False,
        callback=_keep,
        help="Take the secrets that steps name from here: env, dotenv:PATH, files:DIR or a plugin.",
    )
