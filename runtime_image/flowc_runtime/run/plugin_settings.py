"""Checks that all plugins that settings name exist, even if the flow does not need them. No plugin is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.config_keys import BY_KEY, PLUGIN_SETTINGS
from flowc_runtime.base.errors import ConfigurationError, ConfigurationFault, HintedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.run import catalogs
    from flowc_runtime.run.metrics import tracker
    from flowc_runtime.run.task import secret_sources
    from flowc_runtime.store.values import picklers
else:  # imported at first use: only settings with values other than the default need these modules
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")
    catalogs = LateModule("flowc_runtime.run.catalogs")
    tracker = LateModule("flowc_runtime.run.metrics.tracker")
    secret_sources = LateModule("flowc_runtime.run.task.secret_sources")
    picklers = LateModule("flowc_runtime.store.values.picklers")

_CHECKS: Final[Mapping[str, Callable[[str], None]]] = {
    "catalog": lambda name: catalogs.check_catalog(name),
    "secrets": lambda text: secret_sources.check_setting(secret_setting.SecretSetting.parse(text)),
    "pickler": lambda name: picklers.check(name),
    "tracker": lambda text: tracker.check_known(text),
}


def check_plugins(given: Mapping[str, str | None] | None = None) -> None:
    """Check that the plugins are installed that the settings `catalog`, `secrets`, `pickler` and `tracker` name.

    Args:
        given: values that replace those of the configuration, by the settings' keys, such as values of options.

    Raises:
        ConfigurationError: one or more of these settings cannot be read, or name a plugin that is not installed; the
            error has one fault for each of these settings.
    """
    faults: list[ConfigurationFault] = []
    for key in PLUGIN_SETTINGS:
        found = configuration.lookup(key)
        value = (given or {}).get(key, found.value)
        if value is None or value == BY_KEY[key].default:
            continue
        place = found.place if value == found.value else f"--{key}"
        try:
            _CHECKS[key](str(value))
        except HintedError as error:
            faults.append(ConfigurationFault(f"{place}: {error.message}", error.hint))
    if faults:
        raise ConfigurationError(faults)
