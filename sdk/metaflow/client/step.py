"""One step of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flowc_runtime.base.index import path_of, task_id
from metaflow.client.base import MetaflowObject
from metaflow.client.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metaflow.client.code import EnvironmentInfo
    from metaflow.client.run import Run

__all__ = ["Step"]


class Step(MetaflowObject):
    """A step of a run.

    The children are the step's started tasks, newest first; the tasks of a foreach begin with the last item.

    >>> step = Flow("Letters").latest_successful_run["each"]
    >>> [task.id for task in step]
    ['each-0.2', 'each-0.1', 'each-0.0']
    >>> [parent.id for parent in step.parent_steps], [child.id for child in step.child_steps]
    (['start'], ['join'])
    >>> step.task.id, len(list(step.tasks())), step.created_at < step.finished_at
    ('each-0.2', 3, True)
    >>> step.control_task, list(step.control_tasks())  # the step is not a gang
    (None, [])
    >>> step.environment_info  # the step has neither @pypi nor @conda
    """

    _PARTS: ClassVar[str] = "FlowName/RunID/StepName"
    _DEPTH: ClassVar[int] = 3
    _PARENT: ClassVar[str] = "Run"

    if TYPE_CHECKING:

        @property
        def parent(self) -> Run:
            """The run of the step."""
            ...

        def __iter__(self) -> Iterator[Task]:
            """Return the children."""
            ...

        def __getitem__(self, id: str) -> Task:
            """Return the child with this id. Raises KeyError."""
            ...

    @property
    def task(self) -> Task | None:
        """The step's newest task, or None if no task has started."""
        return next(self._children(), None)

    def tasks(self, *tags: str) -> Iterator[Task]:
        """Return the tasks that have started, newest first. If the run lacks one of the given tags, return no tasks.

        Tags belong to runs, so the method returns either all tasks or none.
        """
        return self._children() if all(map(self._reader.has_tag, tags)) else iter(())

    @property
    def control_task(self) -> Task | None:
        """The first task of `control_tasks`, or None if the step has no control task."""
        return next(self.control_tasks(), None)

    def control_tasks(self, *tags: str) -> Iterator[Task]:
        """Return the control tasks, newest first. If the run lacks one of the given tags, return no tasks.

        In a gang, the control task is the first member. All other members know the address of the control task. In an
        unbounded foreach, the control task runs no code and represents the tasks of the items.
        """
        from metaflow.client.lineage import is_gang

        reader, gang = self._reader, is_gang(self._reader, self.id)
        tasks = ((task, task._place[1]) for task in self.tasks(*tags))
        return (task for task, path in tasks if (gang and task.index == 0) or reader.is_control(self.id, path))

    @property
    def parent_steps(self) -> Iterator[Step]:
        """Yield the started steps that lead to this step."""
        from metaflow.client.lineage import steps_before

        return (self._beside(name) for name in steps_before(self._reader, self.id))

    @property
    def child_steps(self) -> Iterator[Step]:
        """Yield the started steps that follow this step."""
        from metaflow.client.lineage import steps_after

        return (self._beside(name) for name in steps_after(self._reader, self.id))

    @property
    def created_at(self) -> datetime:
        """The start of the step's first task, in local time without a time zone."""
        return min(task.created_at for task in self._children())

    @property
    def finished_at(self) -> datetime | None:
        """The end of the step's last task, in local time without a time zone, or None if a task has not ended."""
        times = [task.finished_at for task in self._children()]
        return None if None in times else max(time for time in times if time is not None)

    @property
    def environment_info(self) -> EnvironmentInfo | None:
        """The packages in the environment of the step's tasks, in the form of `Task.environment_info`.

        The value is None if no task has started, or if the step has no @pypi or @conda that is enabled.
        """
        task = self.task
        return task.environment_info if task is not None else None

    @property
    def origin_pathspec(self) -> str | None:
        """The pathspec of the step in the resumed run, if this run reused the step's newest task; otherwise None."""
        task = self.task
        origin = task.origin_pathspec if task is not None else None
        return origin.rpartition("/")[0] if origin else None

    def _exists(self) -> bool:
        return self._reader.exists() and self._reader.has_step(self.id)

    def _children(self) -> Iterator[Task]:
        paths = self._reader.paths(self.id)[::-1]
        return (self._task(path) for path in self._reader.read_ahead(self.id, paths))

    def _child(self, id: str) -> Task:
        if not self._reader.last(self.id, id):
            raise KeyError(id)
        return self._task(path_of(self.id, id))

    def _task(self, path: str) -> Task:
        return Task._make(self, (*self._parts, task_id(self.id, path)), self._reader)

    def _beside(self, name: str) -> Step:
        return Step._make(self, (*self._parts[:2], name), self._reader)
