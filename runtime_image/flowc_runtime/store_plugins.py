"""The public API for packages that add a store with its own URL scheme (docs/plugins.md). Pods can import this module,
too."""

from __future__ import annotations

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.backend import StoreBackend
from flowc_runtime.store.backends.objects import Listed

__all__ = ["Listed", "NotFound", "StoreBackend", "StoreError"]
