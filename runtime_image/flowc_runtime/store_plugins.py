"""The names that a package with a store for its own address scheme imports, also in pods (docs/plugins.md)."""

from __future__ import annotations

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.backend import StoreBackend
from flowc_runtime.store.backends.objects import Listed

__all__ = ["Listed", "NotFound", "StoreBackend", "StoreError"]
