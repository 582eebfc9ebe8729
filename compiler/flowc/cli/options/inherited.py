"""Options whose values the tasks inherit as environment variables: `--verify` and `--secrets`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flowc.cli.options.adding import with_options
from flowc.cli.options.configured import ConfiguredOption
from flowc_ir.late import LateModule
from flowc_runtime.base.config.config_file import wrong
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.errors import HintedError

if TYPE_CHECKING:
    from flowc.cli.options.adding import Command
    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.run.task import secret_sources
else:  # imported at first use: only `--secrets` needs them
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")
    secret_sources = LateModule("flowc_runtime.run.task.secret_sources")


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and ctx.get_parameter_source(str(param.name)) is not ParameterSource.DEFAULT:
        os.environ[BY_KEY["verify"].variable] = value
    return value


def verify_option() -> ConfiguredOption:
    """Return the option `--verify` for commands that run a flow."""
    return ConfiguredOption(
        ["--verify"],
        key="verify",
        default=BY_KEY["verify"].default,
        show_default=True,
        allow_from_autoenv=False,
        callback=_keep,
        help="Check large artifacts once on this machine, or at each read.",
    )


def with_verify_option(function: Command) -> Command:
    """Add `--verify` to a command; the value is not passed to the command's function."""
    option = verify_option()
    option.expose_value = False
    return with_options(function, [option])


def _keep_source(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    # Set the variable only for a value from the command line. A value from the configuration file is not copied to the
    # variable: a path in the file is relative to the file, but a path in the variable is relative to the working
    # directory.
    if value is not None and ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE:
        setting = BY_KEY["secrets"]
        if (why := wrong(setting, value)) is not None:
            raise click.BadParameter(why, ctx, param)
        try:
            secret_sources.check_setting(secret_setting.SecretSetting.parse(value))
        except HintedError as error:
            raise click.BadParameter(f"{error.message}; {error.hint}", ctx, param) from None
        os.environ[setting.variable] = value
    return value


def secrets_option() -> ConfiguredOption:
    """Return the option `--secrets` for commands that run a flow."""
    return ConfiguredOption(
        ["--secrets"],
        key="secrets",
        metavar="SOURCE",
        allow_from_autoenv=False,
        callback=_keep_source,
        help="Read the secrets that steps name from this source: env, dotenv:PATH, files:DIR or a plugin.",
    )
