"""Metaflow's plugins: modules that programs import by name, and that extensions may add or replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.unbounded_foreach import InternalTestUnboundedForeachInput

if TYPE_CHECKING:
    from metaflow.datastore.datastore_storage import DataStoreStorage

    DATASTORES: list[type[DataStoreStorage]]

__all__ = ["DATASTORES", "InternalTestUnboundedForeachInput"]


if not TYPE_CHECKING:  # imported on first access

    def __getattr__(name: str) -> Any:
        if name == "DATASTORES":  # no classes for buckets, because extensions can store files only in directories
            from metaflow.plugins.datastores.local_storage import LocalStorage

            return [LocalStorage]
        raise AttributeError(f"module 'metaflow.plugins' has no attribute '{name}'")
