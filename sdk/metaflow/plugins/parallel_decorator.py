"""`ParallelDecorator`: what decorators of extensions derive from that mark the step of a gang, as `@parallel` does."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from metaflow.decorators import StepDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ParallelDecorator"]


class ParallelDecorator(StepDecorator):
    """A decorator of the step that `self.next(…, num_parallel=…)` leads to, in the place of `@parallel`."""

    name = "parallel"
    IS_PARALLEL = True

    def task_decorate(
        self,
        step_func: Callable[..., Any],
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: str | None,
    ) -> Callable[..., Any]:
        """In each task of the gang, call `setup_distributed_env` just before the step's code."""

        @wraps(step_func)
        def prepared(*arguments: Any) -> Any:
            self.setup_distributed_env(flow)
            return step_func(*arguments)

        return prepared

    def setup_distributed_env(self, flow: Any) -> None:
        """Prepare the process for its framework; `current.parallel` says which of the tasks it is. It does nothing."""
