"""The configs of a flow on the command line: `--config NAME FILE` and `--config-value NAME TEXT`."""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowc.cli.options.adding import with_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.cli.options.common import Top
    from flowc.frontends.metaflow.configs import ConfigSources

    Command = TypeVar("Command", bound=Callable[..., Any])

EARLIER = "flowc.earlier"  # in a context's `meta`: a function of a flow's name, as `ConfigSources.earlier`
_CONFIGS = "flowc.configs"  # in the contexts' `meta`, which a command shares with the group before it


def config_options() -> list[click.Option]:
    """`--config NAME FILE` and `--config-value NAME TEXT`: kept in the context, for `config_sources`."""

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
    """Let the help of a flow's own file say which configs it has."""
    from metaflow.user_configs.config_parameters import configs_of

    declared = [config._flowc for config in configs_of(cls).values()]
    known = ", ".join(f"{config.name} ({config.help})" if config.help else str(config.name) for config in declared)
    for number, option in enumerate(params):
        if isinstance(option, click.Option) and option.name == "config":
            params[number] = told = copy(option)
            told.help = f"{option.help} It has {known or 'none'}."


def takes_configs(function: Command) -> Command:
    """Give a command of `flowc` that loads a flow the options of its configs."""
    return with_options(function, config_options())


def config_sources(ctx: click.Context, given: Top) -> ConfigSources:
    """What the command line and the environment give the configs of the flow."""
    from flowc.frontends.metaflow.configs import ConfigSources

    kept = ctx.meta.get(_CONFIGS, {"config": {}, "config_value": {}})
    return ConfigSources(
        files={**dict(given.config), **kept["config"]},
        values={**dict(given.config_value), **kept["config_value"]},
        environment=os.environ,
        earlier=ctx.meta.get(EARLIER),
    )
