"""`ParallelDecorator`: the base class of extensions' decorators that set up a framework in the tasks of a gang."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.ambient import Parallel
from metaflow._legacy.base import StepDecorator
from metaflow.unbounded_foreach import CONTROL_TASK_TAG, UBF_CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CONTROL_TASK_TAG", "UBF_CONTROL", "Parallel", "ParallelDecorator"]


class ParallelDecorator(StepDecorator):
    """Makes the tasks of a step a gang, like `@parallel`. Subclasses override `setup_distributed_env`."""

    name = "parallel"
    IS_PARALLEL: ClassVar[bool] = True

    def step_init(
        self,
        flow: object,
        graph: object,
        step_name: str,
        decorators: Sequence[object],
        environment: object,
        flow_datastore: object,
        logger: Callable[..., None],
    ) -> None:
        """Store the environment as an attribute for subclasses.

        The arguments are the same as for `StepDecorator.step_init`.
        """
        self.environment = environment

    def setup_distributed_env(self, flow: object) -> None:
        """Set up the framework. Each task of the gang calls this method before the step's code.

        Args:
            flow: the flow object of the task; `current.parallel` has the members of the gang.
        """

    def task_decorate(
        self,
        step_func: Callable[..., object],
        flow: object,
        graph: object,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: str | None,
    ) -> Callable[..., Any]:
        """Return a function that calls `setup_distributed_env` and then the step's code.

        The arguments are the same as for `StepDecorator.task_decorate`.
        """

        @wraps(step_func)
        def set_up(*inputs: object) -> Any:
            self.setup_distributed_env(flow)
            return step_func(*inputs)

        return set_up


def _local_multinode_control_task_step_func(
    flow: object, env_to_use: object, step_func: Callable[..., object], retry_count: int, input_paths: object = None
) -> None:
    """Run the step's code in the gang's first task. All other tasks of the gang are started by flowc itself."""
    step_func()
