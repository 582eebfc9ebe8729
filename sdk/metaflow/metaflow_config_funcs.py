"""Reading settings, as extensions do in their `config`."""

from __future__ import annotations

from metaflow.metaflow_config import from_conf

__all__ = ["from_conf"]
