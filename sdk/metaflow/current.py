"""`current`: what a step can ask about the task it is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime import context

if TYPE_CHECKING:
    from flowc_runtime.context import Parallel, TaskContext

__all__ = ["Current", "current"]


class Current:
    """The running task. Every property but `is_running_flow` raises AttributeError outside of a run."""

    @property
    def is_running_flow(self) -> bool:
        """Whether this code runs inside a task."""
        return context.task is not None

    @property
    def flow_name(self) -> str:
        """The flow's name."""
        return self._task("flow_name").flow

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._task("run_id").run

    @property
    def step_name(self) -> str:
        """The step's name."""
        return self._task("step_name").step

    @property
    def task_id(self) -> str:
        """The task's id: its index path, `0` outside of any foreach, `0.3` for item 3."""
        return self._task("task_id").path

    @property
    def retry_count(self) -> int:
        """How many attempts of this task came before this one."""
        return self._task("retry_count").attempt - 1

    @property
    def pathspec(self) -> str:
        """`FLOW/RUN/STEP/TASK`."""
        task = self._task("pathspec")
        return f"{task.flow}/{task.run}/{task.step}/{task.path}"

    @property
    def username(self) -> str:
        """The user who started the run."""
        return self._task("username").user

    @property
    def parameter_names(self) -> list[str]:
        """The names of the flow's parameters."""
        return list(self._task("parameter_names").parameter_names)

    @property
    def parallel(self) -> Parallel:
        """The task's place among those of its `num_parallel`; AttributeError in a flow that has none."""
        parallel = self._task("parallel").parallel
        if parallel is None:
            raise AttributeError("current.parallel has a value only in flows with @parallel")
        return parallel

    def get(self, key: str, default: Any = None) -> Any:
        """The property of this name, or the default where it has none."""
        return getattr(self, key, default)

    def _task(self, asked: str) -> TaskContext:
        if context.task is None:
            raise AttributeError(f"current.{asked} has a value only while a flow runs, inside a step")
        return context.task


current = Current()
