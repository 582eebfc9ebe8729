"""The function that the `config` module of an extension uses to read settings."""

from __future__ import annotations

from metaflow.metaflow_config import from_conf

__all__ = ["from_conf"]
