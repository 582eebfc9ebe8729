"""`current`, under the name from which Metaflow's own modules import it."""

from __future__ import annotations

from metaflow.current import Current, current

__all__ = ["Current", "current"]
