"""The configs of a flow on the command line: `--config NAME FILE` and `--config-value NAME TEXT`."""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING

import click

from flowc.cli.options.adding import with_options
from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.cli.options.adding import Command
    from flowc.cli.options.common import Top
    from flowc.frontends.metaflow.configs import ConfigSources
    from metaflow.user_configs.config_parameters import configs_of

else:  # imported at first use: the help of commands does not need them
    ConfigSources = LateFunction("flowc.frontends.metaflow.configs:ConfigSources")
    configs_of = LateFunction("metaflow.user_configs.config_parameters:configs_of")

EARLIER = "flowc.earlier"  # key in a context's `meta`: the value of `ConfigSources.earlier`, a function
_CONFIGS = "flowc.configs"  # key in a context's `meta`: the values of `config_options`


def config_options() -> list[click.Option]:
    """Return the options `--config NAME FILE` and `--config-value NAME TEXT`.

    The click context keeps the values of the two options, and `config_sources` reads the values from there.
    """

    def keep(ctx: click.Context, param: click.Parameter, pairs: Sequence[tuple[str, str]]) -> None:
        kept: dict[str, dict[str, str]] = ctx.meta.setdefault(_CONFIGS, {"config": {}, "config_value": {}})
        kept[str(param.name)].update(pairs)

    return [
        click.Option(["--config"], nargs=2, type=str, multiple=True, expose_value=False, callback=keep,
                     metavar="NAME FILE", help="The file of one of the flow's configs; may be repeated."),
        click.Option(["--config-value"], nargs=2, type=str, multiple=True, expose_value=False, callback=keep,
                     metavar="NAME TEXT", help="The value of one of the flow's configs; may be repeated."),
    ]  # fmt: skip


def describe_configs(params: list[click.Parameter], cls: type) -> None:
    """Add the names of the flow's configs to the help of `--config`.

    Args:
        params: the parameters of a command. `--config` is replaced by a changed copy in this list.
        cls: the flow's class.
    """
    declared = [config._flowc for config in configs_of(cls).values()]
    known = ", ".join(f"{config.name} ({config.help})" if config.help else str(config.name) for config in declared)
    for number, option in enumerate(params):
        if isinstance(option, click.Option) and option.name == "config":
            params[number] = told = copy(option)
            told.help = f"{option.help} It has {known or 'none'}."


def takes_configs(function: Command) -> Command:
    """Add the options for a flow's configs to a command of `flowc`."""
    return with_options(function, config_options())


def config_sources(ctx: click.Context, before: Top) -> ConfigSources:
    """Return the sources of the flow's configs: the command line and the environment.

    Args:
        ctx: the command's context, which has the values of `config_options`.
        before: the values of the options before the command. Options after the command take precedence.
    """
    kept = ctx.meta.get(_CONFIGS, {"config": {}, "config_value": {}})
    return ConfigSources(
        files={**dict(before.config), **kept["config"]},
        values={**dict(before.config_value), **kept["config_value"]},
        environment=os.environ,
        earlier=ctx.meta.get(EARLIER),
    )
