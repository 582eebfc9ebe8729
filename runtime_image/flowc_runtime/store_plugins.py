"""The public names for packages that add a store with its own address scheme; they can also be imported in pods
(docs/plugins.md)."""

from __future__ import annotations

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.backend import StoreBackend
from flowc_runtime.store.backends.objects import Listed

__all__ = ["Listed", "NotFound", "StoreBackend", "StoreError"]
