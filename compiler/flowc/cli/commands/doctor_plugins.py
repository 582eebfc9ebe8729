"""The lines of `flowc doctor` about plugins: one line for each plugin of an installed package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.executors.executor import Executor
from flowc.executors.executor_table import OWN as EXECUTORS
from flowc.targets import table
from flowc.targets.deployment import TargetError
from flowc_runtime.base.config import plugin_kinds as kinds
from flowc_runtime.base.config.plugins import PluginError
from flowc_runtime.base.config.secret_setting import BUILT_IN as SOURCES
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.run.catalogs import NONE, STORE, FileCatalog
from flowc_runtime.run.metrics.tracker import MLFLOW, Tracker
from flowc_runtime.run.task.secret_sources import SecretSource
from flowc_runtime.store.backends.installed_stores import find_store
from flowc_runtime.store.backends.remote.bucket import SCHEMES
from flowc_runtime.store.values.picklers import BUILT_IN as PICKLERS
from flowc_runtime.store.values.picklers import ValuePickler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_runtime.base.config.plugins import PluginKind

_OWN: Final[dict[PluginKind, Sequence[str]]] = {
    kinds.EXECUTORS: (*EXECUTORS, *table.BUILTIN),
    kinds.STORES: ("file", *SCHEMES),
    kinds.CATALOGS: (STORE, NONE),
    kinds.SECRETS: SOURCES,
    kinds.PICKLERS: PICKLERS,
    kinds.TRACKERS: (MLFLOW,),
    kinds.TARGETS: tuple(table.BUILTIN),
}
"""The names of flowc's own plugins of each kind."""
_LOAD: Final[dict[PluginKind, Callable[[str], object]]] = {
    kinds.EXECUTORS: lambda name: kinds.EXECUTORS.find(name, Executor),
    kinds.STORES: lambda name: find_store(f"{name}://", _OWN[kinds.STORES]),
    kinds.CATALOGS: lambda name: kinds.CATALOGS.find(name, FileCatalog),
    kinds.SECRETS: lambda name: kinds.SECRETS.find(name, SecretSource),
    kinds.PICKLERS: lambda name: kinds.PICKLERS.find(name, ValuePickler),
    kinds.TRACKERS: lambda name: kinds.TRACKERS.find(name, Tracker),
    kinds.TARGETS: table.find_target,
}
"""Maps each kind of plugin to a function that imports and checks the plugin of a given name."""


def examine_plugins() -> Iterator[tuple[str, bool]]:
    """Yield, for each plugin of an installed package, a line of text and whether the plugin is unusable."""
    for kind in kinds.KINDS:
        for name in kind.names():
            try:
                kind.check_alone([name] if name in _OWN[kind] else [])
                _LOAD[kind](name)
            except (PluginError, TargetError) as error:
                yield f"{error.message}: {error.hint}", True
            except FlowcError as error:
                yield str(error), True
            else:
                yield f"the {kind.word} '{name}', from an installed package", False
