"""The protocols of plugins that users choose in the configuration; docs/plugins.md shows how to write a plugin."""

from __future__ import annotations

from flowc_runtime.run.catalogs import FileCatalog
from flowc_runtime.run.metrics.tracker import EndState, TrackedMetric, TrackedRun, Tracker
from flowc_runtime.run.task.secret_sources import SecretSource
from flowc_runtime.store.values.picklers import ValuePickler

__all__ = ["EndState", "FileCatalog", "SecretSource", "TrackedMetric", "TrackedRun", "Tracker", "ValuePickler"]
