"""What plugins implement that work in the processes of tasks: stores, catalogs, sources of secrets, picklers.

docs/plugins.md describes them for authors of packages; executors are in `flowc.executors`, targets in `flowc.targets`.
"""

from __future__ import annotations

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.run.catalogs import FileCatalog
from flowc_runtime.run.task.secret_sources import SecretSource
from flowc_runtime.store.backends.backend import StoreBackend
from flowc_runtime.store.backends.objects import Listed
from flowc_runtime.store.values.picklers import ValuePickler

__all__ = ["FileCatalog", "Listed", "NotFound", "SecretSource", "StoreBackend", "StoreError", "ValuePickler"]
