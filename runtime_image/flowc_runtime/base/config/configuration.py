"""The value of each setting and its source: options, `FLOWC_*` variables, a file, defaults, in this order.

The file is the nearest configuration file in the working directory and its parents: `flowc.toml`, or a `pyproject.toml`
with `[tool.flowc]`; the variable FLOWC_CONFIGURATION_FILE names another file. The command line reads options; this
module reads all other sources. Metaflow's settings are read, too: METAFLOW_* variables are used after `FLOWC_*`
variables and before flowc's file, Metaflow's own configuration file after flowc's file. Pods ignore flowc's file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config import settings
from flowc_runtime.base.config.config_file import (
    ConfigFile,
    describe,
    find_file,
    normal,
    read_file,
    wrong,
)
from flowc_runtime.base.config.config_keys import BY_KEY
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import ConfigurationError, ConfigurationFault

if TYPE_CHECKING:
    from flowc_runtime.base.config.config_keys import Setting

FILE_VARIABLE: Final = "FLOWC_CONFIGURATION_FILE"
"""The variable that names a configuration file to read instead of the nearest file."""

_DIGITS = 19  # a longer number is not converted, so that the function `wrong` refuses it

SettingSource: TypeAlias = Literal["variable", "metaflow", "file", "default"]


class SettingValue(NamedTuple):
    """The value of a setting, the kind of its source, and the source's name: a variable, or a file and line."""

    value: str | int | None
    source: SettingSource
    place: str

    @property
    def text(self) -> str | None:
        """The value of a text setting; None if no source sets the setting."""
        return None if self.value is None else str(self.value)

    @property
    def number(self) -> int | None:
        """The value of a number setting; None if no source sets the setting."""
        assert self.value is None or isinstance(self.value, int)
        return self.value


def lookup(key: str, named: str | None = None) -> SettingValue:
    """Return the value of a setting from the first source that sets it.

    Args:
        key: a key of `config_keys.BY_KEY`.
        named: the path of the configuration file; None selects the current file (`current_file`).

    Raises:
        ConfigurationError: a variable or the configuration file is invalid.
        SettingsError: Metaflow's configuration file cannot be read, or names an unsupported store.
    """
    if key == "store":  # the store is set by several METAFLOW_* variables together
        from flowc_runtime.base.config.whereabouts import locate

        return locate(file=named)
    found = from_variable(key) or _from_metaflow(key) or from_file(key, named) or _from_metaflow_file(key)
    return found or SettingValue(BY_KEY[key].default, "default", "default")


def text(key: str, named: str | None = None) -> str | None:
    """Return the value of a text setting; None if no source sets the setting and it has no default. See `lookup`.

    Raises:
        ConfigurationError: a variable or the configuration file is invalid.
        SettingsError: Metaflow's configuration file cannot be read.
    """
    return lookup(key, named).text


def from_variable(key: str) -> SettingValue | None:
    """Return the value of a setting's `FLOWC_*` variable; None if the variable is unset or empty.

    Raises:
        ConfigurationError: the value is invalid.
    """
    setting = BY_KEY[key]
    written = os.environ.get(setting.variable)
    if not written:
        return None
    value = _read(setting, written)
    if (why := wrong(setting, value)) is not None:
        hint = f"unset it, or set it to {describe(setting)}"
        raise ConfigurationError([ConfigurationFault(f"{setting.variable}={written}: {why}", hint)])
    return SettingValue(value, "variable", setting.variable)


def from_file(key: str, named: str | None = None) -> SettingValue | None:
    """Return the value of a setting in the configuration file; None if the file does not contain the setting.

    Args:
        key: a key of `config_keys.BY_KEY`.
        named: the path of the file; None selects the current file (`current_file`).

    Raises:
        ConfigurationError: the file cannot be read or has faults.
    """
    file = current_file(named)
    if file is None or key not in file.values:
        return None
    return SettingValue(file.value(BY_KEY[key]), "file", file.place(key))


def current_file(named: str | None = None) -> ConfigFile | None:
    """Read, check and return the configuration file: the file that `FILE_VARIABLE` names, or else the nearest
    configuration file.

    Args:
        named: the path of the file to read instead.

    Returns:
        The file; None in a pod, or if there is no configuration file.

    Raises:
        ConfigurationError: the file cannot be read or has faults.
    """
    if POD in os.environ:
        return None
    named = named or os.environ.get(FILE_VARIABLE)
    return read_file(named) if named else find_file()


def _read(setting: Setting, written: str) -> str | int:
    """Convert the text of a variable to a value. If the text of a number setting is not a number, the function returns
    the text, which `wrong` then refuses."""
    is_number = setting.type == "number" and written.isdecimal() and len(written) < _DIGITS
    return int(written) if is_number else str(normal(setting, written))


def _from_metaflow(key: str) -> SettingValue | None:
    """Return the value that METAFLOW_* variables set, if any."""
    setting = BY_KEY[key]
    for variable in setting.metaflow:
        if written := os.environ.get(variable):
            return _checked(setting, written, variable)
    return None


def _from_metaflow_file(key: str) -> SettingValue | None:
    setting = BY_KEY[key]
    for variable in setting.metaflow:
        if variable.startswith(f"{settings.PREFIX}DEFAULT_") and (written := settings.config_file().get(variable)):
            return _checked(setting, written, settings.config_path())
    return None


def _checked(setting: Setting, written: str, place: str) -> SettingValue:
    value = _read(setting, written)
    if (why := wrong(setting, value)) is not None:
        raise ConfigurationError([ConfigurationFault(f"{place}: {written}: {why}", f"set it to {describe(setting)}")])
    return SettingValue(value, "metaflow", place)
