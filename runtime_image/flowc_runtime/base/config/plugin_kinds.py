"""The kinds of plugins, each with the group of entry points in which installed packages register their plugins.

For each kind, the module that uses it contains a table of flowc's own plugins. Only if this table does not contain a
name, flowc looks for a plugin with the name in installed packages.
"""

from __future__ import annotations

from typing import Final

from flowc_runtime.base.config.plugins import PluginKind

STORES: Final = PluginKind("flowc.stores", "store", "subclass of flowc_runtime.store_plugins.StoreBackend")
"""Stores of runs, by the scheme of their addresses."""
CATALOGS: Final = PluginKind("flowc.catalogs", "catalog", "flowc.plugins.FileCatalog")
"""Places that keep the files of `Catalog(get=…, put=…)`, selected by the setting `catalog`."""
EXECUTORS: Final = PluginKind("flowc.executors", "executor", "flowc.executors.Executor")
"""Systems on which `flowc run` runs flows, selected by the setting `executor`."""
SECRETS: Final = PluginKind("flowc.secrets", "source of secrets", "flowc.plugins.SecretSource")
"""Sources of the secrets that steps name, selected by the setting `secrets`."""
PICKLERS: Final = PluginKind("flowc.picklers", "pickler", "flowc.plugins.ValuePickler")
"""Serializers that write artifacts, selected by the setting `pickler`."""
TRACKERS: Final = PluginKind("flowc.trackers", "tracker", "flowc.plugins.Tracker")
"""Systems to which the metrics of runs are sent, selected by the setting `tracker`."""
TARGETS: Final = PluginKind("flowc.targets", "target", "flowc.targets.Target")
"""Systems for which flows are compiled, selected by the option `--target`."""

KINDS: Final = (EXECUTORS, STORES, CATALOGS, SECRETS, PICKLERS, TRACKERS, TARGETS)
"""All kinds, in the order of docs/plugins.md."""
