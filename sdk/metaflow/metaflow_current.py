"""`current`, where Metaflow has it: `from metaflow.metaflow_current import current`."""

from __future__ import annotations

from metaflow.current import Current, current

__all__ = ["Current", "current"]
