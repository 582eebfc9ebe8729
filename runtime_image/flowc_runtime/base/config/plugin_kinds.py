"""The kinds of plugins: for each, the group of entry points in which installed packages register theirs.

flowc's own plugins are in the table of the module that uses the kind; installed packages are searched only for a name
that is not one of them.
"""

from __future__ import annotations

from typing import Final

from flowc_runtime.base.config.plugins import PluginKind

STORES: Final = PluginKind("flowc.stores", "store", "subclass of flowc_runtime.store_plugins.StoreBackend")
"""Stores of runs, by the scheme of their addresses."""
CATALOGS: Final = PluginKind("flowc.catalogs", "catalog", "flowc.plugins.FileCatalog")
"""Where the files of `Catalog(get=…, put=…)` are kept: the setting `catalog`."""
EXECUTORS: Final = PluginKind("flowc.executors", "executor", "flowc.executors.Executor")
"""What `flowc run` runs flows with: the setting `executor`."""
SECRETS: Final = PluginKind("flowc.secrets", "source of secrets", "flowc.plugins.SecretSource")
"""Where the secrets come from that steps only name: the setting `secrets`."""
PICKLERS: Final = PluginKind("flowc.picklers", "pickler", "flowc.plugins.ValuePickler")
"""What writes artifacts: the setting `pickler`."""
TRACKERS: Final = PluginKind("flowc.trackers", "tracker", "flowc.plugins.Tracker")
"""Where the metrics of runs are sent: the setting `tracker`."""
TARGETS: Final = PluginKind("flowc.targets", "target", "flowc.targets.Target")
"""Systems that flows are compiled for: the option `--target`."""

KINDS: Final = (EXECUTORS, STORES, CATALOGS, SECRETS, PICKLERS, TRACKERS, TARGETS)
"""All kinds, in the order of docs/plugins.md."""
