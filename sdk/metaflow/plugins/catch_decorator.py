"""The exception that `@catch` records when the step's code raised none: its process was killed, or exited."""

from __future__ import annotations

from metaflow.exception import MetaflowException

__all__ = ["FailureHandledByCatch"]


class FailureHandledByCatch(MetaflowException):
    """The attempts ended without an exception of the code. Stored failures have its dotted name as their `type`."""

    headline = "Task execution failed but @catch handled it"

    def __init__(self, retry_count: int) -> None:
        super().__init__(f"the step failed in {retry_count} attempts without an exception of its code")
