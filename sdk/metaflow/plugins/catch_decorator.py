"""The exception that `@catch` records if all attempts ended without a Python exception: the process was killed or
exited."""

from __future__ import annotations

from metaflow.exception import MetaflowException

__all__ = ["FailureHandledByCatch"]


class FailureHandledByCatch(MetaflowException):
    """All attempts ended without an exception of the step's code.

    In the stored failure, `type` is the dotted name of this class.
    """

    headline = "Task execution failed but @catch handled it"

    def __init__(self, retry_count: int) -> None:
        super().__init__(f"the step failed in {retry_count} attempts without an exception of its code")
