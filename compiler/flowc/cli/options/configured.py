"""Options that are settings too: without the option, their value is that of a variable or of the configuration file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, final

import click
from click.core import ParameterSource

from flowc.cli.options.common import USAGE, tell_error
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@final
class ConfiguredOption(click.Option):
    """An option that gives the setting `key`; its help names the variable and, of a setting with a value, the default.

    `partly` leaves the configuration file to whoever reads the value, since more comes before it.
    """

    def __init__(self, *args: Any, key: str, partly: bool = False, **attributes: Any) -> None:
        setting = BY_KEY[key]
        attributes["help"] = f"{attributes['help'].rstrip('.')} [${setting.variable}]."
        if setting.choices and "type" not in attributes:
            attributes["type"] = click.Choice(setting.choices)
        super().__init__(*args, **attributes)
        self.key = key
        self._partly = partly

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Return the value and its source: the option, FLOWC_*, METAFLOW_*, the file, or nothing."""
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.COMMANDLINE or ctx.resilient_parsing:
            return value, source
        try:
            if found := configuration.from_variable(self.key):
                return found.value, ParameterSource.ENVIRONMENT
            if source is ParameterSource.DEFAULT and not self._partly and (found := configuration.from_file(self.key)):
                return found.value, ParameterSource.DEFAULT_MAP
        except ConfigurationError as error:
            raise FaultyConfiguration(error) from None
        return value, source


@final
class FaultyConfiguration(click.ClickException):
    """Ends the program with every fault of the configuration told."""

    exit_code = USAGE

    def __init__(self, error: ConfigurationError) -> None:
        super().__init__(str(error))
        self.faults = error.faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the faults on stderr."""
        for fault in self.faults:
            tell_error(fault.message, fault.hint)


def is_given(name: str) -> bool:
    """Return whether the command line itself gives an option of the command that is being called."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
