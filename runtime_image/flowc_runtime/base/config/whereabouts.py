"""Where the store is, if nobody says it."""

from __future__ import annotations

import os
import shlex

from flowc_runtime.base.config import settings
from flowc_runtime.base.config.config_file import upward
from flowc_runtime.base.config.configuration import SettingValue, from_file, from_variable
from flowc_runtime.base.errors import FlowcError

LOCAL_NAME = ".flowc"


def default_url(start: str | None = None, *, datastore: str | None = None, root: str | None = None) -> str:
    """Return the address of the store; see `locate`. Raises SettingsError, ConfigurationError."""
    return str(locate(start, datastore=datastore, root=root).value)


def store_words(url: str, typed: str | None = None) -> list[str]:
    """Return the option that names a store, as it was typed if it was; nothing where commands take it anyway."""
    try:
        default = default_url()
    except FlowcError:  # the settings are wrong, which is told elsewhere
        default = ""
    if url in (default, f"file://{os.path.abspath(default)}") or "://" not in url:
        return []
    return ["--store", typed or url]


def command_on(url: str, *words: str) -> str:
    """Return a command to paste in a shell that is about the store at `url`."""
    return shlex.join([*words, *store_words(url)])


def locate(start: str | None = None, *, datastore: str | None = None, root: str | None = None) -> SettingValue:
    """Return the store's address and what gives it, the first of these that does.

    `FLOWC_STORE`; METAFLOW_* variables that name a store; the configuration file; Metaflow's; and `.flowc` found upward
    from `start` (the working directory). Where there is none, it is the one to be made there. `datastore` and `root`
    are Metaflow's options for it: they come before all. Raises SettingsError, ConfigurationError.
    """
    by_option = datastore is not None or root is not None
    if not by_option and (found := from_variable("store")):
        return found
    if not by_option and (variable := settings.store_variable()) and (url := settings.store_url()):
        return SettingValue(url, "metaflow", variable)
    if not by_option and (found := from_file("store")):
        return found
    if url := settings.store_url(datastore, root):
        return SettingValue(url, "metaflow", settings.config_path())
    here = start or os.getcwd()
    for directory in upward(here):
        if os.path.isdir(f"{directory}/{LOCAL_NAME}"):
            return SettingValue(f"{directory}/{LOCAL_NAME}", "default", f"found in {directory or '/'}")
    return SettingValue(f"{here}/{LOCAL_NAME}", "default", "default")
