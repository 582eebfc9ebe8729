"""Options that are also settings: if the command line lacks the option, its value comes from a variable or the
configuration file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, TypedDict, final

import click
from click.core import ParameterSource

from flowc.cli.options.common import USAGE, tell_error
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import Required, Unpack

    class _Attributes(TypedDict, total=False):
        help: Required[str]
        type: object
        default: object
        show_default: bool
        metavar: str | None
        callback: Callable[[click.Context, click.Parameter, str], object] | None
        is_eager: bool
        allow_from_autoenv: bool


@final
class ConfiguredOption(click.Option):
    """A click option for the setting with the key `key`. The help of the option names the setting's environment
    variable.

    If `partly` is true, the option does not read the configuration file, because the caller reads that file after other
    sources.
    """

    def __init__(
        self, declarations: Sequence[str], *, key: str, partly: bool = False, **attributes: Unpack[_Attributes]
    ) -> None:
        setting = BY_KEY[key]
        attributes["help"] = f"{attributes['help'].rstrip('.')} [${setting.variable}]."
        if setting.choices and "type" not in attributes:
            attributes["type"] = click.Choice(setting.choices)
        super().__init__(declarations, **attributes)
        self.key = key
        self._partly = partly

    def consume_value(self, ctx: click.Context, opts: Mapping[str, click.Parameter]) -> tuple[object, ParameterSource]:
        """Return the option's value and the value's source.

        The sources, in their order of precedence: the command line, a variable FLOWC_*, a variable METAFLOW_*, the
        configuration file, the default.

        Raises:
            FaultyConfiguration: a variable or the configuration file has a fault.
        """
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
    """An error with all faults of the configuration; click prints them and ends the program."""

    exit_code = USAGE

    def __init__(self, error: ConfigurationError) -> None:
        super().__init__(str(error))
        self.faults = error.faults

    def show(self, file: IO[str] | None = None) -> None:
        """Print the faults on stderr."""
        for fault in self.faults:
            tell_error(fault.message, fault.hint)


def is_given(name: str) -> bool:
    """Return whether the command line has the option of this name; its value may also come from other sources."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
