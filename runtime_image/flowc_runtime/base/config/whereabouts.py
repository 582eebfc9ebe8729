"""The default address of the store, and the option `--store` with which printed commands name a store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.config import settings
from flowc_runtime.base.config.config_file import upward
from flowc_runtime.base.config.configuration import SettingValue, from_file, from_variable
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    import shlex
else:  # imported at first use: only printed commands need this module
    shlex = LateModule("shlex")

LOCAL_NAME = ".flowc"


def default_url(start: str | None = None, *, datastore: str | None = None, root: str | None = None) -> str:
    """Return the address of the store; the arguments and errors are those of `locate`."""
    return str(locate(start, datastore=datastore, root=root).value)


def store_words(url: str, typed: str | None = None) -> list[str]:
    """Return the `--store` option that a printed command needs; empty if the store is the default, or a directory.

    Args:
        url: the address of the store.
        typed: the address as the user typed it; the option shows this text instead of `url`.
    """
    try:
        default = default_url()
    except FlowcError:  # the settings are invalid: other code reports the error
        default = ""
    if url in (default, f"file://{os.path.abspath(default)}") or "://" not in url:
        return []
    return ["--store", typed or url]


def configuration_words() -> list[str]:
    """Return the option `--configuration-file` for a printed command; empty if this process was started without the
    option."""
    file = ambient().configuration_file
    return [] if file is None else ["--configuration-file", file]


def command_on(url: str, program: str, *words: str) -> str:
    """Return a command for the store at `url`, quoted for a shell; `program` is `flowc`."""
    return shlex.join([program, *configuration_words(), *words, *store_words(url)])


def locate(
    start: str | None = None, *, datastore: str | None = None, root: str | None = None, file: str | None = None
) -> SettingValue:
    """Return the store's address and its source, from the first source that names a store.

    The sources are `FLOWC_STORE`; METAFLOW_* variables; the configuration file; Metaflow's configuration file; a
    `.flowc` in `start` or its parents. If no source names a store, the result is `.flowc` in `start`, which does not
    exist yet.

    Args:
        start: a directory; None is the working directory.
        datastore: Metaflow's option `--datastore`, which takes precedence over all sources.
        root: Metaflow's option `--datastore-root`, which also takes precedence over all sources.
        file: the path of the configuration file; None selects the current file.

    Raises:
        SettingsError: Metaflow's settings name an unsupported or incomplete store.
        ConfigurationError: `FLOWC_STORE` or the configuration file is invalid.
    """
    by_option = datastore is not None or root is not None
    if not by_option and (found := from_variable("store")):
        return found
    if not by_option and (variable := settings.store_variable()) and (url := settings.store_url()):
        return SettingValue(url, "metaflow", variable)
    if not by_option and (found := from_file("store", file)):
        return found
    if url := settings.store_url(datastore, root):
        return SettingValue(url, "metaflow", settings.config_path())
    here = start or os.getcwd()
    for directory in upward(here):
        if os.path.isdir(f"{directory}/{LOCAL_NAME}"):
            return SettingValue(f"{directory}/{LOCAL_NAME}", "default", f"found in {directory or '/'}")
    return SettingValue(f"{here}/{LOCAL_NAME}", "default", "default")
