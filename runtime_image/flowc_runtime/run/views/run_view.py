"""`RunView`: the data of one run, for commands, the client and pages."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.run.views.metrics_view import metrics_of
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import BEGINNING, StatusView, read_status, unreadable_status
from flowc_runtime.run.views.step_view import StepView
from flowc_runtime.run.views.task_view import AttemptView, TaskView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.process.process import Process
    from flowc_runtime.store.records.record_types import RevisionRecord, RunRecord
    from flowc_runtime.store.records.run_store import RunStore


@final
@dataclass(frozen=True, eq=False)
class RunView:
    """A snapshot of a run. Each record is read once, on first use; later changes are seen only by a new view.

    If the run's record cannot be read, `error` is the reason, and the values from the record are None or empty.
    """

    records: RunRecords

    @classmethod
    def of(cls, run: RunStore) -> RunView:
        """Create the view of a run in a store, without reading anything."""
        return cls(RunRecords(run))

    @property
    def pathspec(self) -> str:
        """The run's pathspec, FLOW/RUN."""
        return f"{self.records.store.flow}/{self.records.store.id}"

    # -- its record

    @cached_property
    def _begun(self) -> RunRecord | NotFound | RecordError:
        try:
            return self.records.record
        except (NotFound, RecordError) as error:
            return error

    @property
    def record(self) -> RunRecord | None:
        """The run's record, or None if the record is missing or cannot be read."""
        return None if isinstance(self._begun, Exception) else self._begun

    @property
    def error(self) -> NotFound | RecordError | None:
        """The reason why `record` is None: the record cannot be read, or is not written yet. Else None."""
        return self._begun if isinstance(self._begun, Exception) else None

    def begun(self) -> RunView:
        """Return the view itself, after checking that the run has a record. A record that exists but cannot be read
        raises no error in this method.

        Raises:
            NotFound: the run has no record.
        """
        if isinstance(self.error, NotFound):
            raise self.error
        return self

    @property
    def created(self) -> float | None:
        """The time when the run began, in seconds since the epoch."""
        return self.record["created"] if self.record is not None else None

    @property
    def user(self) -> str | None:
        """The name of the user who started the run."""
        return self.record["user"] if self.record is not None else None

    @property
    def target(self) -> str | None:
        """Where the run is executed: `local`, or the name of a target such as `argo`."""
        return self.record["target"] if self.record is not None else None

    @property
    def process(self) -> Process | None:
        """The process that started the run."""
        return self.record["process"] if self.record is not None else None

    @property
    def origin(self) -> str | None:
        """The id of the run that this run resumes."""
        return self.record.get("origin") if self.record is not None else None

    @property
    def revision(self) -> RevisionRecord | None:
        """The git revision of the run's code, or None if the code is not in a repository."""
        return self.record.get("revision") if self.record is not None else None

    @property
    def parameters(self) -> dict[str, object] | None:
        """The values of the run's parameters, by name."""
        return self.record["parameters"] if self.record is not None else None

    # -- its tags

    @property
    def system_tags(self) -> list[str]:
        """The system tags, which flowc set when the run was created, sorted."""
        return sorted(self.record.get("system_tags", ())) if self.record is not None else []

    @cached_property
    def tags(self) -> list[str]:
        """The user's tags, sorted. Tags that cannot be read are reported and left out."""
        return sorted(self.records.store.user_tags())

    # -- its status

    @cached_property
    def status(self) -> StatusView:
        """The run's status. If the run's record cannot be read, this method does not read the status."""
        if isinstance(self.error, NotFound):
            return StatusView(state=BEGINNING, error=self.error)
        return self.own_status if self.error is None else unreadable_status(self.error)

    @cached_property
    def own_status(self) -> StatusView:
        """The run's status, read even if the run's record is damaged."""
        try:
            return read_status(self.records.store, self.records.known)
        except NotFound as error:
            return StatusView(state=BEGINNING, error=error)
        except RecordError as error:
            return unreadable_status(error, "its status cannot be read")

    @property
    def ended(self) -> float | None:
        """The time when the run ended, in seconds since the epoch, or None if the run has not ended or the time is
        unknown."""
        return self.status.ended

    @property
    def seconds(self) -> float | None:
        """The run's duration in seconds, or None if the run has not ended or the duration is unknown."""
        if self.ended is None or self.created is None:
            return None
        return self.ended - self.created

    # -- steps and tasks of the run

    @cached_property
    def steps(self) -> tuple[StepView, ...]:
        """The steps that have begun, in the order of the flow."""
        return tuple(map(self.step, self.records.steps()))

    # -- its metrics

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """The last values of the run's metrics, by name, without metrics of tasks inside a foreach.

        The metrics are read from the status of an ended run, or else from the records of the tasks.
        """
        status = self.own_status
        if status.metrics is not None:
            return status.metrics
        ended = status.state in ("succeeded", "interrupted") or (status.state == "failed" and self._ended_whole(status))
        return {} if ended else self.task_metrics

    def _ended_whole(self, status: StatusView) -> bool:
        """Return whether a failed run has ended completely: on a cluster, tasks may still run after the failure."""
        return status.tasks_ended or self.target == "local"

    @property
    def task_metrics(self) -> Mapping[str, float]:
        """The values of the property `metrics`, but always read from the records of the tasks."""
        return metrics_of(self.records, items=False)

    @cached_property
    def all_metrics(self) -> Mapping[str, float]:
        """The last values of the metrics of all tasks. A metric of a task inside a foreach has the name NAME/TASK."""
        return metrics_of(self.records, items=True)

    def step(self, name: str) -> StepView:
        """Return the view of a step, whether it has begun or not."""
        return StepView(self.records, name)

    def task(self, step: str, path: str) -> TaskView:
        """Return the view of a task, by its index path."""
        return TaskView(self.records, step, path)

    def attempt(self, step: str, path: str, number: int) -> AttemptView:
        """Return the view of an attempt; numbers start at 1."""
        return AttemptView(self.records, step, path, number)

    def attempt_state(self, attempt: AttemptView) -> str:
        """Return an attempt's state. Without a record, the state is `running`, or `vanished` if the run has ended."""
        return attempt.state or ("running" if self.own_status.is_running else "vanished")
