"""`--verify`: how often large arrays are checked against their digests. It is kept in a variable, which tasks see."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from flowc.cli.options.configured import ConfiguredOption
from flowc_runtime.base.config.config_keys import BY_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])

_SETTING = BY_KEY["verify"]


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and ctx.get_parameter_source(str(param.name)) is not ParameterSource.DEFAULT:
        os.environ[_SETTING.variable] = value
    return value


_ABOUT: dict[str, Any] = {
    "key": "verify",
    "default": _SETTING.default,
    "show_default": True,
    "allow_from_autoenv": False,
    "callback": _keep,
    "help": "Check large arrays once on this machine, or each time that one is read.",
}


def verify_option() -> ConfiguredOption:
    """Return the option of `run` and its like."""
    return ConfiguredOption(["--verify"], **_ABOUT)


def with_verify_option(function: Command) -> Command:
    """Add the option to a command, whose function does not get the value."""
    return click.option("--verify", cls=ConfiguredOption, expose_value=False, **_ABOUT)(function)
