"""One run as commands, the client and pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.run.views.status_view import BEGINNING, StatusView, read_status, unreadable_status
from flowc_runtime.run.views.step_view import StepView
from flowc_runtime.run.views.task_view import AttemptView, TaskView

if TYPE_CHECKING:
    from flowc_runtime.process.process import Process
    from flowc_runtime.store.records.record_types import RevisionRecord, RunRecord
    from flowc_runtime.store.records.store import RunStore


@final
@dataclass(frozen=True, eq=False)
class RunView:
    """A run as it is at one moment. Each record is read when it is first needed, once; make another view to look again.

    Where the run's record cannot be read, `error` says why, and what would be in it is None or empty.
    """

    records: RunRecords

    @classmethod
    def of(cls, run: RunStore) -> RunView:
        """Return the view of a run in a store; nothing is read yet."""
        return cls(RunRecords(run))

    @property
    def pathspec(self) -> str:
        """FLOW/RUN."""
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
        """The run's record; None where there is none or it cannot be read."""
        return None if isinstance(self._begun, Exception) else self._begun

    @property
    def error(self) -> NotFound | RecordError | None:
        """Why the run's record is not known: it cannot be read, or the run has not got as far as to write it."""
        return self._begun if isinstance(self._begun, Exception) else None

    def begun(self) -> RunView:
        """Return the view itself. Raises NotFound if the run has no record; one that cannot be read is no error."""
        if isinstance(self.error, NotFound):
            raise self.error
        return self

    @property
    def created(self) -> float | None:
        """When the run began, in seconds since the epoch."""
        return self.record["created"] if self.record is not None else None

    @property
    def user(self) -> str | None:
        """Who started it."""
        return self.record["user"] if self.record is not None else None

    @property
    def target(self) -> str | None:
        """What runs it: `local`, or `argo`."""
        return self.record["target"] if self.record is not None else None

    @property
    def process(self) -> Process | None:
        """The process that began it."""
        return self.record["process"] if self.record is not None else None

    @property
    def origin(self) -> str | None:
        """The id of the run that this one resumes."""
        return self.record.get("origin") if self.record is not None else None

    @property
    def revision(self) -> RevisionRecord | None:
        """The revision of its code, where that is in a git repository."""
        return self.record.get("revision") if self.record is not None else None

    @property
    def parameters(self) -> dict[str, Any] | None:
        """The values of its parameters by their names."""
        return self.record["parameters"] if self.record is not None else None

    # -- its tags

    @property
    def system_tags(self) -> list[str]:
        """The tags that it was made with, sorted."""
        return sorted(self.record.get("system_tags", ())) if self.record is not None else []

    @cached_property
    def tags(self) -> list[str]:
        """The tags that people have given it, sorted; those that cannot be read are told."""
        return sorted(self.records.store.user_tags())

    # -- how it goes

    @cached_property
    def status(self) -> StatusView:
        """How it is doing. It is not looked for where the run's record is not known."""
        if isinstance(self.error, NotFound):
            return StatusView(state=BEGINNING, error=self.error)
        return self.own_status if self.error is None else unreadable_status(self.error)

    @cached_property
    def own_status(self) -> StatusView:
        """How it is doing by its status alone, also where the run's record is damaged."""
        try:
            return read_status(self.records.store, self.records.known)
        except NotFound as error:
            return StatusView(state=BEGINNING, error=error)
        except RecordError as error:
            return unreadable_status(error, "its status cannot be read")

    @property
    def ended(self) -> float | None:
        """When it ended, in seconds since the epoch; None if it has not, or if that is not known."""
        return self.status.ended

    @property
    def seconds(self) -> float | None:
        """How long it took; None if it has not ended, or if that is not known."""
        if self.ended is None or self.created is None:
            return None
        return self.ended - self.created

    # -- what it has begun

    @cached_property
    def steps(self) -> tuple[StepView, ...]:
        """The steps that have begun, in the order of the flow."""
        return tuple(map(self.step, self.records.steps()))

    def step(self, name: str) -> StepView:
        """Return a step of it, begun or not."""
        return StepView(self.records, name)

    def task(self, step: str, path: str) -> TaskView:
        """Return a task of it, by the index path."""
        return TaskView(self.records, step, path)

    def attempt(self, step: str, path: str, number: int) -> AttemptView:
        """Return an attempt of a task; the first is number 1."""
        return AttemptView(self.records, step, path, number)

    def attempt_state(self, attempt: AttemptView) -> str:
        """Return an attempt's state; if it has none, `running`, or `vanished` where the run has ended without it."""
        return attempt.state or ("running" if self.own_status.is_running else "vanished")
