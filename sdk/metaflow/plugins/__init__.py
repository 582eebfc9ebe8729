"""What Metaflow calls plugins: modules that programs import by name, and that extensions add to or replace."""

from __future__ import annotations

from metaflow.unbounded_foreach import InternalTestUnboundedForeachInput

__all__ = ["InternalTestUnboundedForeachInput"]
