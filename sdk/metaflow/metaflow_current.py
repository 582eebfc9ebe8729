"""The module name under which Metaflow's own modules import `current`."""

from __future__ import annotations

from metaflow.current import Current, current

__all__ = ["Current", "current"]
