"""What packages use that bring a store or a catalog to flowc (docs/plugins.md)."""

from __future__ import annotations

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.run.catalogs import FileCatalog
from flowc_runtime.store.backends.backend import StoreBackend
from flowc_runtime.store.backends.objects import Listed

__all__ = ["FileCatalog", "Listed", "NotFound", "StoreBackend", "StoreError"]
