"""`StepView`: the tasks of one step of a run, and their progress."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_ir import Foreach, Gang
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.run.views.task_view import TaskView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.run.views.run_records import RunRecords

CHECKED = 1000
"""Unreadable records of a step are searched for only if at most this number of the step's tasks are finished."""
SPLITS_READ = 100
"""The number of a foreach's tasks is computed only if at most this number of split records must be read for it."""


@final
@dataclass(frozen=True, eq=False)
class StepView:
    """A snapshot of a step of a run. Each listing of the store is read once, on first use."""

    records: RunRecords
    name: str

    @cached_property
    def attempts(self) -> Mapping[str, list[int]]:
        """Index path of a task → the numbers of its attempts that have begun."""
        return self.records.attempts(self.name)

    @property
    def paths(self) -> list[str]:
        """The index paths of the tasks that have begun, sorted."""
        return list(self.attempts)

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """The tasks that have begun."""
        return tuple(self.task(path) for path in self.attempts)

    def task(self, path: str) -> TaskView:
        """Return the view of a task. The numbers of the task's attempts come from the step's listing."""
        return TaskView(self.records, self.name, path, tuple(self.attempts[path]))

    # -- counts

    @property
    def begun(self) -> int:
        """The number of tasks that have begun."""
        return len(self.attempts)

    @property
    def attempts_begun(self) -> int:
        """The number of attempts of all tasks that have begun."""
        return sum(map(len, self.attempts.values()))

    @property
    def total(self) -> int:
        """The expected number of tasks, at least the number of tasks that have begun."""
        return max(self.begun, self._width[0])

    @cached_property
    def done(self) -> frozenset[str]:
        """The index paths of the finished tasks whose records can be read."""
        return frozenset(self.records.done_paths(self.name) - {path for path, _ in self._checked if path is not None})

    @property
    def errors(self) -> tuple[RecordError, ...]:
        """The errors of task records that cannot be read: damaged ones, and ones that were moved aside."""
        width = [self._width[1]] if self._width[1] is not None else []
        return (*(error for _, error in self._checked), *width)

    @cached_property
    def _checked(self) -> tuple[tuple[str | None, RecordError], ...]:
        """The result of `_check`, computed once."""
        return tuple(self._check())

    def _check(self) -> Iterator[tuple[str | None, RecordError]]:
        """Yield (index path, error) for each task record that cannot be read. The index path is None for a record that
        `fsck` has moved aside."""
        run, step = self.records.store, self.name
        paths = run.done(step)
        for path in run.paths(step):
            name = run.task_key(step, path).removeprefix(f"{run.prefix}/")
            if path not in paths and (loss := run.find_loss(name, step, path)) is not None:
                yield None, loss
        if len(paths) > CHECKED:
            return
        ahead = run.done_tasks(step)
        for path in sorted(paths):
            try:
                if ahead is None:
                    run.task(step, path)
                elif path in ahead:
                    run.parse_task(step, path, ahead[path])
            except NotFound:  # deleted in the meantime
                continue
            except RecordError as error:
                yield path, error

    @cached_property
    def _width(self) -> tuple[int, RecordError | None]:
        """If the step is the body of a foreach or gang: the number of its tasks (0 if it is unknown), and the error if
        a record cannot be read."""
        try:
            return self._opened(), None
        except RecordError as error:
            return 0, error

    def _opened(self) -> int:
        before = self.records.graph.predecessors.get(self.name, [])
        if len(before) != 1 or not isinstance(before[0].next, Foreach | Gang):
            return 0
        split = before[0].id
        paths = self.records.done_paths(split)
        if len(paths) > SPLITS_READ:
            return 0
        done = [record for path in paths if (record := self.records.done(split, path)) is not None]
        return sum(record["fanout"]["count"] for record in done if "fanout" in record)
