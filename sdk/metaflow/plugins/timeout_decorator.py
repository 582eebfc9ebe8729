"""The exception that `@timeout` raises inside a step that exceeds its time limit."""

from __future__ import annotations

from flowc_runtime.base.errors import StepTimeout
from metaflow.exception import MetaflowException

__all__ = ["TimeoutException"]


class TimeoutException(StepTimeout, MetaflowException):
    """The step ran longer than its `@timeout` allows."""

    headline = "@timeout"
