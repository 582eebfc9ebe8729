"""`current`, under the name that Metaflow's own modules import it from."""

from __future__ import annotations

from metaflow.current import Current, current

__all__ = ["Current", "current"]
