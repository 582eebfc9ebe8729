"""The client's object for one task: its attempts, their artifacts and output, its parents and children."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from flowc_ir.late import LateModule
from flowc_runtime.base.index import item_index, path_of, task_id
from flowc_runtime.run.views.task_view import AttemptView, TaskView
from metaflow.client import printed
from metaflow.client.base import MetaflowObject, check_attempt, when
from metaflow.client.data import DataArtifact, MetaflowData, artifacts_of, as_artifacts
from metaflow.exception import MetaflowExceptionWrapper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flowc_runtime.run.metrics import recorded
    from flowc_runtime.run.metrics.recorded import MetricPoint
    from flowc_runtime.store.records.record_types import AttemptRecord, ErrorRecord
    from metaflow.client.code import EnvironmentInfo, MetaflowCode
    from metaflow.client.facts import Metadata
    from metaflow.client.files import TaskFile
else:  # imported late, because only tasks with metrics use this module
    recorded = LateModule("flowc_runtime.run.metrics.recorded")

__all__ = ["Task"]


class Task(MetaflowObject):
    """A task of a step. The id `STEP-PATH` is unique in the run: `train-0` outside any foreach, `train-0.3` for item 3.

    The index path alone, such as `0.3`, can be used instead of the id. The children of a task are its artifacts. The
    object shows the successful attempt, or the latest attempt if none succeeded; `attempt=` selects an attempt, from 0.

    >>> task = Flow("Letters").latest_successful_run["each"]["each-0.1"]
    >>> task.data.letter, task.index, task.current_attempt
    ('B', 1, 1)
    >>> task.stdout
    'attempt 1\\n'
    >>> first = Task(task.pathspec, attempt=0)
    >>> first.successful, first.finished, first.exception.type
    (False, False, 'builtins.ValueError')
    >>> [line for _, line in first.loglines("stdout")]
    ['attempt 0']
    >>> task.stdout_size, task.stderr, task.stderr_size
    (10, '', 0)
    >>> len(task.files), task.mocked
    (0, False)
    >>> task.metrics, [(point.step, point.value) for point in task.metric("length")]
    ({'length': 1}, [(0, 1)])
    >>> task.artifacts.letter.size, task.created_at < task.finished_at
    (16, True)
    >>> [parent.id for parent in task.parent_tasks], [child.id for child in task.child_tasks]
    (['start-0'], ['join-0'])
    >>> [pathspec.split("/")[2] for pathspec in (*task.parent_task_pathspecs, *task.child_task_pathspecs)]
    ['start', 'join']
    >>> task.metadata_dict["attempt"], task.metadata[0].name, task.runtime_name
    ('1', 'attempt', 'dev')
    >>> task.code, task.environment_info  # runs on a cluster keep their code, @pypi and @conda make environments
    (None, None)
    """

    _PARTS: ClassVar[str] = "FlowName/RunID/StepName/TaskID"
    _DEPTH: ClassVar[int] = 4
    _PARENT: ClassVar[str] = "Step"

    if TYPE_CHECKING:  # for type checkers: the children of a task are artifacts

        def __iter__(self) -> Iterator[DataArtifact]:
            """Return the children."""
            ...

        def __getitem__(self, id: str) -> DataArtifact:
            """Return the child with this id. Raises KeyError."""
            ...

    # -- its attempts

    @property
    def current_attempt(self) -> int:
        """The number of the shown attempt; the first is 0."""
        return self._attempt if self._attempt is not None else self._reader.last(*self._place) - 1

    @property
    def _place(self) -> tuple[str, str]:
        """The step and the index path of the task."""
        return self._parts[2], path_of(*self._parts[2:4])

    @property
    def _view(self) -> AttemptView:
        """Return the current state of the attempt. Raises RecordError if the record of the attempt cannot be read."""
        return AttemptView(self._reader, *self._place, self.current_attempt + 1).readable()

    @property
    def _record(self) -> AttemptRecord | None:
        """Return the record of the attempt if it has ended."""
        return self._view.record

    @property
    def successful(self) -> bool:
        """Whether the code of the shown attempt has run to its end. A failure that @catch handled is not a success."""
        return self._view.outcome == "ok"

    @property
    def finished(self) -> bool:
        """Whether the task has ended successfully or @catch has handled its failure, so that the run can continue."""
        return self._view.is_done

    @property
    def mocked(self) -> bool:
        """Whether a patch replaced the step's code in the shown attempt (`--mock`, `--patch`)."""
        return self._view.is_mocked

    @property
    def finished_at(self) -> datetime | None:
        """The end of the shown attempt, in local time without a time zone, or None while the attempt is active."""
        ended = self._view.finished
        return when(ended) if ended is not None else None

    @property
    def created_at(self) -> datetime:
        """The start of the task's first attempt, in local time without a time zone."""
        return when(TaskView(self._reader, *self._place).created(lambda: self._view))

    @property
    def exception(self) -> MetaflowExceptionWrapper | None:
        """The exception of a failed task, or None if the task did not fail or @catch handled the failure.

        The returned object has the attributes `type` (the dotted path of the exception's class) and `exception` (the
        message); its `str()` is the traceback.
        """
        view = self._view
        return _wrapped(view.failure or {}) if view.outcome == "failed" else None

    @property
    def origin_pathspec(self) -> str | None:
        """The pathspec of the original task, if this run resumed another run and reused that run's task; otherwise
        None."""
        if self._view.origin is None:
            return None
        return f"{self._parts[0]}/{self._reader.record['origin']}/{'/'.join(self._parts[2:])}"

    # -- its results

    @property
    def data(self) -> MetaflowData:
        """The values of the task's artifacts: `task.data.accuracy`.

        Each value is loaded from the store on first access.
        """
        return MetaflowData(self._children())

    @property
    def artifacts(self) -> Any:
        """The artifacts as a named tuple: `task.artifacts.accuracy` is a DataArtifact.

        Artifacts whose names are Python keywords are missing; `task["class"]` returns them.
        """
        return as_artifacts(self._children())

    @property
    def files(self) -> list[TaskFile]:
        """The files that a task of a pipeline received and passed on, with the received files first.

        Each file is a `TaskFile`, with the method `read_bytes()`.
        """
        from metaflow.client.files import TaskFile

        return [TaskFile(self._reader.store.objects, each) for each in self._view.files]

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric that the shown attempt has recorded, by name."""
        return {name: metric["value"] for name, metric in self._view.metrics.items()}

    def metric(self, name: str) -> list[MetricPoint]:
        """Return all points of a metric, in the order in which they were recorded.

        Args:
            name: the metric's name.

        Returns:
            Named tuples of `step`, `value` and `time` (seconds since 1970).

        Raises:
            KeyError: the shown attempt has not recorded a metric with this name.
        """
        if name not in self.metrics:
            raise KeyError(name)
        record = self._record
        assert record is not None
        return recorded.points_of(record, self._reader.store.objects)[name]

    @property
    def metadata(self) -> list[Metadata]:
        """The facts about all attempts, or about the attempt that `attempt=` selected, the oldest attempt first.

        Each fact is a named tuple `(name, value, created_at, type, task)`; `created_at` is in milliseconds since 1970.
        """
        from metaflow.client.facts import metadata_of

        return metadata_of(self, self._reader)

    @property
    def metadata_dict(self) -> dict[str, Any]:
        """The facts by name, each with the value from the latest attempt that recorded the fact."""
        return {item.name: item.value for item in self.metadata}

    @property
    def index(self) -> int | None:
        """The index of the task's item in the innermost foreach, or None outside any foreach."""
        return item_index(self._place[1])

    @property
    def code(self) -> MetaflowCode | None:
        """The code package of the run, or None if the store has no code package of the run.

        Only runs on a cluster save their code.
        """
        from metaflow.client.code import code_of

        return code_of(self._reader)

    @property
    def environment_info(self) -> EnvironmentInfo | None:
        """The packages of the task's environment: `python` (the version), `pypi` and `conda` (name -> version).

        The value is None if the step has neither @pypi nor @conda, or if the decorator is disabled.
        """
        from metaflow.client.code import environment_of

        return environment_of(self._reader, self._parts[2])

    @property
    def runtime_name(self) -> str | None:
        """The name of the runtime: `dev` for local runs, `argo-workflows` on a cluster."""
        return self._reader.tagged("runtime:")

    # -- its output

    @property
    def stdout(self) -> str:
        """The text that the shown attempt wrote to stdout; bytes that are not UTF-8 are replaced."""
        return printed.text(self._log(), "stdout")

    @property
    def stderr(self) -> str:
        """The text that the shown attempt wrote to stderr; bytes that are not UTF-8 are replaced."""
        return printed.text(self._log(), "stderr")

    @property
    def stdout_size(self) -> int:
        """The size of stdout in bytes."""
        return printed.size(self._log(), "stdout")

    @property
    def stderr_size(self) -> int:
        """The size of stderr in bytes."""
        return printed.size(self._log(), "stderr")

    @overload
    def loglines(self, stream: str, as_unicode: Literal[True] = True) -> Iterator[tuple[datetime, str]]: ...
    @overload
    def loglines(self, stream: str, as_unicode: Literal[False]) -> Iterator[tuple[datetime, bytes]]: ...
    def loglines(self, stream: str, as_unicode: bool = True) -> Iterator[tuple[datetime, str | bytes]]:
        """Yield the lines of the shown attempt's output, each with its time.

        Args:
            stream: `stdout` or `stderr`.
            as_unicode: whether lines are text, with bytes that are not UTF-8 replaced; otherwise lines are bytes.

        Returns:
            An iterator of (time in UTC without a time zone, line without its end).

        Raises:
            ValueError: `stream` is neither `stdout` nor `stderr`; raised when the first line is requested.
        """
        for time, line in printed.lines(self._log(), stream):
            yield time, line.decode("utf-8", "replace") if as_unicode else line

    def _log(self) -> Iterator[bytes]:
        """Yield the bytes of the attempt's log in chunks; a chunk is read from the store when it is requested."""
        return self._reader.store.log(*self._place, self.current_attempt + 1)

    # -- parents and children

    @property
    def parent_task_pathspecs(self) -> Iterator[str]:
        """Yield the pathspecs of the task's parents."""
        return (task.pathspec for task in self.parent_tasks)

    @property
    def child_task_pathspecs(self) -> Iterator[str]:
        """Yield the pathspecs of the task's children."""
        return (task.pathspec for task in self.child_tasks)

    @property
    def parent_tasks(self) -> Iterator[Task]:
        """Yield the task's parents; the parents of a join in the order of the join's `inputs`.

        While the task is active, or if its process died early, no parents are recorded; the graph and the index path
        then determine them.
        """
        from metaflow.client.lineage import tasks_before

        return (self._beside(*place) for place in tasks_before(self._reader, *self._place))

    @property
    def child_tasks(self) -> Iterator[Task]:
        """Yield the child tasks that have started; yield nothing if this task is not done."""
        from metaflow.client.lineage import tasks_after

        return (self._beside(*place) for place in tasks_after(self._reader, *self._place))

    def _beside(self, step: str, path: str) -> Task:
        return Task._make(self, (*self._parts[:2], step, task_id(step, path)), self._reader)

    # -- lookup of the task and its artifacts

    def _check_attempt(self, attempt: object) -> int | None:
        return check_attempt(attempt)

    def _exists(self) -> bool:
        if not self._reader.exists() or not (last := self._reader.last(*self._parts[2:4])):
            return False
        return self._attempt in (None, last - 1) or self._reader.store.has_begun(*self._place, self._attempt + 1)

    def _children(self) -> Iterator[DataArtifact]:
        return (self._artifact(name) for name in artifacts_of(self._reader, self) if not name.startswith("_"))

    def _child(self, id: str) -> DataArtifact:
        if id not in artifacts_of(self._reader, self):
            raise KeyError(id)
        return self._artifact(id)

    def _artifact(self, name: str) -> DataArtifact:
        return DataArtifact._make(self, (*self._parts, name), self._reader, attempt=self._attempt)


def _wrapped(error: ErrorRecord) -> MetaflowExceptionWrapper:
    wrapper = MetaflowExceptionWrapper()
    kind = error.get("type", "")
    wrapper.type = kind if "." in kind else f"builtins.{kind}"
    wrapper.exception = error.get("message", "")
    wrapper.stacktrace = error.get("traceback") or None
    return wrapper
